"""Managed nodes. Systems Manager User Guide, "Setting up managed nodes", "Checking SSM Agent status"."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def place(emulator: Any) -> dict[str, Any]:
    ec2, iam = emulator.client("ec2"), emulator.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="agents", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="agents")
    iam.add_role_to_instance_profile(InstanceProfileName="agents", RoleName="agents")
    vpc = ec2.create_vpc(CidrBlock="10.61.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.61.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.register_image(Name="agents", RootDeviceName="/dev/xvda", Architecture="x86_64")["ImageId"]
    return {"vpc": vpc, "subnet": subnet, "image": image}


def launch(emulator: Any, place: dict[str, Any], profile: bool = True, **more: Any) -> str:
    if profile:
        more["IamInstanceProfile"] = {"Name": "agents"}
    answer = emulator.client("ec2").run_instances(
        ImageId=place["image"], MinCount=1, MaxCount=1, SubnetId=place["subnet"], InstanceType="t3.small", **more
    )
    return answer["Instances"][0]["InstanceId"]


def ping(emulator: Any, instance: str) -> str | None:
    found = emulator.client("ssm").describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance]}])[
        "InstanceInformationList"
    ]
    return found[0]["PingStatus"] if found else None


def test_an_instance_with_agent_profile_and_a_way_out_is_online(emulator: Any, place: dict[str, Any]) -> None:
    assert ping(emulator, launch(emulator, place)) == "Online"


def test_an_instance_without_agent_or_profile_is_not_listed(emulator: Any, place: dict[str, Any]) -> None:
    instance = launch(emulator, place)
    emulator.control("PUT", f"instances/{instance}", {"ssmAgent": "absent"})
    assert ping(emulator, instance) is None
    assert ping(emulator, launch(emulator, place, profile=False)) is None


def test_an_isolated_instance_loses_its_connection(emulator: Any, place: dict[str, Any]) -> None:
    ec2, instance = emulator.client("ec2"), launch(emulator, place)
    group = ec2.create_security_group(GroupName=f"isolation-{uuid.uuid4()}", Description="no rules", VpcId=place["vpc"])["GroupId"]
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    for interface in found:
        ec2.modify_network_interface_attribute(NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[group])
    assert ping(emulator, instance) == "ConnectionLost"


def test_a_stopped_instance_and_one_that_lost_its_profile_stay_known(emulator: Any, place: dict[str, Any]) -> None:
    ec2, stopped, stripped, gone = emulator.client("ec2"), launch(emulator, place), launch(emulator, place), launch(emulator, place)
    ec2.stop_instances(InstanceIds=[stopped])
    associations = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [stripped]}])
    ec2.disassociate_iam_instance_profile(AssociationId=associations["IamInstanceProfileAssociations"][0]["AssociationId"])
    ec2.terminate_instances(InstanceIds=[gone])
    assert [ping(emulator, instance) for instance in (stopped, stripped, gone)] == ["ConnectionLost", "ConnectionLost", None]


def test_nodes_are_filtered_by_tag_and_ping_status(emulator: Any, place: dict[str, Any]) -> None:
    tag = {"Key": "Fleet", "Value": str(uuid.uuid4())}
    online, offline = (launch(emulator, place, TagSpecifications=[{"ResourceType": "instance", "Tags": [tag]}]) for _ in range(2))
    emulator.control("PUT", f"instances/{offline}", {"ssmAgent": "offline"})

    def listed(*filters: dict[str, Any]) -> list[str]:
        found = emulator.client("ssm").describe_instance_information(Filters=list(filters))["InstanceInformationList"]
        return sorted(node["InstanceId"] for node in found)

    by_tag = {"Key": "tag:Fleet", "Values": [tag["Value"]]}
    assert listed(by_tag) == sorted([online, offline])
    assert listed(by_tag, {"Key": "PingStatus", "Values": ["ConnectionLost"]}) == [offline]
    with pytest.raises(ClientError, match="InvalidFilterKey"):
        listed({"Key": "Colour", "Values": ["red"]})
