"""Suspended processes say since when, do nothing while suspended, and catch up when they are resumed.

moto takes any name, gives no reason, never looks at its members' health, and leaves undone what was missed. AWS:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html,
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html (an instance that is stopping or
stopped fails the EC2 health check and is replaced), API_SetInstanceHealth.html, API_SetInstanceProtection.html.
"""

from __future__ import annotations

from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    autoscaling_backends,
)
from moto.core.utils import utcnow
from moto.ec2.models.instances import InstanceBackend

from ..amendments import Amendments
from ..transitions import after
from .autoscaling_groups import REPLACING_PROCESSES, end_members, suspended

amendments = Amendments()
apply = amendments.apply

PROCESSES = (
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh",
    "ReplaceUnhealthy", "ScheduledActions",
)  # fmt: skip
HEALTH_CHECK_SECONDS = 1.0  # minutes on AWS
STOPPED = ("stopping", "stopped")
PROTECTABLE = ("InService", "Standby", "EnteringStandby", "Pending", "Pending:Wait")


def _described(self: FakeAutoScalingGroup) -> list[dict[str, str]]:
    """Each with the time from which it was suspended; moto sets a list of names."""
    return [{"ProcessName": name, "SuspensionReason": reason} for name, reason in self.suspensions.items()]


def _set(self: FakeAutoScalingGroup, names: list[str]) -> None:
    known = self.__dict__.get("suspensions", {})
    reason = f"User suspended at {utcnow():%Y-%m-%dT%H:%M:%SZ}"
    self.suspensions = {name: known.get(name, reason) for name in PROCESSES if name in names}


amendments.attribute(FakeAutoScalingGroup, "suspended_processes", property(_described, _set))


def _require_processes(names: list[str]) -> None:
    for name in names:
        if name not in PROCESSES:
            raise ValidationError(f"Invalid Process Type: {name}. Valid: {', '.join(PROCESSES)}")


@amendments.method(AutoScalingBackend, "suspend_processes")
def suspend_processes(original: Any, self: AutoScalingBackend, group_name: str, scaling_processes: list[str]) -> None:
    _require_processes(scaling_processes)
    original(self, group_name, scaling_processes)


@amendments.method(AutoScalingBackend, "resume_processes")
def resume_processes(original: Any, self: AutoScalingBackend, group_name: str, scaling_processes: list[str]) -> None:
    _require_processes(scaling_processes)
    original(self, group_name, scaling_processes)
    group = self.autoscaling_groups[group_name]
    check_health(group)
    group.set_desired_capacity(group.desired_capacity)


def check_health(group: FakeAutoScalingGroup) -> None:
    """Members that are stopped are unhealthy; unhealthy ones are replaced unless a process that takes part is suspended."""
    in_service = [state for state in group.instance_states if state.settled_lifecycle_state == "InService"]
    if "HealthCheck" not in suspended(group):
        for state in in_service:
            if state.instance.state in STOPPED:
                state.health_status = "Unhealthy"
    unhealthy = [state for state in in_service if state.health_status == "Unhealthy"]
    if unhealthy and not REPLACING_PROCESSES & suspended(group):
        end_members(group, unhealthy, "in response to a health check")
        group.set_desired_capacity(group.desired_capacity)


@amendments.method(InstanceBackend, "stop_instances")
def stop_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
    answer = original(self, instance_ids)
    groups = autoscaling_backends[self.account_id][self.region_name].autoscaling_groups

    def check() -> None:
        for group in list(groups.values()):
            check_health(group)

    if groups:
        after(HEALTH_CHECK_SECONDS, check)
    return answer


@amendments.add(AutoScalingBackend)
def set_instance_health(self: AutoScalingBackend, instance_id: str, health_status: str) -> None:
    if health_status not in ("Healthy", "Unhealthy"):
        raise ValidationError(f"Valid instance health states are: [Healthy, Unhealthy]. Not {health_status}")
    for group in self.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance.id == instance_id:
                state.health_status = health_status
                check_health(group)
                return
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")


@amendments.method(AutoScalingBackend, "set_instance_protection")
def set_instance_protection(
    original: Any, self: AutoScalingBackend, group_name: str, instance_ids: list[str], protected_from_scale_in: bool | None
) -> None:
    states = {state.instance.id: state.lifecycle_state for state in self.autoscaling_groups[group_name].instance_states}
    for instance_id in instance_ids:
        if instance_id not in states:
            raise ValidationError(f"The instance {instance_id} is not part of Auto Scaling group {group_name}.")
        if states[instance_id] not in PROTECTABLE:
            raise ValidationError(f"The instance {instance_id} is not in InService or EnteringStandby or Standby.")
    original(self, group_name, instance_ids, protected_from_scale_in)
