"""Instances start as they were asked to, refuse what their state or protection forbids, and leave nothing behind."""

from __future__ import annotations

import base64

import pytest
from cloud import Cloud

PROFILE = "launch-profile"


@pytest.fixture(scope="module")
def profile(emulator):
    iam = emulator.client("iam")
    iam.create_instance_profile(InstanceProfileName=PROFILE)
    return PROFILE


def test_every_parameter_of_a_launch_counts(cloud, ec2, profile):
    reservation = ec2.run_instances(
        ImageId=cloud.image(),
        MinCount=1,
        MaxCount=2,
        InstanceType="t3.micro",
        DisableApiTermination=True,
        IamInstanceProfile={"Name": profile},
        TagSpecifications=[
            {"ResourceType": kind, "Tags": [{"Key": "incident", "Value": kind}]}
            for kind in ("instance", "network-interface", "volume")
        ],
    )
    assert [instance["State"]["Name"] for instance in reservation["Instances"]] == ["pending", "pending"]
    for launched in reservation["Instances"]:
        instance = cloud.described(launched["InstanceId"])
        assert instance["State"]["Name"] == "running"
        assert instance["IamInstanceProfile"]["Arn"].endswith(f"/{profile}")
        protected = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="disableApiTermination")
        assert protected["DisableApiTermination"]["Value"] is True
        for kind, resource in (
            ("instance", instance["InstanceId"]),
            ("network-interface", instance["NetworkInterfaces"][0]["NetworkInterfaceId"]),
            ("volume", instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]),
        ):
            [tag] = ec2.describe_tags(
                Filters=[{"Name": "resource-id", "Values": [resource]}, {"Name": "key", "Values": ["incident"]}]
            )["Tags"]
            assert tag["Value"] == kind


def test_a_launch_repeated_with_its_token_is_one_launch(cloud, ec2, refused):
    request = {"ImageId": cloud.image(), "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro", "ClientToken": "launch-once"}
    first, second = (ec2.run_instances(**request)["Instances"][0]["InstanceId"] for _ in range(2))
    assert first == second
    with refused("IdempotentParameterMismatch"):
        ec2.run_instances(**{**request, "InstanceType": "t3.small"})


def test_the_images_root_volume_is_there_whatever_else_is_mapped(cloud):
    mapped = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2}}, {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}]
    disks = cloud.described(cloud.instance(BlockDeviceMappings=mapped))["BlockDeviceMappings"]
    assert {disk["DeviceName"]: disk["Ebs"]["DeleteOnTermination"] for disk in disks} == {"/dev/xvda": True, "/dev/sdf": False}
    resized = cloud.instance(
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": False}}]
    )
    [root] = cloud.described(resized)["BlockDeviceMappings"]
    assert root["Ebs"]["DeleteOnTermination"] is False
    assert cloud.ec2.describe_volumes(VolumeIds=[root["Ebs"]["VolumeId"]])["Volumes"][0]["Size"] == 20


def test_unknown_images_and_types_are_refused(cloud, refused):
    with refused("InvalidAMIID.NotFound"):
        cloud.instance(ImageId="ami-00000000000000000")
    with refused("InvalidParameterValue"):
        cloud.instance(InstanceType="m99.huge")


def test_a_protected_instance_is_not_terminated_and_saves_the_others_of_the_call(cloud, ec2, refused):
    free, kept = cloud.instance(), cloud.instance(DisableApiTermination=True)
    with refused("OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[free, kept])
    assert [cloud.described(id)["State"]["Name"] for id in (free, kept)] == ["running", "running"]
    ec2.modify_instance_attribute(InstanceId=kept, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[free, kept])
    assert [cloud.described(id)["State"]["Name"] for id in (free, kept)] == ["terminated", "terminated"]


def test_an_instance_protected_from_being_stopped_runs_on_and_saves_the_others_of_the_call(cloud, ec2, refused):
    guarded, other = cloud.instance(), cloud.instance()
    ec2.modify_instance_attribute(InstanceId=guarded, DisableApiStop={"Value": True})
    with refused("OperationNotPermitted") as refusal:
        ec2.stop_instances(InstanceIds=[other, guarded])
    assert "'disableApiStop'" in refusal.message
    assert [cloud.described(one)["State"]["Name"] for one in (guarded, other)] == ["running", "running"]
    ec2.modify_instance_attribute(InstanceId=guarded, DisableApiStop={"Value": False})
    for change, state in ((ec2.stop_instances, "stopped"), (ec2.start_instances, "running")):
        change(InstanceIds=[guarded])
        assert cloud.described(guarded)["State"]["Name"] == state


def test_the_disks_of_an_instance_are_one_of_its_attributes(cloud, ec2):
    instance_id = cloud.instance()
    [disk] = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="blockDeviceMapping")["BlockDeviceMappings"]
    assert disk == cloud.described(instance_id)["BlockDeviceMappings"][0]
    ec2.modify_instance_attribute(
        InstanceId=instance_id, BlockDeviceMappings=[{"DeviceName": disk["DeviceName"], "Ebs": {"DeleteOnTermination": False}}]
    )
    [disk] = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="blockDeviceMapping")["BlockDeviceMappings"]
    assert disk["Ebs"]["DeleteOnTermination"] is False


