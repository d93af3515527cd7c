"""Security groups belong to the network interface; setting them replaces them.

moto shows the union of an interface's and its instance's groups, takes unknown groups and makes up those it is given.
AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html ("The new set of
groups you specify replaces the current set") and API_CreateNetworkInterface.html.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import (
    NetworkInterface,
    NetworkInterfaceBackend,
)
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from ..amendments import Amendments
from ..ec2_requests import groups_in_vpc, refuse, refuse_several_interfaces

amendments = Amendments()
apply = amendments.apply

GROUPS_PER_INTERFACE = 16  # the quota's ceiling: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
# "You can specify only one attribute at a time."
ATTRIBUTES = ("Groups", "SourceDestCheck.Value", "Description.Value", "Attachment", "EnaSrdSpecification", "EnablePrimaryIpv6")

amendments.attribute(NetworkInterface, "group_set", property(lambda self: self._group_set))


def _instance_groups(self: Instance) -> list[Any]:
    primary = getattr(self, "nics", {}).get(0)
    return primary._group_set if primary else self._launch_groups


def _set_instance_groups(self: Instance, groups: list[Any]) -> None:
    self._launch_groups = groups
    if primary := getattr(self, "nics", {}).get(0):
        primary._group_set = list(groups)


amendments.attribute(Instance, "security_groups", property(_instance_groups, _set_instance_groups))


@amendments.method(NetworkInterfaceBackend, "create_network_interface")
def create_network_interface(original: Any, self: Any, subnet: Any, *args: Any, **kwargs: Any) -> Any:
    resolved = self.get_subnet(subnet) if isinstance(subnet, str) else subnet
    group_ids = kwargs.get("group_ids") or (args[2] if len(args) > 2 else None) or []
    for group_id in group_ids:
        message = f"Security group {group_id} and subnet {resolved.id} belong to different networks."
        groups_in_vpc(self, [group_id], resolved.vpc_id, message)
    return original(self, resolved, *args, **kwargs)


@amendments.method(NetworkInterfaceBackend, "modify_network_interface_attribute")
def modify_network_interface_attribute(
    original: Any, self: Any, eni_id: str, group_ids: list[str], *args: Any, **kwargs: Any
) -> None:
    interface = self.get_network_interface(eni_id)
    groups_in_vpc(self, group_ids, interface.vpc_id)
    if len(group_ids) > GROUPS_PER_INTERFACE:
        raise refuse(
            "SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached."
        )
    original(self, eni_id, group_ids, *args, **kwargs)


@amendments.method(ElasticNetworkInterfaces, "modify_network_interface_attribute")
def modify_network_interface_attribute_response(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    """moto passes over `Attachment`, which says whether the interface goes with its instance, and changes several at once."""
    named = [attribute for attribute in ATTRIBUTES if self._get_param(attribute) is not None]
    if len(named) != 1:
        raise refuse("InvalidParameterCombination", "Exactly one attribute must be specified.")
    interface = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
    if interface.requester_managed:
        raise refuse("AuthFailure", "You do not have permission to access the specified resource.")
    attachment = self._get_param("Attachment")
    if attachment and attachment.get("DeleteOnTermination") is not None:
        if interface.attachment_id != attachment.get("AttachmentId"):
            raise refuse("InvalidAttachmentID.NotFound", f"The attachment '{attachment.get('AttachmentId')}' does not exist.")
        interface.delete_on_termination = attachment["DeleteOnTermination"]
    return original(self)


@amendments.add(InstanceBackend)
def modify_instance_security_groups(self: Any, instance_id: str, new_group_id_list: list[str]) -> Instance:
    instance = self.get_instance(instance_id)
    if len(instance.nics) > 1:
        raise refuse_several_interfaces(instance_id)
    if not new_group_id_list:
        raise refuse("InvalidParameterValue", "At least one security group must be specified.")
    instance.security_groups = groups_in_vpc(self, new_group_id_list, instance.vpc_id)
    return instance
