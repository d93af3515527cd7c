"""Elastic IP addresses on interfaces. EC2 API Reference, "AssociateAddress", "DisassociateAddress", "ReleaseAddress"."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def subnet(cloud):
    return cloud.subnet(cloud.vpc())


@pytest.fixture
def pair(cloud, ec2, subnet):
    """An instance with two interfaces; the second has two private addresses."""
    instance_id = cloud.instance(SubnetId=subnet)
    second = cloud.interface(subnet, SecondaryPrivateIpAddressCount=1)
    ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance_id, DeviceIndex=1)
    return instance_id, interfaces_of(cloud, instance_id)[0]["NetworkInterfaceId"], second


def interfaces_of(cloud, instance_id):
    return sorted(cloud.described(instance_id)["NetworkInterfaces"], key=lambda eni: eni["Attachment"]["DeviceIndex"])


def allocate(ec2):
    return ec2.allocate_address(Domain="vpc")["AllocationId"]


def described(ec2, interface_id):
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]


def address_of(ec2, allocation):
    return ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]


def test_each_private_address_of_an_interface_has_an_address_of_its_own(cloud, ec2, pair):
    instance_id, first, second = pair
    primary, secondary = [item["PrivateIpAddress"] for item in described(ec2, second)["PrivateIpAddresses"]]
    one, two = allocate(ec2), allocate(ec2)
    associations = [
        ec2.associate_address(AllocationId=one, NetworkInterfaceId=second)["AssociationId"],
        ec2.associate_address(AllocationId=two, NetworkInterfaceId=second, PrivateIpAddress=secondary)["AssociationId"],
    ]
    for allocation, association, private_ip in zip((one, two), associations, (primary, secondary)):
        address = address_of(ec2, allocation)
        assert (address["InstanceId"], address["NetworkInterfaceId"]) == (instance_id, second)
        assert (address["AssociationId"], address["PrivateIpAddress"]) == (association, private_ip)
    shown = [item["Association"] for item in described(ec2, second)["PrivateIpAddresses"]]
    assert [item["AllocationId"] for item in shown] == [one, two] and [item["AssociationId"] for item in shown] == associations
    assert described(ec2, second)["Association"] == shown[0]
    of_instance = interfaces_of(cloud, instance_id)
    assert [item["Association"]["PublicIp"] for item in of_instance[1]["PrivateIpAddresses"]] == [item["PublicIp"] for item in shown]
    assert "Association" not in of_instance[0] and "PublicIpAddress" not in cloud.described(instance_id)

    ec2.disassociate_address(AssociationId=associations[0])
    left = described(ec2, second)
    assert "Association" not in left and "Association" not in left["PrivateIpAddresses"][0]
    assert left["PrivateIpAddresses"][1]["Association"]["AllocationId"] == two
    free = address_of(ec2, one)
    assert not {"AssociationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"} & set(free)
    assert "Association" not in interfaces_of(cloud, instance_id)[1]


def test_addresses_are_found_by_what_they_are_associated_with(ec2, pair):
    instance_id, first, second = pair
    one, other = allocate(ec2), allocate(ec2)
    association = ec2.associate_address(AllocationId=one, NetworkInterfaceId=second)["AssociationId"]
    for name, value in {
        "instance-id": instance_id,
        "network-interface-id": second,
        "allocation-id": one,
        "association-id": association,
        "private-ip-address": described(ec2, second)["PrivateIpAddress"],
    }.items():
        found = ec2.describe_addresses(Filters=[{"Name": name, "Values": [value]}])["Addresses"]
        assert [address["AllocationId"] for address in found] == [one], name
    for name in ("association.allocation-id", "association.association-id"):
        value = one if name.endswith("allocation-id") else association
        [eni] = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
        assert eni["NetworkInterfaceId"] == second


def test_an_address_moves_unless_that_is_forbidden(ec2, pair, refused):
    _, first, second = pair
    moving, staying = allocate(ec2), allocate(ec2)
    before = ec2.associate_address(AllocationId=moving, NetworkInterfaceId=first)["AssociationId"]
    ec2.associate_address(AllocationId=staying, NetworkInterfaceId=second)
    for allocation, interface in ((moving, second), (allocate(ec2), second)):
        with refused("Resource.AlreadyAssociated"):
            ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=interface, AllowReassociation=False)
    again = ec2.associate_address(AllocationId=moving, NetworkInterfaceId=first, AllowReassociation=False)
    assert again["AssociationId"] == before
    after = ec2.associate_address(AllocationId=moving, NetworkInterfaceId=second)["AssociationId"]
    assert after != before and "Association" not in described(ec2, first)
    assert described(ec2, second)["Association"]["AllocationId"] == moving
    assert "AssociationId" not in address_of(ec2, staying)


def test_what_does_not_exist_is_told_by_its_code(ec2, pair, refused):
    instance_id, first, _ = pair
    address = allocate(ec2)
    for code, request in {
        "InvalidAllocationID.NotFound": {"AllocationId": "eipalloc-00000000000000000", "NetworkInterfaceId": first},
        "InvalidNetworkInterfaceID.NotFound": {"AllocationId": address, "NetworkInterfaceId": "eni-00000000000000000"},
        "InvalidParameterValue": {"AllocationId": address, "NetworkInterfaceId": first, "PrivateIpAddress": "10.7.1.254"},
        "InvalidInstanceID": {"AllocationId": address, "InstanceId": instance_id},
    }.items():
        with refused(code):
            ec2.associate_address(**request)
    association = ec2.associate_address(AllocationId=address, NetworkInterfaceId=first)["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_address(AssociationId=association)
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=["eipalloc-00000000000000000"])


def test_an_address_in_use_is_not_released(ec2, pair, refused):
    _, first, _ = pair
    address = allocate(ec2)
    association = ec2.associate_address(AllocationId=address, NetworkInterfaceId=first)["AssociationId"]
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address)
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[address])


def test_an_assigned_public_address_gives_way_and_comes_back_as_another_for_a_lone_interface(cloud, ec2, subnet):
    spec = [{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}]
    for lone in (True, False):
        instance_id = cloud.instance(NetworkInterfaces=spec)
        [interface] = cloud.described(instance_id)["NetworkInterfaces"]
        assigned = interface["Association"]["PublicIp"]
        assert interface["Association"]["IpOwnerId"] == "amazon"
        if not lone:
            ec2.attach_network_interface(NetworkInterfaceId=cloud.interface(subnet), InstanceId=instance_id, DeviceIndex=1)
        address = allocate(ec2)
        association = ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface["NetworkInterfaceId"])
        assert cloud.described(instance_id)["PublicIpAddress"] == address_of(ec2, address)["PublicIp"]
        ec2.disassociate_address(AssociationId=association["AssociationId"])
        now = cloud.described(instance_id).get("PublicIpAddress")
        assert (now is not None and now != assigned) if lone else now is None