def test_interfaces_addresses_and_marked_volumes_go_with_a_terminated_instance(cloud, ec2):
    subnet = cloud.subnet(cloud.vpc())
    extra = cloud.interface(subnet)
    instance_id = cloud.instance(SubnetId=subnet, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}])
    ec2.attach_network_interface(NetworkInterfaceId=extra, InstanceId=instance_id, DeviceIndex=1)
    instance = cloud.described(instance_id)
    volumes = {disk["DeviceName"]: disk["Ebs"]["VolumeId"] for disk in instance["BlockDeviceMappings"]}
    [primary] = [eni["NetworkInterfaceId"] for eni in instance["NetworkInterfaces"] if eni["NetworkInterfaceId"] != extra]
    address, kept = (ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2))
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=primary)
    ec2.associate_address(AllocationId=kept, NetworkInterfaceId=extra)
    ec2.terminate_instances(InstanceIds=[instance_id])
    remaining = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"]
    assert [(interface["NetworkInterfaceId"], interface["Status"]) for interface in remaining] == [(extra, "available")]
    described = ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": list(volumes.values())}])["Volumes"]
    assert [(volume["VolumeId"], volume["State"]) for volume in described] == [(volumes["/dev/sdf"], "available")]
    assert not ec2.describe_addresses(AllocationIds=[address])["Addresses"][0].get("AssociationId")
    assert ec2.describe_addresses(AllocationIds=[kept])["Addresses"][0]["NetworkInterfaceId"] == extra
    assert cloud.described(instance_id)["NetworkInterfaces"] == []
    ec2.delete_network_interface(NetworkInterfaceId=extra)
    ec2.delete_subnet(SubnetId=subnet)


def test_an_interface_marked_to_stay_outlives_its_instance(cloud, ec2):
    instance_id = cloud.instance()
    [interface] = cloud.described(instance_id)["NetworkInterfaces"]
    change = {"AttachmentId": interface["Attachment"]["AttachmentId"], "DeleteOnTermination": False}
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface["NetworkInterfaceId"], Attachment=change)
    ec2.terminate_instances(InstanceIds=[instance_id])
    [kept] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert kept["Status"] == "available"


def test_a_terminated_instance_is_neither_stopped_started_nor_changed(cloud, ec2, refused):
    instance_id, volume_id = cloud.instance(), cloud.volume()
    ec2.terminate_instances(InstanceIds=[instance_id])
    for call in (
        lambda: ec2.stop_instances(InstanceIds=[instance_id]),
        lambda: ec2.start_instances(InstanceIds=[instance_id]),
        lambda: ec2.reboot_instances(InstanceIds=[instance_id]),
        lambda: ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True}),
        lambda: ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpTokens="required"),
        lambda: ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": PROFILE}),
    ):
        with refused("IncorrectInstanceState"):
            call()
    with refused("IncorrectState"):
        ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert cloud.described(instance_id)["State"]["Name"] == "terminated"


