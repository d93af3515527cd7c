"""Instances of a classic load balancer exist, leave it however they came in, and have their true health.

moto takes any id, cannot deregister by hand what an Auto Scaling group registered, and calls strangers `Unknown`. AWS:
https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DeregisterInstancesFromLoadBalancer.html,
API_RegisterInstancesWithLoadBalancer.html (InvalidInstance), API_InstanceState.html.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.elb.exceptions import ELBClientError, LoadBalancerNotFoundError
from moto.elb.models import ELBBackend, LoadBalancer
from moto.elb.responses import ELBResponse

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply


def _require_instances(backend: ELBBackend, instance_ids: list[str]) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for instance_id in instance_ids:
        if ec2.get_instance_by_id(instance_id) is None:
            raise ELBClientError("InvalidInstance", f"Could not find EC2 instance {instance_id}.")


def _require_balancer(backend: ELBBackend, name: str) -> LoadBalancer:
    balancer = backend.get_load_balancer(name)
    if balancer is None:
        raise LoadBalancerNotFoundError(name)
    return balancer


@amendments.method(ELBBackend, "register_instances")
def register_instances(
    original: Any, self: ELBBackend, load_balancer_name: str, instance_ids: Any, from_autoscaling: bool = False
) -> LoadBalancer:
    known = _require_balancer(self, load_balancer_name).instance_ids
    _require_instances(self, list(instance_ids))
    return original(self, load_balancer_name, [id for id in instance_ids if id not in known], from_autoscaling)


@amendments.method(ELBBackend, "deregister_instances")
def deregister_instances(
    original: Any, self: ELBBackend, load_balancer_name: str, instance_ids: Any, from_autoscaling: bool = False
) -> LoadBalancer:
    _require_balancer(self, load_balancer_name)
    if not from_autoscaling:
        _require_instances(self, list(instance_ids))
        original(self, load_balancer_name, instance_ids, True)
    return original(self, load_balancer_name, instance_ids, from_autoscaling)


@amendments.method(ELBBackend, "describe_instance_health")
def describe_instance_health(
    original: Any, self: ELBBackend, lb_name: str, instances: list[dict[str, str]]
) -> list[dict[str, Any]]:
    balancer = _require_balancer(self, lb_name)
    ids = [instance["InstanceId"] for instance in instances] or balancer.instance_ids
    _require_instances(self, ids)
    ec2 = ec2_backends[self.account_id][self.region_name]
    described = []
    for instance_id in ids:
        if instance_id not in balancer.instance_ids:
            state, reason, text = "OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer."
        elif ec2.get_instance(instance_id).is_running():
            state, reason, text = "InService", "N/A", "N/A"
        else:
            state, reason, text = "OutOfService", "Instance", "Instance is in stopped state."
        described.append({"InstanceId": instance_id, "State": state, "ReasonCode": reason, "Description": text})
    return described


@amendments.add(ELBResponse, "describe_instance_health")
def describe_instance_health_response(self: ELBResponse) -> ActionResult:
    """With the reason and description found above; moto writes N/A for both."""
    states = self.elb_backend.describe_instance_health(self._get_param("LoadBalancerName"), self._get_param("Instances", []))
    return ActionResult({"InstanceStates": states})
