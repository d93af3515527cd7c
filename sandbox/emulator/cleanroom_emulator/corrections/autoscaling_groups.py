"""An Auto Scaling group takes in and lets go of an instance as AWS does, and keeps account of what it did.

moto detaches below the smallest size, leaves detached instances in their target groups, registers again what was taken
out, scales in what is on standby, takes anything out of standby, and has no activities. AWS:
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DetachInstances.html, API_AttachInstances.html ("If the number of
instances being attached plus the desired capacity of the group exceeds the maximum size of the group, the operation fails"),
API_EnterStandby.html, API_ExitStandby.html ("After you put the instances back in service, the desired capacity is
incremented"), and https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html ("If a
Classic Load Balancer or target group is attached to the group, the instances are deregistered from it").
"""

from __future__ import annotations

from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    ASG_NAME_TAG,
    Activity,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

# A member that was terminated elsewhere is replaced only while all of these run.
REPLACING_PROCESSES = {"HealthCheck", "Launch", "ReplaceUnhealthy", "Terminate"}
LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
# Members in these states count for the capacity.
COUNTED = {"InService", "Pending:Wait"}


class _Groups(dict[str, FakeAutoScalingGroup]):
    def __missing__(self, name: str) -> FakeAutoScalingGroup:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")


@amendments.method(AutoScalingBackend, "__init__")
def init(original: Any, self: AutoScalingBackend, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.autoscaling_groups = _Groups()
    self.activities = []


def _lifecycle_state(self: InstanceState) -> str:
    starting = self.settled_lifecycle_state == "InService" and self.instance.state == "pending"
    return "Pending" if starting else self.settled_lifecycle_state


def _set_lifecycle_state(self: InstanceState, state: str) -> None:
    self.settled_lifecycle_state = state


amendments.attribute(InstanceState, "lifecycle_state", property(_lifecycle_state, _set_lifecycle_state))


@amendments.add(FakeAutoScalingGroup)
def active_instances(self: FakeAutoScalingGroup) -> list[InstanceState]:
    """The members that count for the capacity: those starting too, those on standby or on their way out not."""
    return [state for state in self.instance_states if state.settled_lifecycle_state in COUNTED]


@amendments.method(FakeAutoScalingGroup, "set_desired_capacity")
def set_desired_capacity(original: Any, self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    """Launches what is missing or ends what is too much, unless that is suspended; a protected member stays."""
    if self.mixed_instances_policy:
        original(self, new_capacity)
        return
    self.desired_capacity = self.min_size if new_capacity is None else new_capacity
    missing = (self.desired_capacity or 0) - len(self.active_instances())
    if missing > 0:
        self.replace_autoscaling_group_instances(missing, self.get_propagated_tags())
    elif missing < 0 and "Terminate" not in suspended(self):
        surplus = [state for state in self.active_instances() if not state.protected_from_scale_in][:-missing]
        end_members(self, surplus, "in response to a difference between desired and actual capacity")
    update_balancers(self)


def end_members(group: FakeAutoScalingGroup, states: list[InstanceState], why: str) -> None:
    """Terminates members, or has them wait where a lifecycle hook asks for it."""
    waits = has_hook(group, TERMINATING)
    for state in states:
        cause = f"At {utcnow():%Y-%m-%dT%H:%M:%SZ} an instance was taken out of service {why}."
        group.autoscaling_backend.activities.append(Activity(f"Terminating EC2 instance: {state.instance.id}", cause, group))
        state.lifecycle_state = "Terminating:Wait" if waits else "Terminating"
    if not waits:
        terminate_members(group, states)


def terminate_members(group: FakeAutoScalingGroup, states: list[InstanceState]) -> None:
    group.instance_states = [state for state in group.instance_states if state not in states]
    for state in states:
        # "The DisableApiTermination attribute does not prevent Amazon EC2 Auto Scaling from terminating an instance."
        state.instance.disable_api_termination = False
    if states:
        group.autoscaling_backend.ec2_backend.terminate_instances([state.instance.id for state in states])


def has_hook(group: FakeAutoScalingGroup, transition: str) -> bool:
    hooks = group.autoscaling_backend.lifecycle_hooks.values()
    return any(hook.auto_scaling_group_name == group.name and hook.lifecycle_transition == transition for hook in hooks)


def update_balancers(group: FakeAutoScalingGroup) -> None:
    """Does nothing while the group is still being made: its balancers are told when it is there."""
    if group.name in group.autoscaling_backend.autoscaling_groups:
        group.autoscaling_backend.update_attached_elbs(group.name)
        group.autoscaling_backend.update_attached_target_groups(group.name)


def suspended(group: FakeAutoScalingGroup) -> set[str]:
    return {process["ProcessName"] for process in group.suspended_processes}


@amendments.method(FakeAutoScalingGroup, "replace_autoscaling_group_instances")
def launch(original: Any, self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
    if "Launch" in suspended(self):
        return
    before = {state.instance.id for state in self.instance_states}
    original(self, count_needed, propagated_tags)
    for state in self.instance_states:
        if state.instance.id not in before:
            if has_hook(self, LAUNCHING):
                state.lifecycle_state = "Pending:Wait"
            _associate_profile(self, state.instance)
            cause = (
                f"At {utcnow():%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a difference between desired and "
                f"actual capacity, increasing the capacity from {len(before)} to {len(self.instance_states)}."
            )
            self.autoscaling_backend.activities.append(
                Activity(f"Launching a new EC2 instance: {state.instance.id}", cause, self)
            )


def _associate_profile(group: FakeAutoScalingGroup, instance: Any) -> None:
    """The profile of the launch template or configuration; moto leaves it out."""
    if group.ec2_launch_template:
        profile = group.ec2_launch_template.get_version(group.launch_template_version).data.get("IamInstanceProfile", {})
        name, arn = profile.get("Name"), profile.get("Arn")
    else:
        given = group.launch_config.instance_profile_name if group.launch_config else None
        name, arn = (None, given) if (given or "").startswith("arn:") else (given, None)
    if name or arn:
        group.autoscaling_backend.ec2_backend.associate_iam_instance_profile(
            instance.id, iam_instance_profile_name=name, iam_instance_profile_arn=arn
        )


@amendments.method(AutoScalingBackend, "notify_terminate_instances")
def notify_terminate_instances(original: Any, self: AutoScalingBackend, instance_ids: list[str]) -> None:
    """Terminated members leave their group, and are replaced unless a process that takes part in it is suspended."""
    for group in self.autoscaling_groups.values():
        gone = [state for state in group.instance_states if state.instance.id in instance_ids]
        if not gone:
            continue
        group.instance_states = [state for state in group.instance_states if state not in gone]
        for state in gone:
            cause = f"At {utcnow():%Y-%m-%dT%H:%M:%SZ} an instance was taken out of service in response to an EC2 health check."
            self.activities.append(Activity(f"Terminating EC2 instance: {state.instance.id}", cause, group))
        if not REPLACING_PROCESSES & suspended(group):
            group.set_desired_capacity(group.desired_capacity)


@amendments.method(AutoScalingBackend, "detach_instances")
def detach_instances(
    original: Any, self: AutoScalingBackend, group_name: str, instance_ids: list[str], should_decrement: bool
) -> list[Activity]:
    group = self.autoscaling_groups[group_name]
    _require_members(group, instance_ids)
    if should_decrement:
        _require_room(group, len(instance_ids), "detach")
    activities = original(self, group_name, instance_ids, should_decrement)
    self.activities.extend(activities)
    return activities


@amendments.method(AutoScalingBackend, "enter_standby_instances")
def enter_standby(
    original: Any, self: AutoScalingBackend, group_name: str, instance_ids: list[str], should_decrement: bool
) -> list[Activity]:
    group = self.autoscaling_groups[group_name]
    _require_members(group, instance_ids, ("InService",))
    if should_decrement:
        _require_room(group, len(instance_ids), "place into standby")
    activities = original(self, group_name, instance_ids, should_decrement)
    self.activities.extend(activities)
    return activities


@amendments.method(AutoScalingBackend, "exit_standby_instances")
def exit_standby(original: Any, self: AutoScalingBackend, group_name: str, instance_ids: list[str]) -> list[Activity]:
    group = self.autoscaling_groups[group_name]
    _require_members(group, instance_ids, ("Standby",))
    _require_space(group, len(instance_ids), "take out of standby")
    activities = original(self, group_name, instance_ids)
    self.activities.extend(activities)
    return activities


def _require_members(
    group: FakeAutoScalingGroup, instance_ids: list[str], allowed: tuple[str, ...] = ("InService", "Standby")
) -> None:
    states = {state.instance.id: state.lifecycle_state for state in group.instance_states}
    for instance_id in instance_ids:
        if instance_id not in states:
            raise ValidationError(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        if states[instance_id] not in allowed:
            raise ValidationError(f"The instance {instance_id} is not in {' or '.join(allowed)}.")


def _require_room(group: FakeAutoScalingGroup, count: int, verb: str) -> None:
    if (group.desired_capacity or 0) - count < (group.min_size or 0):
        raise _wrong_size(group, count, verb)


def _require_space(group: FakeAutoScalingGroup, count: int, verb: str) -> None:
    if (group.desired_capacity or 0) + count > (group.max_size or 0):
        raise _wrong_size(group, count, verb)


def _wrong_size(group: FakeAutoScalingGroup, count: int, verb: str) -> ValidationError:
    sizes = f"min-size={group.min_size}, max-size={group.max_size}, and desired-size={group.desired_capacity}"
    noun = "instance" if count == 1 else "instances"
    return ValidationError(
        f"AutoScalingGroup {group.name} has {sizes}. To {verb} {count} {noun}, please update the AutoScalingGroup sizes appropriately."
    )


@amendments.add(AutoScalingBackend)
def attach_instances(self: AutoScalingBackend, group_name: str, instance_ids: list[str]) -> None:
    group = self.autoscaling_groups[group_name]
    members = {state.instance.id: other.name for other in self.autoscaling_groups.values() for state in other.instance_states}
    for instance_id in instance_ids:
        instance = self.ec2_backend.get_instance_by_id(instance_id)
        if instance is None:
            raise ValidationError(f"Invalid Instance ID(s): [{instance_id}] specified")
        if instance_id in members:
            raise ValidationError(f"Instance {instance_id} is already part of AutoScalingGroup:{members[instance_id]}")
        if instance.state != "running":
            raise ValidationError(f"Instance {instance_id} is not in correct state.")
    _require_space(group, len(instance_ids), "attach")
    for instance_id in instance_ids:
        instance = self.ec2_backend.get_instance(instance_id)
        instance.autoscaling_group = group
        protected = group.new_instances_protected_from_scale_in
        group.instance_states.append(InstanceState(instance, protected_from_scale_in=protected, autoscaling_group=group))
        self.ec2_backend.create_tags([instance_id], {ASG_NAME_TAG: group.name})
        cause = f"At {utcnow():%Y-%m-%dT%H:%M:%SZ} an instance was attached in response to a user request."
        self.activities.append(Activity(f"Attaching an existing EC2 instance: {instance_id}", cause, group))
    group.set_desired_capacity((group.desired_capacity or 0) + len(instance_ids))


@amendments.add(AutoScalingBackend)
def update_attached_target_groups(self: AutoScalingBackend, group_name: str) -> None:
    """Members that came in are registered and those that left deregistered; what was changed by hand is left alone."""
    group = self.autoscaling_groups[group_name]
    for arn in group.target_group_arns:
        target_group = self.elbv2_backend.target_groups.get(arn)
        if target_group is None:  # it may be deleted before its group
            continue
        came, left = _changes(group, arn)
        target_group.add([{"Id": instance_id} for instance_id in came])
        target_group.deregister([{"Id": instance_id} for instance_id in left])


@amendments.add(AutoScalingBackend)
def update_attached_elbs(self: AutoScalingBackend, group_name: str) -> None:
    group = self.autoscaling_groups[group_name]
    for name in group.load_balancer_names:
        if self.elb_backend.get_load_balancer(name) is None:
            continue
        came, left = _changes(group, name)
        self.elb_backend.register_instances(name, came, from_autoscaling=True)
        self.elb_backend.deregister_instances(name, left, from_autoscaling=True)


def _changes(group: FakeAutoScalingGroup, balancer: str) -> tuple[list[str], list[str]]:
    """Instance ids that entered and left the group's service since the balancer was last told."""
    told = group.__dict__.setdefault("told_balancers", {})
    active = [state.instance.id for state in group.instance_states if state.settled_lifecycle_state == "InService"]
    known = told.get(balancer, [])
    came = [] if "AddToLoadBalancer" in suspended(group) else [id for id in active if id not in known]
    told[balancer] = [id for id in active if id in known or id in came]
    return came, [id for id in known if id not in active]


@amendments.add(AutoScalingResponse)
def describe_scaling_activities(self: AutoScalingResponse) -> ActionResult:
    """Newest first; what was in progress in its own call's answer is done by the next."""
    name, ids = self._get_param("AutoScalingGroupName"), self._get_param("ActivityIds", [])
    activities = [
        activity
        for activity in reversed(self.autoscaling_backend.activities)
        if (not name or activity.auto_scaling_group_name == name) and (not ids or activity.activity_id in ids)
    ]
    for activity in activities:
        activity.status_code, activity.progress = "Successful", 100
    return ActionResult({"Activities": activities[: self._get_int_param("MaxRecords", 100)]})
