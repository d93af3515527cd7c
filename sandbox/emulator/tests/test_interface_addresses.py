"""Addresses and types of interfaces. EC2 API Reference, "CreateNetworkInterface", "RunInstances", "AssociateTrunkInterface"."""

from __future__ import annotations

import ipaddress

import pytest


@pytest.fixture(scope="module")
def dual(ec2, cloud):
    """A VPC with a subnet that has both kinds of addresses and one that has IPv4 only."""
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    [block] = vpc["Ipv6CidrBlockAssociationSet"]
    network = block["Ipv6CidrBlock"].replace("/56", "/64")
    request = {"VpcId": vpc["VpcId"], "CidrBlock": "10.7.1.0/24", "Ipv6CidrBlock": network, "AvailabilityZone": "eu-central-1a"}
    subnet = ec2.create_subnet(**request)["Subnet"]
    assert subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlockState"] == {"State": "associated"}
    only_ipv4 = cloud.subnet(vpc["VpcId"], "10.7.2.0/24")
    return {"vpc": vpc["VpcId"], "subnet": subnet["SubnetId"], "network": ipaddress.ip_network(network), "ipv4": only_ipv4}


def described(ec2, interface_id):
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]


def ipv6_of(interface):
    return [item["Ipv6Address"] for item in interface["Ipv6Addresses"]]


def found(ec2, name, value):
    answer = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
    return {interface["NetworkInterfaceId"] for interface in answer["NetworkInterfaces"]}


def test_an_interface_has_the_ipv6_addresses_it_was_made_with_and_given(cloud, ec2, dual):
    counted = cloud.interface(dual["subnet"], Ipv6AddressCount=2)
    own = str(dual["network"][0xABC])
    named = cloud.interface(dual["subnet"], Ipv6Addresses=[{"Ipv6Address": own}])
    assert len(set(ipv6_of(described(ec2, counted)))) == 2 and ipv6_of(described(ec2, named)) == [own]
    more = ec2.assign_ipv6_addresses(NetworkInterfaceId=named, Ipv6AddressCount=1)["AssignedIpv6Addresses"]
    assert ipv6_of(described(ec2, named)) == [own, *more] and len(more) == 1
    assert all(ipaddress.ip_address(one) in dual["network"] for one in ipv6_of(described(ec2, counted)) + more)
    assert found(ec2, "ipv6-addresses.ipv6-address", own) == {named}
    instance_id = cloud.instance(SubnetId=dual["subnet"])
    ec2.attach_network_interface(NetworkInterfaceId=named, InstanceId=instance_id, DeviceIndex=1)
    [second] = [eni for eni in cloud.described(instance_id)["NetworkInterfaces"] if eni["NetworkInterfaceId"] == named]
    assert ipv6_of(second) == [own, *more]


def test_ipv6_needs_a_subnet_that_has_it_and_an_address_that_is_free(cloud, ec2, dual, refused):
    own = str(dual["network"][0xDEF])
    cloud.interface(dual["subnet"], Ipv6Addresses=[{"Ipv6Address": own}])
    with refused("InvalidIPAddress.InUse"):
        cloud.interface(dual["subnet"], Ipv6Addresses=[{"Ipv6Address": own}])
    for subnet, request in (
        (dual["ipv4"], {"Ipv6AddressCount": 1}),
        (dual["subnet"], {"Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]}),
        (dual["subnet"], {"PrivateIpAddress": "10.9.9.9"}),
    ):
        with refused("InvalidParameterValue"):
            cloud.interface(subnet, **request)


def test_a_subnet_may_give_ipv6_addresses_by_itself(cloud, ec2, dual):
    network = str(dual["network"]).replace("00::/64", "01::/64")
    subnet = ec2.create_subnet(VpcId=dual["vpc"], CidrBlock="10.7.3.0/24", Ipv6CidrBlock=network)["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": True})
    assert len(ipv6_of(described(ec2, cloud.interface(subnet)))) == 1
    [interface] = cloud.described(cloud.instance(SubnetId=subnet))["NetworkInterfaces"]
    assert len(ipv6_of(interface)) == 1


def test_a_launch_gives_each_interface_what_it_asks_for_it(cloud, ec2, dual):
    nics = [
        {"DeviceIndex": 0, "SubnetId": dual["subnet"], "Ipv6AddressCount": 1, "SecondaryPrivateIpAddressCount": 2},
        {"DeviceIndex": 1, "SubnetId": dual["ipv4"], "InterfaceType": "efa"},
    ]
    instance_id = cloud.instance(NetworkInterfaces=nics)
    first, second = sorted(cloud.described(instance_id)["NetworkInterfaces"], key=lambda eni: eni["Attachment"]["DeviceIndex"])
    assert (len(first["PrivateIpAddresses"]), len(first["Ipv6Addresses"]), first["InterfaceType"]) == (3, 1, "interface")
    assert (len(second["PrivateIpAddresses"]), len(second["Ipv6Addresses"]), second["InterfaceType"]) == (1, 0, "efa")


def test_no_two_interfaces_share_an_address(cloud, ec2):
    subnet = cloud.subnet(cloud.vpc(), "10.7.9.0/27")
    for _ in range(3):
        cloud.interface(subnet, SecondaryPrivateIpAddressCount=3)
        cloud.instance(SubnetId=subnet)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=cloud.interface(subnet), SecondaryPrivateIpAddressCount=2)
    interfaces = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"]
    addresses = [item["PrivateIpAddress"] for interface in interfaces for item in interface["PrivateIpAddresses"]]
    assert len(addresses) == len(set(addresses)) == 18
    network = ipaddress.ip_network("10.7.9.0/27")
    assert not {str(network[number]) for number in (0, 1, 2, 3, -1)} & set(addresses)


