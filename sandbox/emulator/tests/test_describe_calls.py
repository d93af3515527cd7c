"""What is described is what was asked for: by filter, in pages, and with nothing changed by a dry run."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def fleet(cloud, ec2):
    """Seven tagged machines in a VPC of their own, with a volume, a snapshot and a group each."""
    vpc = cloud.vpc()
    subnet, image = cloud.subnet(vpc), cloud.image()
    tag = [{"Key": "cleanroom:incident", "Value": "paging"}]
    launched = ec2.run_instances(
        ImageId=image, MinCount=7, MaxCount=7, InstanceType="t3.micro", SubnetId=subnet,
        TagSpecifications=[{"ResourceType": kind, "Tags": tag} for kind in ("instance", "network-interface", "volume")],
    )["Instances"]  # fmt: skip
    for index, instance in enumerate(launched):
        ec2.create_security_group(
            VpcId=vpc,
            GroupName=f"paging-{index}",
            Description="x",
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tag}],
        )
        ec2.create_snapshots(
            InstanceSpecification={"InstanceId": instance["InstanceId"]},
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": tag}],
        )
    return vpc, subnet, [instance["InstanceId"] for instance in launched]


@pytest.mark.parametrize(
    ("call", "key", "identity"),
    [
        ("describe_volumes", "Volumes", "VolumeId"),
        ("describe_snapshots", "Snapshots", "SnapshotId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
        ("describe_instances", "Reservations", "InstanceId"),
    ],
)
def test_pages_hold_as_many_as_asked_for_and_together_all(ec2, fleet, refused, call, key, identity):
    describe = getattr(ec2, call)
    tagged = {"Filters": [{"Name": "tag:cleanroom:incident", "Values": ["paging"]}]}
    pages = [page[key] for page in ec2.get_paginator(call).paginate(**tagged, PaginationConfig={"PageSize": 5})]
    if key == "Reservations":
        pages = [[instance for reservation in page for instance in reservation["Instances"]] for page in pages]
    assert [len(page) for page in pages] == [5, 2]
    assert len({item[identity] for page in pages for item in page}) == 7
    with refused("InvalidParameterValue"):
        describe(**tagged, MaxResults=3)
    with refused("InvalidNextToken"):
        describe(**tagged, NextToken="nonsense")


def test_instances_are_found_by_what_they_are_and_what_they_hang_on(ec2, fleet):
    vpc, subnet, ids = fleet
    instance = ec2.describe_instances(InstanceIds=ids[:1])["Reservations"][0]["Instances"][0]
    [interface], [disk] = instance["NetworkInterfaces"], instance["BlockDeviceMappings"]

    def found(**filters):
        request = [{"Name": name.replace("__", ".").replace("_", "-"), "Values": values} for name, values in filters.items()]
        return {i["InstanceId"] for r in ec2.describe_instances(Filters=request)["Reservations"] for i in r["Instances"]}

    assert found(vpc_id=[vpc]) == found(subnet_id=[subnet]) == set(ids)
    assert found(vpc_id=[vpc], instance_state_name=["running", "pending"]) == set(ids)
    assert found(vpc_id=[vpc], instance_state_code=["80"]) == set()
    assert found(network_interface__network_interface_id=[interface["NetworkInterfaceId"]]) == {ids[0]}
    assert found(network_interface__group_id=[interface["Groups"][0]["GroupId"]]) == set(ids)
    assert found(network_interface__addresses__private_ip_address=[interface["PrivateIpAddress"]], vpc_id=[vpc]) == {ids[0]}
    assert found(block_device_mapping__volume_id=[disk["Ebs"]["VolumeId"]]) == {ids[0]}
    assert found(iam_instance_profile__arn=["*"], vpc_id=[vpc]) == set()
    assert found(vpc_id=[vpc[:-3] + "*"], instance_type=["t3.*", "m5.*"]) >= set(ids)


def test_networks_are_found_by_what_they_belong_to(cloud, ec2, emulator, fleet):
    vpc, subnet, ids = fleet
    emulator.client("s3").create_bucket(
        Bucket="flow-log-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    tag = [{"Key": "cleanroom:incident", "Value": "paging"}]
    [flow_log] = ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3", LogDestination="arn:aws:s3:::flow-log-bucket",
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tag}],
    )["FlowLogIds"]  # fmt: skip
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.eu-central-1.s3", TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tag}]
    )["VpcEndpoint"]["VpcEndpointId"]
    by = lambda name, value: {"Filters": [{"Name": name, "Values": [value]}]}  # noqa: E731
    by_lower = lambda name, value: {"Filter": [{"Name": name, "Values": [value]}]}  # noqa: E731
    for request in (
        by_lower("resource-id", vpc),
        by_lower("tag:cleanroom:incident", "paging"),
        by_lower("tag-key", "cleanroom:*"),
    ):
        assert [item["FlowLogId"] for item in ec2.describe_flow_logs(**request)["FlowLogs"]] == [flow_log]
    for request in (by("vpc-id", vpc), by("tag:cleanroom:incident", "paging"), by("vpc-endpoint-id", endpoint)):
        assert [item["VpcEndpointId"] for item in ec2.describe_vpc_endpoints(**request)["VpcEndpoints"]] == [endpoint]
    group = cloud.groups_of(
        ec2.describe_network_interfaces(**by("attachment.instance-id", ids[0]))["NetworkInterfaces"][0]["NetworkInterfaceId"]
    )
    for request in (by("vpc-id", vpc), by("group-id", group[0]), by("tag:cleanroom:incident", "paging")):
        assert len(ec2.describe_network_interfaces(**request)["NetworkInterfaces"]) == 7


DRY = {"DryRun": True}


@pytest.mark.parametrize(
    "call",
    [
        lambda ec2, vpc, subnet, instance: ec2.create_vpc(CidrBlock="10.99.0.0/16", **DRY),
        lambda ec2, vpc, subnet, instance: ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.99.0/24", **DRY),
        lambda ec2, vpc, subnet, instance: ec2.delete_subnet(SubnetId=subnet, **DRY),
        lambda ec2, vpc, subnet, instance: ec2.create_vpc_endpoint(
            VpcId=vpc, ServiceName="com.amazonaws.eu-central-1.dynamodb", **DRY
        ),
        lambda ec2, vpc, subnet, instance: ec2.modify_instance_metadata_options(
            InstanceId=instance, HttpTokens="required", **DRY
        ),
        lambda ec2, vpc, subnet, instance: ec2.terminate_instances(InstanceIds=[instance], **DRY),
        lambda ec2, vpc, subnet, instance: ec2.get_console_output(InstanceId=instance, **DRY),
        lambda ec2, vpc, subnet, instance: ec2.describe_volumes(**DRY),
        lambda ec2, vpc, subnet, instance: ec2.create_snapshots(InstanceSpecification={"InstanceId": instance}, **DRY),
    ],
)
def test_a_dry_run_says_so_and_changes_nothing(ec2, fleet, refused, call):
    vpc, subnet, ids = fleet

    def world():
        found = [ec2.describe_vpcs()["Vpcs"], ec2.describe_subnets()["Subnets"], ec2.describe_vpc_endpoints()["VpcEndpoints"]]
        return [*found, ec2.describe_instances()["Reservations"], ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]

    before = world()
    with refused("DryRunOperation"):
        call(ec2, vpc, subnet, ids[0])
    assert world() == before


@pytest.mark.parametrize(
    ("malformed", "unknown", "call"),
    [
        (
            "InvalidInstanceID.Malformed",
            "InvalidInstanceID.NotFound",
            lambda ec2, id: ec2.describe_instances(InstanceIds=[f"i-{id}"]),
        ),
        ("InvalidVolumeID.Malformed", "InvalidVolume.NotFound", lambda ec2, id: ec2.describe_volumes(VolumeIds=[f"vol-{id}"])),
        ("InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound", lambda ec2, id: ec2.delete_snapshot(SnapshotId=f"snap-{id}")),
    ],
)
def test_an_id_that_cannot_be_one_is_malformed_and_one_that_could_is_unknown(ec2, refused, malformed, unknown, call):
    with refused(malformed):
        call(ec2, "of-the-web-server")
    with refused(unknown):
        call(ec2, "00000000000000000")
