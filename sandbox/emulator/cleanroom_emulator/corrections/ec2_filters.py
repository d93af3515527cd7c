"""Describe calls filter as AWS's do: by the names AWS has, with wildcards, matching any of the values.

moto lacks many filters and compares lists as sets. AWS: the Filters of each call in
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import moto.ec2.utils
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.flow_logs import FlowLogs
from moto.ec2.models.network_acls import NetworkAcl
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.utils import (
    filter_dict_attribute_mapping,
    format_timestamp,
    get_object_value,
    is_tag_filter,
    tag_filter_matches,
)

from ..amendments import Amendments

amendments = Amendments()

Reader = Callable[[Any], Any]


def _tags(resource: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in resource.get_tags()}


def _interfaces(read: Reader) -> Reader:
    return lambda instance: [read(interface) for interface in instance.network_interfaces]


def _disks(read: Reader) -> Reader:
    return lambda instance: [read(name, disk) for name, disk in instance.get_block_device_mapping]


def _of_addresses(member: str) -> Reader:
    """A member of the association of any of the interface's private addresses."""
    return lambda eni: [
        item["Association"].get(member) for item in eni.network_interface_private_ip_address_list if "Association" in item
    ]


INSTANCE_FILTERS: dict[str, Reader] = {
    "block-device-mapping.delete-on-termination": _disks(lambda name, disk: disk.delete_on_termination),
    "block-device-mapping.device-name": _disks(lambda name, disk: name),
    "block-device-mapping.status": _disks(lambda name, disk: "attached"),
    "block-device-mapping.volume-id": _disks(lambda name, disk: disk.volume_id),
    "client-token": lambda instance: instance.client_token,
    "hypervisor": lambda instance: instance.hypervisor,
    "iam-instance-profile.arn": lambda instance: (instance.iam_instance_profile or {}).get("Arn"),
    "iam-instance-profile.id": lambda instance: (instance.iam_instance_profile or {}).get("Id"),
    "instance-lifecycle": lambda instance: instance.lifecycle,
    "instance-state-code": lambda instance: instance.state_code,
    "instance.group-id": lambda instance: [group.id for group in instance.security_groups],
    "launch-time": lambda instance: instance.launch_time,
    "metadata-options.http-endpoint": lambda instance: instance.metadata_options.http_endpoint,
    "metadata-options.http-tokens": lambda instance: instance.metadata_options.http_tokens,
    "monitoring-state": lambda instance: instance.monitoring_state,
    "network-interface.addresses.private-ip-address": _interfaces(lambda interface: interface.private_ip_address),
    "network-interface.attachment.attachment-id": _interfaces(lambda interface: interface.attachment_id),
    "network-interface.availability-zone": _interfaces(lambda interface: interface.availability_zone),
    "network-interface.group-id": lambda instance: [
        g.id for interface in instance.network_interfaces for g in interface.group_set
    ],
    "network-interface.group-name": lambda instance: [
        g.name for interface in instance.network_interfaces for g in interface.group_set
    ],
    "network-interface.ipv6-addresses.ipv6-address": lambda instance: [
        address for interface in instance.network_interfaces for address in interface.ipv6_addresses
    ],
    "network-interface.network-interface-id": _interfaces(lambda interface: interface.id),
    "network-interface.status": _interfaces(lambda interface: interface.status),
    "network-interface.subnet-id": _interfaces(lambda interface: interface.subnet_id),
    "network-interface.vpc-id": _interfaces(lambda interface: interface.vpc_id),
    "placement-availability-zone": lambda instance: instance.availability_zone,
    "platform-details": lambda instance: instance.platform_details,
    "reason": lambda instance: instance.state_transition_reason,
    "root-device-name": lambda instance: instance.root_device_name,
    "root-device-type": lambda instance: instance.root_device_type,
    "tenancy": lambda instance: instance.placement.tenancy,
    "virtualization-type": lambda instance: instance.virtualization_type,
}

