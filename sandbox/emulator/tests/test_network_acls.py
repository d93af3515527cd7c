"""Network ACLs: their last rows, what they are associated with, their tags. VPC User Guide, "Network ACL basics"."""

from __future__ import annotations

import pytest

TAGS = [{"ResourceType": "network-acl", "Tags": [{"Key": "cleanroom:managed", "Value": "true"}]}]


@pytest.fixture(scope="module")
def dual(ec2):
    return ec2.create_vpc(CidrBlock="10.7.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]


def rows(acl):
    return sorted(
        (entry["Egress"], entry["RuleNumber"], entry["RuleAction"], entry.get("CidrBlock") or entry["Ipv6CidrBlock"])
        for entry in acl["Entries"]
    )


def both(*one):
    return [(egress, *row) for egress in (False, True) for row in one]


def acls(ec2, **filters):
    named = [{"Name": name.replace("__", "."), "Values": [value]} for name, value in filters.items()]
    named = [{**one, "Name": one["Name"].replace("_", "-")} for one in named]
    return ec2.describe_network_acls(Filters=named)["NetworkAcls"]


def holder(ec2, subnet):
    """The ACL of the subnet and the id of their association."""
    [acl] = acls(ec2, association__subnet_id=subnet)
    [association] = [item for item in acl["Associations"] if item["SubnetId"] == subnet]
    return acl["NetworkAclId"], association["NetworkAclAssociationId"]


def test_a_new_acl_has_nothing_but_the_rows_that_deny_all_of_each_kind_the_vpc_has(ec2, cloud, dual):
    ipv4, ipv6 = (32767, "deny", "0.0.0.0/0"), (32768, "deny", "::/0")
    assert rows(ec2.create_network_acl(VpcId=cloud.vpc())["NetworkAcl"]) == both(ipv4)
    made = ec2.create_network_acl(VpcId=dual, TagSpecifications=TAGS)["NetworkAcl"]
    assert rows(made) == both(ipv4, ipv6) and made["Tags"] == TAGS[0]["Tags"]
    [default] = acls(ec2, vpc_id=dual, default="true")
    assert rows(default) == both((100, "allow", "0.0.0.0/0"), (101, "allow", "::/0"), ipv4, ipv6)


def test_the_rows_for_ipv6_come_with_the_vpcs_ipv6_range(ec2, cloud):
    vpc = cloud.vpc()
    made = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    for acl in acls(ec2, vpc_id=vpc):
        assert ({row[1] for row in rows(acl)} == {32767, 32768}) is (acl["NetworkAclId"] == made)
        assert (True, 32768, "deny", "::/0") in rows(acl) and (False, 32768, "deny", "::/0") in rows(acl)


def test_a_replaced_association_has_a_new_id_and_the_old_one_is_gone(ec2, cloud, refused):
    vpc = cloud.vpc()
    subnet, made = cloud.subnet(vpc), ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    default, old = holder(ec2, subnet)
    new = ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=made)["NewAssociationId"]
    assert new != old and holder(ec2, subnet) == (made, new)
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=default)
    assert holder(ec2, subnet) == (made, new)
    with refused("DependencyViolation"):
        ec2.delete_network_acl(NetworkAclId=made)
    ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default)
    ec2.delete_network_acl(NetworkAclId=made)
    for call in (lambda: ec2.describe_network_acls(NetworkAclIds=[made]), lambda: ec2.delete_network_acl(NetworkAclId=made)):
        with refused("InvalidNetworkAclID.NotFound"):
            call()


def test_acls_are_found_by_subnet_vpc_id_and_tag(ec2, cloud):
    vpc = cloud.vpc()
    subnet, tagged = cloud.subnet(vpc), ec2.create_network_acl(VpcId=vpc, TagSpecifications=TAGS)["NetworkAcl"]["NetworkAclId"]
    default, association = holder(ec2, subnet)
    for expected, filters in (
        ({default}, {"association__subnet_id": subnet}),
        ({default}, {"association__association_id": association}),
        ({default, tagged}, {"vpc_id": vpc}),
        ({tagged}, {"vpc_id": vpc, "tag:cleanroom:managed": "true"}),
        ({tagged}, {"vpc_id": vpc, "tag_key": "cleanroom:managed"}),
        ({tagged}, {"network_acl_id": tagged}),
        ({default}, {"vpc_id": vpc, "default": "true"}),
    ):
        assert {acl["NetworkAclId"] for acl in acls(ec2, **filters)} == expected, filters


def test_the_last_rows_are_nobodys_to_change(ec2, dual, refused):
    acl = ec2.create_network_acl(VpcId=dual)["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "Egress": True, "RuleNumber": 32767}
    for call in (
        lambda: ec2.delete_network_acl_entry(**entry),
        lambda: ec2.replace_network_acl_entry(**entry, Protocol="-1", RuleAction="allow", CidrBlock="0.0.0.0/0"),
        lambda: ec2.create_network_acl_entry(**entry, Protocol="-1", RuleAction="allow", CidrBlock="0.0.0.0/0"),
    ):
        with refused("InvalidParameterValue"):
            call()
