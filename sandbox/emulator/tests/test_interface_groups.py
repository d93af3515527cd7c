"""Isolation by security group works interface by interface, and only with groups that exist where they are used."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def net(cloud):
    vpc = cloud.vpc()
    return {"vpc": vpc, "subnet": cloud.subnet(vpc), "a": cloud.group(vpc), "b": cloud.group(vpc)}


@pytest.fixture(scope="module")
def foreign_group(cloud):
    return cloud.group(cloud.vpc("10.9.0.0/16"))


def test_new_groups_replace_the_interfaces_old_ones_and_no_others(cloud, ec2, net):
    instance_id = cloud.instance(SubnetId=net["subnet"], SecurityGroupIds=[net["a"]])
    second = cloud.interface(net["subnet"], Groups=[net["a"]])
    ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance_id, DeviceIndex=1)
    first = next(
        i["NetworkInterfaceId"] for i in cloud.described(instance_id)["NetworkInterfaces"] if i["Attachment"]["DeviceIndex"] == 0
    )
    ec2.modify_network_interface_attribute(NetworkInterfaceId=second, Groups=[net["b"]])
    assert cloud.groups_of(second) == [net["b"]]
    assert cloud.groups_of(first) == [net["a"]]
    assert [group["GroupId"] for group in cloud.described(instance_id)["SecurityGroups"]] == [net["a"]]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=first, Groups=[net["b"]])
    assert [group["GroupId"] for group in cloud.described(instance_id)["SecurityGroups"]] == [net["b"]]


def test_groups_of_an_instance_with_two_interfaces_are_not_changed_through_the_instance(cloud, ec2, net, refused):
    instance_id = cloud.instance(SubnetId=net["subnet"], SecurityGroupIds=[net["a"]])
    second = cloud.interface(net["subnet"], Groups=[net["a"]])
    ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[net["b"]])
    [only] = cloud.described(instance_id)["NetworkInterfaces"]
    assert [group["GroupId"] for group in only["Groups"]] == [net["b"]]
    ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance_id, DeviceIndex=1)
    with refused("InvalidInstanceID"):
        ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[net["a"]])
    assert cloud.groups_of(only["NetworkInterfaceId"]) == [net["b"]]


def test_a_group_that_does_not_exist_is_refused_wherever_it_is_named(cloud, ec2, net, refused):
    absent, interface = "sg-00000000000000000", cloud.interface(net["subnet"], Groups=[net["a"]])
    instance_id = cloud.instance(SubnetId=net["subnet"], SecurityGroupIds=[net["a"]])
    for call in (
        lambda: ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[absent]),
        lambda: ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[absent]),
        lambda: cloud.interface(net["subnet"], Groups=[absent]),
        lambda: cloud.instance(SubnetId=net["subnet"], SecurityGroupIds=[absent]),
        lambda: ec2.create_vpc_endpoint(
            VpcId=net["vpc"], VpcEndpointType="Interface", ServiceName="com.amazonaws.eu-central-1.ssm",
            SubnetIds=[net["subnet"]], SecurityGroupIds=[absent],
        ),
    ):  # fmt: skip
        with refused("InvalidGroup.NotFound"):
            call()
    assert cloud.groups_of(interface) == [net["a"]]
    assert not ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [absent]}])["SecurityGroups"]


def test_a_group_of_another_vpc_is_refused(cloud, ec2, net, foreign_group, refused):
    interface = cloud.interface(net["subnet"], Groups=[net["a"]])
    for call in (
        lambda: ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[foreign_group]),
        lambda: cloud.interface(net["subnet"], Groups=[foreign_group]),
        lambda: cloud.instance(SubnetId=net["subnet"], SecurityGroupIds=[foreign_group]),
        lambda: cloud.instance(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": net["subnet"], "Groups": [foreign_group]}]),
    ):
        with refused("InvalidParameter"):
            call()
    assert cloud.groups_of(interface) == [net["a"]]
