"""AWS as these tests speak of it: the resources they start from, and calls that must be refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import REGION


class Cloud:
    """The resources most tests start from, each call making new ones."""

    _count = 0

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2

    def image(self, **options: Any) -> str:
        Cloud._count += 1
        return self.ec2.register_image(Name=f"image-{Cloud._count}", RootDeviceName="/dev/xvda", **options)["ImageId"]

    def vpc(self, cidr: str = "10.7.0.0/16") -> str:
        vpc_id = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": True}})
        return vpc_id

    def subnet(self, vpc_id: str, cidr: str = "10.7.1.0/24", zone: str = f"{REGION}a") -> str:
        return self.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]

    def group(self, vpc_id: str) -> str:
        Cloud._count += 1
        return self.ec2.create_security_group(VpcId=vpc_id, GroupName=f"group-{Cloud._count}", Description="test")["GroupId"]

    def instance(self, **options: Any) -> str:
        request = {
            "ImageId": options.pop("ImageId", None) or self.image(),
            "MinCount": 1,
            "MaxCount": 1,
            "InstanceType": "t3.micro",
            **options,
        }
        return self.ec2.run_instances(**request)["Instances"][0]["InstanceId"]

    def described(self, instance_id: str) -> dict[str, Any]:
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def interface(self, subnet_id: str, **options: Any) -> str:
        return self.ec2.create_network_interface(SubnetId=subnet_id, **options)["NetworkInterface"]["NetworkInterfaceId"]

    def groups_of(self, interface_id: str) -> list[str]:
        described = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]
        return sorted(group["GroupId"] for group in described["Groups"])

    def volume(self, **options: Any) -> str:
        request = {"AvailabilityZone": f"{REGION}a", **options}
        if "SnapshotId" not in request:
            request.setdefault("Size", 1)
        return self.ec2.create_volume(**request)["VolumeId"]


class Refusal:
    """`with refused("Code"):` — the call inside must fail with this AWS error code, and be a client's error."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.message = ""

    def __enter__(self) -> Refusal:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            pytest.fail(f"AWS answers {self.code}; the emulator let it pass")
        if not isinstance(error, ClientError):
            return False
        self.message = error.response["Error"]["Message"]
        assert error.response["Error"]["Code"] == self.code, error
        assert 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        return True
