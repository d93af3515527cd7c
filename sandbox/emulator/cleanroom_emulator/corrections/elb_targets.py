"""Targets of load balancers exist, drain when they leave, and their health says why they get no traffic.

moto registers instances that do not exist, knows one port of each, refuses to deregister what is not registered, and has
deregistered targets `unused` at once. AWS:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html (InvalidTarget; "you can register
each EC2 instance … with the same target group multiple times using different ports"), API_DeregisterTargets.html ("If the specified target does not exist, the action returns successfully"),
API_TargetHealth.html, and https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
("If a deregistering target has no in-flight requests …, Elastic Load Balancing immediately completes the deregistration").
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError, TargetNotRunning
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


Key = tuple[str, str]


def _key(group: FakeTargetGroup, target: dict[str, Any]) -> Key:
    return target["Id"], str(target.get("Port") or group.port)


def _draining(group: FakeTargetGroup) -> dict[Key, dict[str, Any]]:
    """The targets that are still draining."""
    for key, target in list(group.deregistered_targets.items()):
        if time.monotonic() >= target["drained_at"]:
            del group.deregistered_targets[key]
    return group.deregistered_targets


@amendments.add(FakeTargetGroup)
def add(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    for target in targets:
        key = _key(self, target)
        self.targets[key] = {"Id": key[0], "Port": key[1]}
        self.deregistered_targets.pop(key, None)


@amendments.add(FakeTargetGroup)
def register(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    for target in targets:
        instance = self.ec2_backend.get_instance_by_id(target["Id"])
        if instance and instance.state != "running":
            raise TargetNotRunning(instance_id=target["Id"])
    self.add(targets)


@amendments.add(FakeTargetGroup)
def deregister(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    """Without a port, at the group's own: "you must specify both the target ID and the port"."""
    for target in targets:
        key = _key(self, target)
        known = self.targets.pop(key, None)
        if known and self.load_balancer_arns:
            seconds = min(IDLE_DRAIN_SECONDS, float(self.attributes["deregistration_delay.timeout_seconds"]))
            self.deregistered_targets[key] = {**known, "drained_at": time.monotonic() + seconds}


@amendments.add(FakeTargetGroup)
def deregister_terminated_instances(self: FakeTargetGroup, instance_ids: list[str]) -> None:
    self.deregister([{"Id": target_id, "Port": port} for target_id, port in self.targets if target_id in instance_ids])


@amendments.add(FakeTargetGroup)
def health_for(self: FakeTargetGroup, target: dict[str, Any], ec2_backend: Any) -> FakeHealthStatus:
    key = _key(self, target)
    reason = _reason(self, key, ec2_backend)
    return FakeHealthStatus(*key, self.health_check_port, *(REASONS[reason] if reason else ("healthy",)))


def _reason(group: FakeTargetGroup, key: Key, ec2_backend: Any) -> str | None:
    if key not in group.targets:
        return "Draining" if key in _draining(group) else "NotRegistered"
    if not group.load_balancer_arns:
        return "NotInUse"
    instance = ec2_backend.get_instance_by_id(key[0])
    return {"pending": "Starting", "stopping": "Stopped", "stopped": "Stopped"}.get(instance.state if instance else "")


@amendments.method(ELBv2Backend, "describe_target_health")
def describe_target_health(
    original: Any, self: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """Without targets it lists those registered and those draining."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        return original(self, target_group_arn, targets)
    known = [{"Id": target_id, "Port": port} for target_id, port in [*group.targets, *_draining(group)]]
    return [group.health_for(target, self.ec2_backend) for target in targets or known]


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