def test_an_attribute_is_changed_alone_and_only_where_the_state_allows(cloud, ec2, refused):
    instance_id = cloud.instance()
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "stop"})
    groups = cloud.described(instance_id)["SecurityGroups"]
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    behaviour = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior")
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert cloud.described(instance_id)["SecurityGroups"] == groups != []
    with refused("IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    with refused("InvalidParameterCombination"):
        ec2.modify_instance_attribute(
            InstanceId=instance_id, DisableApiStop={"Value": True}, DisableApiTermination={"Value": True}
        )
    with refused("InvalidInstanceAttributeValue"):
        mapping = [{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": False}}]
        ec2.modify_instance_attribute(InstanceId=instance_id, BlockDeviceMappings=mapping)


def test_metadata_options_that_are_not_named_stay(cloud, ec2):
    instance_id = cloud.instance(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
    ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpEndpoint="disabled")
    options = cloud.described(instance_id)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"], options["HttpEndpoint"]) == ("required", 2, "disabled")


def test_the_metadata_service_is_switched_off_and_on(cloud, ec2):
    instance_id = cloud.instance(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
    before = cloud.described(instance_id)["MetadataOptions"]
    for endpoint in ("disabled", "enabled"):
        ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpEndpoint=endpoint)
        assert cloud.described(instance_id)["MetadataOptions"] == {**before, "HttpEndpoint": endpoint, "State": "applied"}


def test_the_console_shows_a_boot_and_a_screen_while_it_runs(cloud, ec2, refused):
    instance_id = cloud.instance()
    output = ec2.get_console_output(InstanceId=instance_id)["Output"]
    assert "Linux version" in output and "login:" in output
    assert base64.b64decode(ec2.get_console_screenshot(InstanceId=instance_id)["ImageData"]).startswith(b"\x89PNG")
    ec2.stop_instances(InstanceIds=[instance_id])
    with refused("IncorrectInstanceState"):
        ec2.get_console_screenshot(InstanceId=instance_id)


def test_starting_instances_refuse_what_needs_a_running_one(slow_cloud, refused):
    ec2 = slow_cloud.ec2
    subnet = slow_cloud.subnet(slow_cloud.vpc())
    instance_id = slow_cloud.instance(SubnetId=subnet)
    assert slow_cloud.described(instance_id)["State"]["Name"] == "pending"
    with refused("IncorrectInstanceState"):
        ec2.stop_instances(InstanceIds=[instance_id])
    extra = slow_cloud.interface(subnet)
    with refused("IncorrectState"):
        ec2.attach_network_interface(NetworkInterfaceId=extra, InstanceId=instance_id, DeviceIndex=1)
    answer = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("pending", "shutting-down")
    assert slow_cloud.described(instance_id)["State"]["Name"] == "shutting-down"
    ec2.delete_network_interface(NetworkInterfaceId=extra)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)


def test_instances_pass_through_their_states_by_the_clock(run_emulator):
    cloud = Cloud(run_emulator("--pending", "instance=2").client("ec2"))
    subnet = cloud.subnet(cloud.vpc())
    instance_id = cloud.instance(SubnetId=subnet)
    fast = {"Delay": 0.1, "MaxAttempts": 100}
    for begin, during, waiter in (
        (lambda: None, "pending", "instance_running"),
        (lambda: cloud.ec2.stop_instances(InstanceIds=[instance_id]), "stopping", "instance_stopped"),
        (lambda: cloud.ec2.start_instances(InstanceIds=[instance_id]), "pending", "instance_running"),
        (lambda: cloud.ec2.terminate_instances(InstanceIds=[instance_id]), "shutting-down", "instance_terminated"),
    ):
        begin()
        assert cloud.described(instance_id)["State"]["Name"] == during
        cloud.ec2.get_waiter(waiter).wait(InstanceIds=[instance_id], WaiterConfig=fast)
    cloud.ec2.delete_subnet(SubnetId=subnet)


def test_detailed_monitoring_is_switched_on_and_off(cloud, ec2, refused):
    instance_id, gone = cloud.instance(), cloud.instance()
    ec2.terminate_instances(InstanceIds=[gone])

    def state():
        return cloud.described(instance_id)["Monitoring"]["State"]

    for call, answered, settled in (
        (ec2.monitor_instances, "pending", "enabled"),
        (ec2.monitor_instances, "enabled", "enabled"),
        (ec2.unmonitor_instances, "disabling", "disabled"),
    ):
        [answer] = call(InstanceIds=[instance_id])["InstanceMonitorings"]
        assert answer == {"InstanceId": instance_id, "Monitoring": {"State": answered}}
        assert state() == settled
    with refused("IncorrectInstanceState"):
        ec2.monitor_instances(InstanceIds=[instance_id, gone])
    with refused("InvalidInstanceID.NotFound"):
        ec2.monitor_instances(InstanceIds=[instance_id, "i-00000000000000000"])
    assert state() == "disabled"
