"""Every network ACL ends in the rows that deny all; the default one stays; what does not exist is told by its code.

moto gives only default ACLs those rows, deletes default ACLs, and fails on entries and associations it does not know. AWS:
https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html ("each network ACL also includes a rule whose rule number
is an asterisk") and https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend
from moto.ec2.responses.network_acls import NetworkACLs

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

LAST_RULE = 32767


@amendments.method(NetworkAclBackend, "create_network_acl")
def create_network_acl(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> NetworkAcl:
    acl = original(self, vpc_id, *args, **kwargs)
    if not acl.default:
        for egress in (True, False):
            self.create_network_acl_entry(acl.id, LAST_RULE, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None)
    return acl


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
