"""MonitorInstances and UnmonitorInstances switch an instance's detailed monitoring.

moto has neither. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_MonitorInstances.html and
API_UnmonitorInstances.html; the answers name the state on the way there (`pending`, `disabling`), as in their examples.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.monitoring import Monitoring

from ..amendments import Amendments
from .ec2_instance_attributes import changeable_instance

amendments = Amendments()
apply = amendments.apply


@amendments.add(Monitoring)
def monitor_instances(self: Monitoring) -> ActionResult:
    return _switch(self, "enabled", answered="pending")


@amendments.add(Monitoring)
def unmonitor_instances(self: Monitoring) -> ActionResult:
    return _switch(self, "disabled", answered="disabling")


def _switch(response: Any, state: str, answered: str) -> ActionResult:
    """All instances of the call or, where one cannot be changed, none."""
    instances = [changeable_instance(response.ec2_backend, instance_id) for instance_id in response._get_param("InstanceIds", [])]
    answers = []
    for instance in instances:
        answers.append({"InstanceId": instance.id, "Monitoring": {"State": state if instance.monitoring_state == state else answered}})
        instance.monitoring_state = state
    return ActionResult({"InstanceMonitorings": answers})
