"""Flow logs go to a folder of a bucket where the destination names one.

moto takes the whole of `bucket/folder/` for the bucket's name. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html (LogDestination).
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import FlowLogAlreadyExists
from moto.ec2.models.flow_logs import FlowLogsBackend

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply


@amendments.method(FlowLogsBackend, "create_flow_logs")
def create_flow_logs(original: Any, self: FlowLogsBackend, **request: Any) -> tuple[list[Any], list[Any]]:
    destination = request.get("log_destination")
    if request.get("log_destination_type") != "s3" or not destination or "/" not in destination:
        return original(self, **request)
    taken = {log.resource_id for log in self.flow_logs.values() if log.log_destination == destination}
    if taken & set(request["resource_ids"]):
        raise FlowLogAlreadyExists()
    made, unsuccessful = original(self, **{**request, "log_destination": destination.split("/", 1)[0]})
    for log in made:
        log.log_destination = destination
    return made, unsuccessful
