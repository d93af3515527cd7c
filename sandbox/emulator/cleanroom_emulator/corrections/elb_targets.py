"""Targets of load balancers exist, drain when they leave, and their health says why they get no traffic.

moto registers instances that do not exist, refuses to deregister what is not registered, and has deregistered targets
`unused` at once. AWS: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html
(InvalidTarget), API_DeregisterTargets.html ("If the specified target does not exist, the action returns successfully"),
API_TargetHealth.html, and https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
("If a deregistering target has no in-flight requests …, Elastic Load Balancing immediately completes the deregistration").
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup
from moto.elbv2.responses import ELBV2Response

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

# Nothing sends requests in the sandbox, so a target drains as long as it takes AWS to find that out.
IDLE_DRAIN_SECONDS = 1.0

# State, reason and description of a target that gets no traffic.
REASONS = {
    "NotRegistered": ("unused", "Target.NotRegistered", "Target is not registered to the target group"),
    "NotInUse": ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
    "Draining": ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "Starting": ("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
    "Stopped": ("unused", "Target.InvalidState", "Target is in the stopped state"),
}


def _draining(group: FakeTargetGroup) -> dict[str, dict[str, Any]]:
    """The targets that are still draining."""
    for target_id, target in list(group.deregistered_targets.items()):
        if time.monotonic() >= target["drained_at"]:
            del group.deregistered_targets[target_id]
    return group.deregistered_targets


@amendments.add(FakeTargetGroup)
def deregister(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    for target in targets:
        known = self.targets.pop(target["Id"], None)
        if known and self.load_balancer_arns:
            seconds = min(IDLE_DRAIN_SECONDS, float(self.attributes["deregistration_delay.timeout_seconds"]))
            self.deregistered_targets[target["Id"]] = {**known, "drained_at": time.monotonic() + seconds}


@amendments.add(FakeTargetGroup)
def deregister_terminated_instances(self: FakeTargetGroup, instance_ids: list[str]) -> None:
    self.deregister([{"Id": instance_id} for instance_id in instance_ids])


@amendments.add(FakeTargetGroup)
def health_for(self: FakeTargetGroup, target: dict[str, Any], ec2_backend: Any) -> FakeHealthStatus:
    target_id = target["Id"]
    known = self.targets.get(target_id) or _draining(self).get(target_id)
    port = target.get("Port") or (known or {}).get("Port") or self.port
    reason = _reason(self, target_id, ec2_backend)
    return FakeHealthStatus(target_id, port, self.health_check_port, *(REASONS[reason] if reason else ("healthy",)))


def _reason(group: FakeTargetGroup, target_id: str, ec2_backend: Any) -> str | None:
    if target_id not in group.targets:
        return "Draining" if target_id in _draining(group) else "NotRegistered"
    if not group.load_balancer_arns:
        return "NotInUse"
    instance = ec2_backend.get_instance_by_id(target_id)
    return {"pending": "Starting", "stopping": "Stopped", "stopped": "Stopped"}.get(instance.state if instance else "")


@amendments.method(ELBv2Backend, "describe_target_health")
def describe_target_health(
    original: Any, self: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """Without targets it lists those registered and those draining."""
    group = self.target_groups.get(target_group_arn)
    if not targets and group is not None:
        targets = [{"Id": id, "Port": target["Port"]} for id, target in [*group.targets.items(), *_draining(group).items()]]
        return [group.health_for(target, self.ec2_backend) for target in targets]
    return original(self, target_group_arn, targets)


@amendments.method(ELBV2Response, "register_targets")
def register_targets(original: Any, self: ELBV2Response) -> ActionResult:
    group = self.elbv2_backend.target_groups.get(self._get_param("TargetGroupArn"))
    if group is not None and group.target_type == "instance":
        for target in self._get_param("Targets", []):
            instance = self.elbv2_backend.ec2_backend.get_instance_by_id(target["Id"])
            if instance is None:
                raise ELBClientError("InvalidTarget", f"The following targets are not valid instances: '{target['Id']}'")
            if instance.vpc_id != group.vpc_id:
                message = f"The following targets are not in the target group VPC '{group.vpc_id}': '{target['Id']}'"
                raise ELBClientError("InvalidTarget", message)
    return original(self)