def test_interfaces_are_found_by_where_they_are_and_what_they_are_for(cloud, ec2, refused):
    vpc = cloud.vpc()
    subnet, group = cloud.subnet(vpc), cloud.group(vpc)
    other = cloud.subnet(vpc, "10.7.2.0/24")
    instance_id = cloud.instance(SubnetId=subnet, SecurityGroupIds=[group])
    [attached] = [eni["NetworkInterfaceId"] for eni in cloud.described(instance_id)["NetworkInterfaces"]]
    free = cloud.interface(other, InterfaceType="trunk")
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.eu-central-1.ssm", SubnetIds=[subnet], SecurityGroupIds=[group]
    )["VpcEndpoint"]  # fmt: skip
    [managed] = endpoint["NetworkInterfaceIds"]
    assert found(ec2, "vpc-id", vpc) == {attached, free, managed}
    assert found(ec2, "subnet-id", other) == {free}
    assert found(ec2, "group-id", group) == {attached, managed}
    assert found(ec2, "attachment.instance-id", instance_id) == {attached}
    assert found(ec2, "status", "available") & {attached, free, managed} == {free}
    kinds = {eni: (described(ec2, eni)["InterfaceType"], described(ec2, eni)["RequesterManaged"]) for eni in (attached, free, managed)}
    assert kinds == {attached: ("interface", False), free: ("trunk", False), managed: ("vpc_endpoint", True)}
    with refused("AuthFailure"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=managed, Groups=[group])
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)


def test_a_branch_hangs_on_one_trunk_until_it_is_taken_off(cloud, ec2, dual, refused):
    trunk = cloud.interface(dual["subnet"], InterfaceType="trunk")
    branch, other = (cloud.interface(dual["subnet"], InterfaceType="branch") for _ in range(2))
    instance_id = cloud.instance(SubnetId=dual["subnet"])
    ec2.attach_network_interface(NetworkInterfaceId=trunk, InstanceId=instance_id, DeviceIndex=1)
    request = {"TrunkInterfaceId": trunk, "VlanId": 7}
    made = ec2.associate_trunk_interface(BranchInterfaceId=branch, **request)["InterfaceAssociation"]
    assert (made["InterfaceProtocol"], made["VlanId"]) == ("VLAN", 7)
    assert (made["BranchInterfaceId"], made["TrunkInterfaceId"]) == (branch, trunk)
    assert described(ec2, branch)["Status"] == "in-use" and "Attachment" not in described(ec2, branch)
    assert {eni["NetworkInterfaceId"] for eni in cloud.described(instance_id)["NetworkInterfaces"]} & {branch, trunk} == {trunk}
    for code, wrong in {
        "InvalidParameterValue": {"BranchInterfaceId": other, **request},
        "InvalidParameterCombination": {"BranchInterfaceId": other, "TrunkInterfaceId": trunk},
        "InvalidNetworkInterfaceID.NotFound": {**request, "BranchInterfaceId": "eni-00000000000000000"},
    }.items():
        with refused(code):
            ec2.associate_trunk_interface(**wrong)
    for interface in (trunk, branch):
        with refused("InvalidParameterValue"):
            ec2.delete_network_interface(NetworkInterfaceId=interface)
    second = ec2.associate_trunk_interface(BranchInterfaceId=other, TrunkInterfaceId=trunk, GreKey=9)["InterfaceAssociation"]
    by_protocol = ec2.describe_trunk_interface_associations(Filters=[{"Name": "interface-protocol", "Values": ["GRE"]}])
    assert [association["AssociationId"] for association in by_protocol["InterfaceAssociations"]] == [second["AssociationId"]]

    ec2.disassociate_trunk_interface(AssociationId=made["AssociationId"])
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_trunk_interface(AssociationId=made["AssociationId"])
    left = ec2.describe_trunk_interface_associations()["InterfaceAssociations"]
    assert [association["BranchInterfaceId"] for association in left if association["TrunkInterfaceId"] == trunk] == [other]
    assert described(ec2, branch)["Status"] == "available"


def test_one_attribute_is_changed_at_a_time_and_groups_must_still_exist(cloud, ec2, dual, refused):
    kept, deleted = cloud.group(dual["vpc"]), cloud.group(dual["vpc"])
    interface = cloud.interface(dual["subnet"], Groups=[kept])
    ec2.delete_security_group(GroupId=deleted)
    for groups in ([deleted], [kept, deleted]):
        with refused("InvalidGroup.NotFound"):
            ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=groups)
    for request in ({}, {"Groups": [kept], "SourceDestCheck": {"Value": False}}):
        with refused("InvalidParameterCombination"):
            ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, **request)
    assert cloud.groups_of(interface) == [kept] and described(ec2, interface)["SourceDestCheck"] is True
