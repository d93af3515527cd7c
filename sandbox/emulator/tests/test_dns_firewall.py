"""DNS Firewall for a VPC. Route 53 API Reference, "Amazon Route 53 Resolver"; Developer Guide, "Route 53 Resolver DNS Firewall"."""

from __future__ import annotations

import itertools
import time

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="module")
def resolver(emulator):
    return emulator.client("route53resolver")


def named(**more):
    number = next(_numbers)
    return {"CreatorRequestId": f"request-{number}", "Name": f"thing-{number}", **more}


def domain_list(resolver, *domains):
    made = resolver.create_firewall_domain_list(**named())["FirewallDomainList"]["Id"]
    if domains:
        resolver.update_firewall_domains(FirewallDomainListId=made, Operation="REPLACE", Domains=list(domains))
        until(lambda: status_of_list(resolver, made) == "COMPLETE")
    return made


def status_of_list(resolver, list_id):
    return resolver.get_firewall_domain_list(FirewallDomainListId=list_id)["FirewallDomainList"]["Status"]


def rule_group(resolver):
    return resolver.create_firewall_rule_group(**named())["FirewallRuleGroup"]["Id"]


def rule(group, listed, **more):
    request = {"FirewallRuleGroupId": group, "FirewallDomainListId": listed, "Priority": 1, "Action": "BLOCK", "BlockResponse": "NODATA"}
    return named(**{**request, **more})


def associate(resolver, group, vpc, priority=101, **more):
    request = named(FirewallRuleGroupId=group, VpcId=vpc, Priority=priority, **more)
    return resolver.associate_firewall_rule_group(**request)["FirewallRuleGroupAssociation"]


def associations(resolver, **filters):
    return resolver.list_firewall_rule_group_associations(**filters)["FirewallRuleGroupAssociations"]


def until(holds):
    for _ in range(100):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_a_domain_list_is_updated_after_a_while_and_shows_names_whole(resolver, refused):
    listed = domain_list(resolver)
    request = {"FirewallDomainListId": listed, "Operation": "REPLACE", "Domains": ["*", "Example.com"]}
    assert resolver.update_firewall_domains(**request)["Status"] == "UPDATING"
    with refused("ConflictException"):
        resolver.delete_firewall_domain_list(FirewallDomainListId=listed)
    until(lambda: status_of_list(resolver, listed) == "COMPLETE")
    assert resolver.list_firewall_domains(FirewallDomainListId=listed)["Domains"] == ["*.", "example.com."]
    assert resolver.get_firewall_domain_list(FirewallDomainListId=listed)["FirewallDomainList"]["DomainCount"] == 2
    resolver.update_firewall_domains(FirewallDomainListId=listed, Operation="REMOVE", Domains=["example.com."])
    assert resolver.list_firewall_domains(FirewallDomainListId=listed)["Domains"] == ["*."]
    until(lambda: status_of_list(resolver, listed) == "COMPLETE")
    for domains in ([], ["exa mple"]):
        with refused("ValidationException"):
            resolver.update_firewall_domains(FirewallDomainListId=listed, Operation="ADD", Domains=domains)
    assert resolver.delete_firewall_domain_list(FirewallDomainListId=listed)["FirewallDomainList"]["Status"] == "DELETING"
    time.sleep(0.6)
    with refused("ResourceNotFoundException"):
        status_of_list(resolver, listed)


def test_a_repeated_request_makes_nothing_twice(resolver, cloud, refused):
    vpc, group, listed = cloud.vpc(), rule_group(resolver), domain_list(resolver, "*")
    for call, request, answer in (
        (resolver.create_firewall_domain_list, named(), "FirewallDomainList"),
        (resolver.create_firewall_rule_group, named(), "FirewallRuleGroup"),
        (resolver.create_firewall_rule, rule(group, listed), "FirewallRule"),
        (resolver.associate_firewall_rule_group, named(FirewallRuleGroupId=group, VpcId=vpc, Priority=101), "FirewallRuleGroupAssociation"),
    ):
        first, again = call(**request)[answer], call(**request)[answer]
        assert first == again
        with refused("ValidationException"):
            call(**{**request, "Name": "another"})
    assert len(associations(resolver, VpcId=vpc)) == 1


def test_a_rule_blocks_as_it_says_and_has_a_priority_of_its_own(resolver, refused):
    group, listed, other = rule_group(resolver), domain_list(resolver, "*"), domain_list(resolver)
    made = resolver.create_firewall_rule(**rule(group, listed))["FirewallRule"]
    assert (made["Action"], made["BlockResponse"], made["Priority"], made["FirewallDomainListId"]) == ("BLOCK", "NODATA", 1, listed)
    for wrong in ({"Priority": 1}, {"Priority": 2, "BlockResponse": None}, {"Priority": 2, "FirewallDomainListId": listed}):
        with refused("ValidationException"):
            resolver.create_firewall_rule(**rule(group, other, **wrong))
    for wrong in ({"FirewallDomainListId": "rslvr-fdl-0"}, {"FirewallRuleGroupId": "rslvr-frg-0"}):
        with refused("ResourceNotFoundException"):
            resolver.create_firewall_rule(**rule(group, other, Priority=2, **wrong))
    resolver.create_firewall_rule(**rule(group, other, Priority=2, Action="ALERT", BlockResponse=None))
    assert [one["Priority"] for one in resolver.list_firewall_rules(FirewallRuleGroupId=group)["FirewallRules"]] == [1, 2]
    assert len(resolver.list_firewall_rules(FirewallRuleGroupId=group, Action="ALERT")["FirewallRules"]) == 1
    with refused("ConflictException"):
        resolver.delete_firewall_domain_list(FirewallDomainListId=listed)
    resolver.delete_firewall_rule(FirewallRuleGroupId=group, FirewallDomainListId=listed)
    with refused("ResourceNotFoundException"):
        resolver.delete_firewall_rule(FirewallRuleGroupId=group, FirewallDomainListId=listed)
    resolver.delete_firewall_domain_list(FirewallDomainListId=listed)


