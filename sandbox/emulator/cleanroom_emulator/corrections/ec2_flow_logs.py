"""Flow logs go to a folder of a bucket, or to a log group by its ARN, where the destination names one.

moto takes the whole of `bucket/folder/` for the bucket's name, looks log groups up by name only, and passes over ids it does
not know. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html (LogDestination) and
InvalidFlowLogId.NotFound in https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import FlowLogAlreadyExists
from moto.ec2.models.flow_logs import FlowLogsBackend

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply


@amendments.method(FlowLogsBackend, "create_flow_logs")
def create_flow_logs(original: Any, self: FlowLogsBackend, **request: Any) -> tuple[list[Any], list[Any]]:
    destination = request.get("log_destination")
    if request.get("log_destination_type") in (None, "cloud-watch-logs") and destination:
        request = {**request, "log_group_name": destination.split(":log-group:")[-1].removesuffix(":*"), "log_destination": None}
    if request.get("log_destination_type") != "s3" or not destination or "/" not in destination:
        return original(self, **request)
    taken = {log.resource_id for log in self.flow_logs.values() if log.log_destination == destination}
    if taken & set(request["resource_ids"]):
        raise FlowLogAlreadyExists()
    made, unsuccessful = original(self, **{**request, "log_destination": destination.split("/", 1)[0]})
    for log in made:
        log.log_destination = destination
    return made, unsuccessful


@amendments.method(FlowLogsBackend, "describe_flow_logs")
def describe_flow_logs(original: Any, self: FlowLogsBackend, flow_log_ids: list[str] | None = None, filters: Any = None) -> Any:
    for flow_log_id in flow_log_ids or []:
        if flow_log_id not in self.flow_logs:
            raise refuse("InvalidFlowLogId.NotFound", f"The flow log ID '{flow_log_id}' does not exist")
    return original(self, flow_log_ids, filters)