# For everything but instances: what moto's own look-up lacks or gets wrong, by class.
FILTERS: dict[type, dict[str, Reader]] = {
    ElasticAddress: {
        "network-border-group": lambda address: address.network_border_group,
        "network-interface-owner-id": lambda address: address.network_interface_owner_id,
    },
    NetworkAcl: {
        "entry.ipv6-cidr": lambda acl: [entry.ipv6_cidr_block for entry in acl.network_acl_entries],
        "network-acl-id": lambda acl: acl.id,
    },
    NetworkInterface: {
        "addresses.association.public-ip": _of_addresses("PublicIp"),
        "addresses.private-ip-address": lambda eni: [item["PrivateIpAddress"] for item in eni.private_ip_addresses],
        "association.allocation-id": _of_addresses("AllocationId"),
        "association.association-id": _of_addresses("AssociationId"),
        "association.public-ip": _of_addresses("PublicIp"),
        "attachment.delete-on-termination": lambda eni: eni.delete_on_termination if eni.attachment_id else None,
        "attachment.device-index": lambda eni: eni.device_index if eni.attachment_id else None,
        "attachment.status": lambda eni: "attached" if eni.status == "in-use" else "detached",
        "group-id": lambda eni: [group.id for group in eni.group_set],
        "group-name": lambda eni: [group.name for group in eni.group_set],
        "interface-type": lambda eni: eni.interface_type,
        "ipv6-addresses.ipv6-address": lambda eni: eni.ipv6_addresses,
        "mac-address": lambda eni: eni.mac_address,
        "owner-id": lambda eni: eni.owner_id,
        "private-dns-name": lambda eni: getattr(eni, "private_dns_name", None),
        "requester-id": lambda eni: eni.requester_id if eni.requester_managed else None,
        "requester-managed": lambda eni: eni.requester_managed,
        "source-dest-check": lambda eni: eni.source_dest_check,
        "status": lambda eni: eni.status,
    },
    Volume: {
        "attachment.delete-on-termination": lambda volume: [item.delete_on_termination for item in volume.attachments],
        "attachment.device": lambda volume: [item.device for item in volume.attachments],
        "attachment.instance-id": lambda volume: [item.instance_id for item in volume.attachments],
        "attachment.status": lambda volume: [item.status for item in volume.attachments],
        "multi-attach-enabled": lambda volume: bool(volume.multi_attach_enabled),
        "snapshot-id": lambda volume: volume.snapshot_id,
        "volume-type": lambda volume: volume.volume_type,
    },
    Snapshot: {
        "progress": lambda snapshot: snapshot.progress,
        "volume-id": lambda snapshot: snapshot.volume_id,
        "volume-size": lambda snapshot: snapshot.volume_size,
    },
    VPCEndPoint: {
        "ip-address-type": lambda endpoint: "ipv4",
        "vpc-endpoint-id": lambda endpoint: endpoint.id,
    },
    FlowLogs: {
        "deliver-log-status": lambda flow_log: flow_log.deliver_logs_status,
    },
}


def matches(value: Any, patterns: Iterable[str] | str) -> bool:
    """Whether the value, or any of a list's, matches any pattern; nothing matches none."""
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    values = value if isinstance(value, (list, tuple, set)) else [value]
    return any(fnmatch.fnmatchcase(_text(one), pattern) for one in values if one is not None for pattern in patterns)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format_timestamp(value) if isinstance(value, datetime) else str(value)


def _instance_passes(instance: Any, filters: dict[str, Any]) -> bool:
    return all(_instance_matches(instance, name, values) for name, values in filters.items())


def _instance_matches(instance: Any, name: str, values: Any) -> bool:
    if is_tag_filter(name):
        return bool(tag_filter_matches(instance, name, values))
    if name in INSTANCE_FILTERS:
        return matches(INSTANCE_FILTERS[name](instance), values)
    if name in filter_dict_attribute_mapping:
        return matches(get_object_value(instance, filter_dict_attribute_mapping[name]), values)
    raise NotImplementedError(f"the filter '{name}'")


def _resource_matches(resource: Any, name: str, values: Any) -> bool:
    reader = FILTERS.get(type(resource), {}).get(name)
    if reader:
        return matches(reader(resource), values)
    if name.startswith("tag:"):
        return matches(_tags(resource).get(name[4:]), values)
    value = resource.get_filter_value(name)
    return matches(list(value) if isinstance(value, type({}.keys())) else value, values)


def _group_matches(self: Any, filters: Any) -> bool:
    """Security groups and their rules have a look-up of their own in moto, which fails on names it does not have."""
    for name, values in filters.items():
        if not is_tag_filter(name) and name not in self.filters:
            raise NotImplementedError(f"the filter '{name}'")
        if not self.matches_filter(name, values):
            return False
    return True


amendments.attribute(SecurityGroup, "matches_filters", _group_matches)
amendments.attribute(SecurityGroupRule, "matches_filters", _group_matches)


def apply() -> None:
    amendments.apply()
    moto.ec2.utils.passes_filter_dict = _instance_passes
    moto.ec2.utils.is_filter_matching = _resource_matches