def test_a_rules_action_is_not_taken_for_the_calls(emulator, resolver, refused):
    request = rule(rule_group(resolver), domain_list(resolver))
    emulator.control("PUT", "faults", [{"action": "CreateFirewallRule", "error": {"code": "AccessDeniedException", "status": 400}}])
    with refused("AccessDeniedException"):
        resolver.create_firewall_rule(**request)
    emulator.control("PUT", "faults", [])
    resolver.create_firewall_rule(**request)
    assert [call["action"] for call in emulator.control("GET", "calls")[-2:]] == ["CreateFirewallRule", "CreateFirewallRule"]


def test_an_association_comes_and_goes_after_a_while(resolver, cloud, refused):
    vpc, group = cloud.vpc(), rule_group(resolver)
    resolver.create_firewall_rule(**rule(group, domain_list(resolver, "*")))
    made = associate(resolver, group, vpc)
    assert (made["Status"], made["VpcId"], made["Priority"], made["MutationProtection"]) == ("UPDATING", vpc, 101, "DISABLED")

    def status():
        return [one["Status"] for one in associations(resolver, VpcId=vpc)]

    assert status() == ["UPDATING"]
    until(lambda: status() == ["COMPLETE"])
    got = resolver.get_firewall_rule_group_association(FirewallRuleGroupAssociationId=made["Id"])["FirewallRuleGroupAssociation"]
    assert got == associations(resolver, VpcId=vpc)[0]
    with refused("ConflictException"):
        resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)
    gone = {"FirewallRuleGroupAssociationId": made["Id"]}
    assert resolver.disassociate_firewall_rule_group(**gone)["FirewallRuleGroupAssociation"]["Status"] == "DELETING"
    assert status() == ["DELETING"]
    until(lambda: status() == [])
    for call in (resolver.disassociate_firewall_rule_group, resolver.get_firewall_rule_group_association):
        with refused("ResourceNotFoundException"):
            call(**gone)


def test_a_group_is_in_a_vpc_once_at_a_priority_nobody_has(resolver, cloud, refused):
    vpc, other_vpc, group, other = cloud.vpc(), cloud.vpc("10.9.0.0/16"), rule_group(resolver), rule_group(resolver)
    associate(resolver, group, vpc)
    with refused("ConflictException"):
        associate(resolver, group, vpc, 102)
    for priority in (101, 100, 9900, 99):
        with refused("ValidationException"):
            associate(resolver, other, vpc, priority)
    for group_id, vpc_id in (("rslvr-frg-0", vpc), (other, "vpc-00000000000000000")):
        with refused("ResourceNotFoundException"):
            associate(resolver, group_id, vpc_id, 102)
    associate(resolver, group, other_vpc)
    assert len(associations(resolver, FirewallRuleGroupId=group)) == 2 and len(associations(resolver, VpcId=vpc)) == 1
    protected = associate(resolver, other, vpc, 9899, MutationProtection="ENABLED")["Id"]
    with refused("ValidationException"):
        resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=protected)


def test_a_group_is_deleted_when_it_is_empty_and_nowhere_in_force(resolver, refused):
    group, listed = rule_group(resolver), domain_list(resolver, "*")
    resolver.create_firewall_rule(**rule(group, listed))
    with refused("ConflictException"):
        resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)
    resolver.delete_firewall_rule(FirewallRuleGroupId=group, FirewallDomainListId=listed)
    resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)
    with refused("ResourceNotFoundException"):
        resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)


def test_tags_are_kept_and_listings_come_in_pages_with_amazons_own_lists_among_them(resolver):
    tags = [{"Key": "cleanroom:managed", "Value": "true"}]
    made = resolver.create_firewall_rule_group(**named(Tags=tags))["FirewallRuleGroup"]
    assert resolver.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == tags
    rule_group(resolver)
    first = resolver.list_firewall_rule_groups(MaxResults=1)
    second = resolver.list_firewall_rule_groups(MaxResults=1, NextToken=first["NextToken"])
    assert first["FirewallRuleGroups"] != second["FirewallRuleGroups"]
    lists = resolver.list_firewall_domain_lists()["FirewallDomainLists"]
    assert "AWSManagedDomainsMalwareDomainList" in {one["Name"] for one in lists if "ManagedOwnerName" in one}
