"""A security group in use, referenced, or default cannot be deleted.

moto deletes them all. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html ("If you
attempt to delete a security group that is associated with an instance or network interface, or is referenced by another
security group in the same VPC, the operation fails with DependencyViolation"), errors-overview.html (CannotDelete).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.security_groups import SecurityGroups

from ..amendments import Amendments
from ..ec2_requests import interfaces_in, refuse

amendments = Amendments()
apply = amendments.apply


@amendments.method(SecurityGroups, "delete_security_group")
def delete_security_group(original: Any, self: SecurityGroups) -> ActionResult:
    backend = self.ec2_backend
    group = backend.get_security_group_by_name_or_id(self._get_param("GroupId") or self._get_param("GroupName"))
    if group is not None:
        if group.is_default:
            raise refuse("CannotDelete", f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user')
        if interfaces_in(backend, group_id=group.id) or _referenced(backend, group.id):
            raise refuse("DependencyViolation", f"resource {group.id} has a dependent object")
    return original(self)


def _referenced(backend: Any, group_id: str) -> bool:
    """Whether a rule of another group names this one."""
    return any(
        source.get("GroupId") == group_id
        for groups in backend.groups.values()
        for other in groups.values()
        if other.id != group_id
        for rule in (*other.ingress_rules, *other.egress_rules)
        for source in [rule.source_group or {}]
    )
