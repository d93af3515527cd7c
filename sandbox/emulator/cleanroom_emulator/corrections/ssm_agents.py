"""DescribeInstanceInformation names the instances whose agent has registered, and whether it answers.

moto lacks it. AWS: Systems Manager API Reference, "DescribeInstanceInformation"; User Guide, "Setting up managed nodes".
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociationBackend
from moto.ssm.exceptions import InvalidFilterKey, InvalidFilterValue
from moto.ssm.responses import SimpleSystemManagerResponse

from .. import machines
from ..amendments import Amendments
from ..pages import page

amendments = Amendments()
apply = amendments.apply

AGENT_VERSION = "3.3.2299.0"
PING_STATUSES = {"Online", "ConnectionLost", "Inactive"}


@amendments.add(SimpleSystemManagerResponse)
def describe_instance_information(self: SimpleSystemManagerResponse) -> ActionResult:
    filters = [(given["Key"], given["Values"]) for given in self._get_param("Filters", [])]
    filters += [(given["key"], given["valueSet"]) for given in self._get_param("InstanceInformationFilterList", [])]
    for key, values in filters:
        _check_filter(key, values)
    nodes = [
        node
        for instance in machines.instances_in(self.current_account, self.region)
        if (node := _node(instance)) and all(_matches(instance, node, key, values) for key, values in filters)
    ]
    found, token = page(nodes, self._get_param("MaxResults"), self._get_param("NextToken"), 50)
    return ActionResult({"InstanceInformationList": found, "NextToken": token})


@amendments.method(IamInstanceProfileAssociationBackend, "disassociate_iam_instance_profile")
def disassociate_iam_instance_profile(original: Any, self: Any, association_id: str) -> Any:
    """A node that loses its profile stays known, and its connection is lost."""
    for association in list(self.iam_instance_profile_associations.values()):
        if association.association_id == association_id:
            machines.remember_registration(association.instance)
    return original(self, association_id)


def _node(instance: Any) -> dict[str, Any] | None:
    ping = machines.ping_status(instance)
    if ping is None:
        return None
    return {
        "InstanceId": instance.id,
        "PingStatus": ping,
        "LastPingDateTime": datetime.now(timezone.utc) if ping == machines.ONLINE else instance.launch_time,
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "SourceType": "AWS::EC2::Instance",
        "SourceId": instance.id,
        "IPAddress": instance.private_ip,
        "ComputerName": _host_name(instance),
    }


def _host_name(instance: Any) -> str:
    return f"ip-{str(instance.private_ip).replace('.', '-')}.{instance.ec2_backend.region_name}.compute.internal"


def _check_filter(key: str, values: list[str]) -> None:
    if key == "PingStatus" and not set(values) <= PING_STATUSES:
        raise InvalidFilterValue(f"PingStatus must be one of {', '.join(sorted(PING_STATUSES))}.")
    if key not in {
        "InstanceIds",
        "PingStatus",
        "PlatformTypes",
        "AgentVersion",
        "ResourceType",
        "IamRole",
        "tag-key",
    } and not key.startswith("tag:"):
        raise InvalidFilterKey(f"The filter key {key} is not valid.")


def _matches(instance: Any, node: dict[str, Any], key: str, values: list[str]) -> bool:
    tags = machines.tags_of(instance)
    if key.startswith("tag:"):
        return tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return bool(set(values) & set(tags))
    if key == "IamRole":
        return machines.role_name_of(instance) in values
    member = {"InstanceIds": "InstanceId", "PlatformTypes": "PlatformType"}.get(key, key)
    return node[member] in values
