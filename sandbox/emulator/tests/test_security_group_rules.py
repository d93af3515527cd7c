"""A rule can be changed in place, whatever its source; who reads it sees what it now says."""

from __future__ import annotations

import pytest


@pytest.fixture
def net(cloud):
    vpc = cloud.vpc()
    return {name: cloud.group(vpc) for name in ("group", "peer", "other")}


def allowed(ec2, group, source):
    """Lets `source` in at 443, as an IpPermission has it; returns the new rule."""
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **source}
    return ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"][0]


def modify(ec2, rule, **changes):
    request = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **changes}
    ec2.modify_security_group_rules(
        GroupId=rule["GroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": request}],
    )


def described(ec2, rule):
    return ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])["SecurityGroupRules"][0]


def ingress(ec2, group):
    return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]


def test_a_rule_can_be_turned_to_another_group(ec2, net):
    rule = allowed(ec2, net["group"], {"UserIdGroupPairs": [{"GroupId": net["peer"], "Description": "from the peer"}]})
    assert rule["Description"] == described(ec2, rule)["Description"] == "from the peer"
    modify(ec2, rule, ReferencedGroupId=net["other"], FromPort=8443, ToPort=8443, Description="from the other")
    changed = described(ec2, rule)
    assert changed["ReferencedGroupInfo"]["GroupId"] == net["other"]
    assert (changed["FromPort"], changed["ToPort"], changed["Description"]) == (8443, 8443, "from the other")
    [permission] = ingress(ec2, net["group"])
    assert [(pair["GroupId"], pair["Description"]) for pair in permission["UserIdGroupPairs"]] == [(net["other"], "from the other")]
    assert permission["IpRanges"] == []
    ec2.delete_security_group(GroupId=net["peer"])


@pytest.mark.parametrize(
    "member, source, sources",
    [
        ("CidrIpv4", "10.0.2.0/24", {"IpRanges": [{"CidrIp": "10.0.1.0/24", "Description": "told"}]}),
        ("CidrIpv6", "2001:db8:2::/64", {"Ipv6Ranges": [{"CidrIpv6": "2001:db8:1::/64", "Description": "told"}]}),
        ("PrefixListId", "pl-0000000000000002", {"PrefixListIds": [{"PrefixListId": "pl-0000000000000001", "Description": "told"}]}),
    ],
)
def test_a_rule_can_be_turned_to_other_addresses(ec2, net, member, source, sources):
    rule = allowed(ec2, net["group"], sources)
    assert described(ec2, rule)["Description"] == "told"
    modify(ec2, rule, **{member: source}, Description="anew")
    assert (described(ec2, rule)[member], described(ec2, rule)["Description"]) == (source, "anew")


def test_a_rule_for_all_protocols_needs_no_ports(ec2, net):
    rule = allowed(ec2, net["group"], {"UserIdGroupPairs": [{"GroupId": net["peer"]}]})
    ec2.modify_security_group_rules(
        GroupId=net["group"],
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {"IpProtocol": "-1", "ReferencedGroupId": net["peer"]},
            }
        ],
    )
    assert (described(ec2, rule)["IpProtocol"], described(ec2, rule)["FromPort"]) == ("-1", -1)
    assert "FromPort" not in ingress(ec2, net["group"])[0]


def test_a_change_that_is_refused_changes_nothing(ec2, net, refused):
    rule = allowed(ec2, net["group"], {"UserIdGroupPairs": [{"GroupId": net["peer"]}]})
    before = described(ec2, rule)
    for code, changes in (
        ("InvalidGroup.NotFound", {"ReferencedGroupId": "sg-00000000000000000", "FromPort": 1, "ToPort": 2}),
        ("InvalidParameterValue", {"CidrIpv4": "10.0.0.0/8", "FromPort": 1, "ToPort": 2}),
    ):
        with refused(code):
            modify(ec2, rule, **changes)
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        modify(ec2, {**rule, "SecurityGroupRuleId": "sgr-00000000000000000"}, ReferencedGroupId=net["other"])
    assert described(ec2, rule) == before


def test_a_description_does_not_make_another_rule(ec2, net, refused):
    pair = {"GroupId": net["peer"]}
    allowed(ec2, net["group"], {"UserIdGroupPairs": [{**pair, "Description": "from the peer"}]})
    with refused("InvalidPermission.Duplicate"):
        allowed(ec2, net["group"], {"UserIdGroupPairs": [{**pair, "Description": "in other words"}]})
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}
    ec2.revoke_security_group_ingress(GroupId=net["group"], IpPermissions=[permission])
    assert ingress(ec2, net["group"]) == []
