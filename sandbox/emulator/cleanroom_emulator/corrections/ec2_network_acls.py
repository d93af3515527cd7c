"""Every network ACL ends in the rows that deny all; the default one stays; what does not exist is told by its code.

moto gives only default ACLs those rows, and none for IPv6, lets them be deleted, deletes default ACLs, and fails on what it does
not know. AWS: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html ("each network ACL also includes a rule whose
rule number is an asterisk"), default-network-acl.html (the rows of a VPC with an IPv6 range), API_CreateNetworkAclEntry.html
("Positive integer from 1 to 32766") and https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.network_acls import NetworkACLs

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

LARGEST_RULE = 32766
# What the API shows as the numbers of the rows with an asterisk.
LAST_RULE, LAST_IPV6_RULE = 32767, 32768
ALLOW_IPV6_RULE = 101  # of default ACLs


def _add(acl: NetworkAcl, number: int, action: str, ipv4: str | None, ipv6: str | None) -> None:
    for egress in (True, False):
        if not any(entry.rule_number == number and entry.egress == egress for entry in acl.network_acl_entries):
            acl.ec2_backend.create_network_acl_entry(acl.id, number, "-1", action, egress, ipv4, None, None, None, None, ipv6)


def _add_ipv6(acl: NetworkAcl) -> None:
    if acl.default:
        _add(acl, ALLOW_IPV6_RULE, "allow", None, "::/0")
    _add(acl, LAST_IPV6_RULE, "deny", None, "::/0")


@amendments.method(NetworkAclBackend, "create_network_acl")
def create_network_acl(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> NetworkAcl:
    acl = original(self, vpc_id, *args, **kwargs)
    if not acl.default:
        _add(acl, LAST_RULE, "deny", "0.0.0.0/0", None)
    if self.get_vpc(vpc_id).get_cidr_block_association_set(ipv6=True):
        _add_ipv6(acl)
    return acl


@amendments.method(VPCBackend, "associate_vpc_cidr_block")
def associate_vpc_cidr_block(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> Any:
    association = original(self, vpc_id, *args, **kwargs)
    if self.get_vpc(vpc_id).get_cidr_block_association_set(ipv6=True):
        for acl in self.network_acls.values():
            if acl.vpc_id == vpc_id:
                _add_ipv6(acl)
    return association


def _require_own_number(original: Any, self: NetworkACLs) -> Any:
    number = self._get_int_param("RuleNumber")
    if not 1 <= number <= LARGEST_RULE:
        raise refuse("InvalidParameterValue", f"Value ({number}) for parameter ruleNumber is invalid. Valid: 1 to {LARGEST_RULE}.")
    return original(self)


for _name in ("create_network_acl_entry", "replace_network_acl_entry", "delete_network_acl_entry"):
    amendments.method(NetworkACLs, _name)(_require_own_number)


@amendments.method(NetworkAclBackend, "describe_network_acls")
def describe_network_acls(original: Any, self: Any, network_acl_ids: list[str] | None = None, filters: Any = None) -> Any:
    for network_acl_id in network_acl_ids or []:
        self.get_network_acl(network_acl_id)
    return original(self, network_acl_ids, filters)


@amendments.method(NetworkACLs, "delete_network_acl")
def delete_network_acl(original: Any, self: NetworkACLs) -> Any:
    acl = self.ec2_backend.get_network_acl(self._get_param("NetworkAclId"))
    if acl.default:
        raise refuse("InvalidParameterValue", f"cannot delete default network ACL {acl.id}")
    return original(self)


@amendments.method(NetworkAclBackend, "delete_network_acl_entry")
def delete_network_acl_entry(original: Any, self: Any, network_acl_id: str, rule_number: int, egress: bool) -> Any:
    entries = self.get_network_acl(network_acl_id).network_acl_entries
    if not any(entry.egress == egress and entry.rule_number == rule_number for entry in entries):
        direction = "egress" if egress else "ingress"
        message = f"The {direction} entry with rule number {rule_number} does not exist in network ACL '{network_acl_id}'"
        raise refuse("InvalidNetworkAclEntry.NotFound", message)
    return original(self, network_acl_id, rule_number, egress)


@amendments.method(NetworkAclBackend, "replace_network_acl_association")
def replace_network_acl_association(original: Any, self: Any, association_id: str, network_acl_id: str) -> Any:
    target = self.get_network_acl(network_acl_id)
    holder = next((acl for acl in self.network_acls.values() if association_id in acl._associations), None)
    if holder is None:
        raise refuse("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    if holder.vpc_id != target.vpc_id:
        raise refuse("InvalidParameterValue", f"Network ACL {network_acl_id} and subnet belong to different networks")
    return original(self, association_id, network_acl_id)
