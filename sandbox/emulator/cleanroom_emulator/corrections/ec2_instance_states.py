"""An instance passes through pending, stopping and shutting-down, and refuses what its state does not allow.

moto jumps to the end state and lets a terminated instance be stopped, started and changed. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html and IncorrectInstanceState in
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import time
from typing import Any

from moto.ec2.exceptions import InvalidParameterCombination, OperationNotPermitted4
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState

from ..amendments import Amendments
from ..ec2_requests import refuse
from ..settings import current

amendments = Amendments()
apply = amendments.apply

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
ON_THE_WAY_TO = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}


def _visible_state(self: Instance) -> InstanceState:
    """The transitional state until its time is over, then the one it leads to."""
    if time.monotonic() < self._settles_at:
        name = ON_THE_WAY_TO[self._settled_state.name]
        return InstanceState(name, CODES[name])
    return self._settled_state


def _set_state(self: Instance, state: InstanceState) -> None:
    """moto sets the state of a new instance only; later it changes the name and code of the one it finds."""
    self._settled_state = state
    self._settles_at = time.monotonic() + current().pending.instance


amendments.attribute(Instance, "_state", property(_visible_state, _set_state))


def _move(original: Any, instance: Instance, target: str) -> InstanceState:
    """Moves the instance towards `target`; returns the state it was in, as the call's answer shows it."""
    previous = InstanceState(instance.state, instance.state_code)
    if previous.name in (target, ON_THE_WAY_TO[target]):
        return previous
    instance._settles_at = 0.0  # moto changes the settled state in place
    original(instance)
    instance._settles_at = time.monotonic() + current().pending.instance
    return previous


@amendments.method(Instance, "start")
def start(original: Any, self: Instance) -> InstanceState:
    return _move(original, self, "running")


@amendments.method(Instance, "stop")
def stop(original: Any, self: Instance) -> InstanceState:
    return _move(original, self, "stopped")


@amendments.method(Instance, "terminate")
def terminate(original: Any, self: Instance) -> InstanceState:
    return _move(original, self, "terminated")


def _require(instances: list[Instance], states: tuple[str, ...], verb: str) -> None:
    for instance in instances:
        if instance.state not in states:
            raise refuse("IncorrectInstanceState", f"The instance '{instance.id}' is not in a state from which it can be {verb}.")


@amendments.method(InstanceBackend, "start_instances")
def start_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
    _require(self.get_multi_instances_by_id(instance_ids), ("running", "pending", "stopped"), "started")
    return original(self, instance_ids)


@amendments.method(InstanceBackend, "stop_instances")
def stop_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
    """One protected instance keeps all those of the call running."""
    for instance in self.get_multi_instances_by_id(instance_ids):
        if instance.disable_api_stop:
            message = f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
            raise refuse("OperationNotPermitted", message)
    _require(self.get_multi_instances_by_id(instance_ids), ("running", "stopped", "stopping"), "stopped")
    return original(self, instance_ids)


@amendments.method(InstanceBackend, "reboot_instances")
def reboot_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
    _require(self.get_multi_instances_by_id(instance_ids), ("running", "pending"), "rebooted")
    return original(self, instance_ids)


@amendments.method(InstanceBackend, "terminate_instances")
def terminate_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
    """One protected instance keeps all those of the call: none is terminated."""
    if not instance_ids:
        raise InvalidParameterCombination("No instances specified")
    for instance in self.get_multi_instances_by_id(instance_ids):
        if instance.disable_api_termination:
            raise OperationNotPermitted4(instance.id)
    return original(self, instance_ids)
