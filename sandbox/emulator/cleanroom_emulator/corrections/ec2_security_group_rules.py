"""A rule's source can be modified whatever its kind, and its description is shown but does not tell rules apart.

moto modifies IPv4 ranges only, shows the description of a rule for an address range only, drops the one of a prefix list,
and revokes a rule for a group only by its description too. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html, API_SecurityGroupRule.html and
API_RevokeSecurityGroupIngress.html ("If the security group rule has a description, you do not need to specify the
description to revoke the rule").
"""

from __future__ import annotations

import copy
from typing import Any

from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

# Request member and how a refusal names the kind of source.
KINDS = {
    "CidrIpv4": "IPv4 CIDR",
    "CidrIpv6": "IPv6 CIDR",
    "PrefixListId": "prefix list",
    "ReferencedGroupId": "referenced security group",
}
ALL_PROTOCOLS = "-1"


@amendments.method(SecurityGroupRule, "__init__")
def create(
    original: Any, self: SecurityGroupRule, backend: Any, ip_protocol: str, group_id: str, from_port: Any, to_port: Any,
    ip_range: Any, source_group: Any = None, prefix_list_id: Any = None, **kwargs: Any,
) -> None:  # fmt: skip
    original(self, backend, ip_protocol, group_id, from_port, to_port, ip_range, source_group, prefix_list_id, **kwargs)
    if prefix_list_id and prefix_list_id.get("Description"):
        self.ip_range = {"Description": prefix_list_id["Description"]}


def _description(self: SecurityGroupRule) -> str | None:
    return (self.source_group or self.ip_range).get("Description")


amendments.attribute(SecurityGroupRule, "description", property(_description))


@amendments.method(SecurityGroupRule, "__eq__")
def is_same(original: Any, self: SecurityGroupRule, other: SecurityGroupRule) -> bool:
    return original(_undescribed(self), _undescribed(other))


def _undescribed(rule: SecurityGroupRule) -> SecurityGroupRule:
    bare = copy.copy(rule)
    bare.source_group = {key: value for key, value in rule.source_group.items() if key != "Description"}
    return bare


@amendments.method(SecurityGroupBackend, "modify_security_group_rules")
def modify_security_group_rules(original: Any, self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    group = self.get_security_group_by_name_or_id(group_id)
    known = {rule_id: rule for rule_id in rules if (rule := group and group.get_rule(rule_id))}
    for rule_id, rule in known.items():
        _check(self, rule, rules[rule_id])
    # moto asks for ports where AWS has none.
    portless = {"FromPort": -1, "ToPort": -1}
    original(self, group_id, {id_: {**portless, **new} if new.get("IpProtocol") == ALL_PROTOCOLS else new for id_, new in rules.items()})
    for rule_id, rule in known.items():
        _change(rule, rules[rule_id])


def _kind(rule: SecurityGroupRule) -> str:
    if rule.source_group:
        return "ReferencedGroupId"
    if rule.prefix_list_id:
        return "PrefixListId"
    return "CidrIpv6" if "CidrIpv6" in rule.ip_range else "CidrIpv4"


def _check(backend: Any, rule: SecurityGroupRule, new: dict[str, Any]) -> None:
    """A rule keeps its kind of source; a group that it is to refer to must exist."""
    kind = _kind(rule)
    for other in KINDS:
        if other != kind and new.get(other) is not None:
            message = f"You may not specify {other} for an existing {KINDS[kind]} rule."
            raise refuse("InvalidParameterValue", f"Invalid rule type for security group rule '{rule.id}'. {message}")
    referenced = new.get("ReferencedGroupId")
    if referenced and backend.get_security_group_from_id(referenced) is None:
        raise InvalidSecurityGroupNotFoundError(referenced)


def _change(rule: SecurityGroupRule, new: dict[str, Any]) -> None:
    """What moto leaves as it was: the source where it is no IPv4 range, and a description where groups have theirs."""
    if rule.ip_protocol == ALL_PROTOCOLS:
        rule.from_port = rule.to_port = None
    if _kind(rule) == "CidrIpv6":
        rule.ip_range["CidrIpv6"] = new["CidrIpv6"]
    elif _kind(rule) == "PrefixListId":
        rule.prefix_list_id = new["PrefixListId"]
    elif _kind(rule) == "ReferencedGroupId":
        # moto has put the description where a range would be.
        described, rule.ip_range = rule.ip_range, {}
        rule.source_group = {**rule.source_group, **described, "GroupId": new["ReferencedGroupId"]}
