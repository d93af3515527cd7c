"""Finding resources by tag. Resource Groups Tagging API Reference, "GetResources"."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})


def found(emulator: Any, incident: str, region: str = "eu-central-1") -> set[str]:
    """Kind of each resource that carries the incident's tag, as its ARN says."""
    filters = [{"Key": "cleanroom:incident", "Values": [incident]}]
    answer = emulator.client("resourcegroupstaggingapi", region=region).get_resources(TagFilters=filters)
    return {resource["ResourceARN"].split(":", 5)[5].split("/")[0] for resource in answer["ResourceTagMappingList"]}


def test_the_parts_of_a_network_are_found_by_their_tag_until_they_are_gone(emulator: Any, ec2: Any) -> None:
    incident = str(uuid.uuid4())

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": [{"Key": "cleanroom:incident", "Value": incident}]}]

    vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-central-1.s3", TagSpecifications=tagged("vpc-endpoint"))
    ec2.create_network_acl(VpcId=vpc, TagSpecifications=tagged("network-acl"))
    emulator.client("s3").create_bucket(Bucket=f"flow-{incident}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::flow-{incident}",
        TagSpecifications=tagged("vpc-flow-log"),
    )
    assert found(emulator, incident) == {"vpc", "vpc-endpoint", "network-acl", "vpc-flow-log"}
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpoint"]["VpcEndpointId"]])
    while ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]:
        time.sleep(0.05)
    assert found(emulator, incident) == {"vpc", "network-acl", "vpc-flow-log"}


def test_instance_profiles_are_found_in_us_east_1_and_roles_nowhere(emulator: Any) -> None:
    iam, name = emulator.client("iam"), f"tagged-{uuid.uuid4()}"
    tags = [{"Key": "cleanroom:incident", "Value": name}]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=tags)
    iam.create_instance_profile(InstanceProfileName=name, Tags=tags)
    assert (found(emulator, name, "us-east-1"), found(emulator, name)) == ({"instance-profile"}, set())
