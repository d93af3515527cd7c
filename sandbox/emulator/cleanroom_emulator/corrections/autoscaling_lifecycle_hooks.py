"""A lifecycle hook has members wait on their way in or out until somebody completes the action.

moto keeps hooks and does nothing with them, and shrinks groups below their smallest size. AWS:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html (Pending:Wait, Terminating:Wait),
API_CompleteLifecycleAction.html, API_RecordLifecycleActionHeartbeat.html, API_TerminateInstanceInAutoScalingGroup.html.
"""

from __future__ import annotations

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    TerminateInstanceActivity,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from ..amendments import Amendments
from .autoscaling_groups import end_members, terminate_members, update_balancers

amendments = Amendments()
apply = amendments.apply

RESULTS = ("CONTINUE", "ABANDON")


@amendments.add(AutoScalingResponse)
def complete_lifecycle_action(self: AutoScalingResponse) -> ActionResult:
    result = self._get_param("LifecycleActionResult")
    if result not in RESULTS:
        raise ValidationError(f"LifecycleActionResult must be one of {', '.join(RESULTS)}")
    group, state = _waiting(self)
    if state.settled_lifecycle_state == "Pending:Wait" and result == "CONTINUE":
        state.lifecycle_state = "InService"
        update_balancers(group)
    else:
        terminate_members(group, [state])
        group.set_desired_capacity(group.desired_capacity)
    return EmptyResult()


@amendments.add(AutoScalingResponse)
def record_lifecycle_action_heartbeat(self: AutoScalingResponse) -> ActionResult:
    """Nothing waits so long in the sandbox that it would have to be held on to."""
    _waiting(self)
    return EmptyResult()


def _waiting(request: AutoScalingResponse) -> tuple[FakeAutoScalingGroup, InstanceState]:
    backend, instance_id = request.autoscaling_backend, request._get_param("InstanceId")
    group, hook = backend.autoscaling_groups[request._get_param("AutoScalingGroupName")], request._get_param("LifecycleHookName")
    if f"{group.name}_{hook}" in backend.lifecycle_hooks:
        for state in group.instance_states:
            if state.instance.id == instance_id and state.settled_lifecycle_state.endswith(":Wait"):
                return group, state
    raise ValidationError(f"No active Lifecycle Action found with instance ID {instance_id}")


@amendments.add(AutoScalingBackend)
def terminate_instance(self: AutoScalingBackend, instance_id: str, should_decrement: bool) -> TerminateInstanceActivity:
    for group in self.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance.id == instance_id:
                return _terminate(group, state, should_decrement)
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")


def _terminate(group: FakeAutoScalingGroup, state: InstanceState, should_decrement: bool) -> TerminateInstanceActivity:
    before = group.desired_capacity or 0
    if should_decrement and before - 1 < (group.min_size or 0):
        raise ValidationError(
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without replacement will violate "
            "group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size."
        )
    end_members(group, [state], "in response to a user request")
    group.set_desired_capacity(before - 1 if should_decrement else before)
    return TerminateInstanceActivity(state.instance, before)
