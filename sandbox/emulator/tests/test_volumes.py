"""Volumes are made where and as AWS makes them, and attach once, where and when they may."""

from __future__ import annotations

import os

import pytest
from emulator_process import REGION


def state(ec2, volume_id):
    return ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"]


def test_a_volume_is_refused_in_an_unknown_zone_and_when_smaller_than_its_snapshot(cloud, ec2, refused):
    snapshot = ec2.create_snapshot(VolumeId=cloud.volume(Size=3))["SnapshotId"]
    with refused("InvalidZone.NotFound"):
        cloud.volume(AvailabilityZone="eu-central-1x")
    with refused("InvalidParameterValue"):
        cloud.volume(SnapshotId=snapshot, Size=2)
    with refused("InvalidSnapshot.NotFound"):
        cloud.volume(SnapshotId="snap-00000000000000000")
    copied = ec2.describe_volumes(VolumeIds=[cloud.volume(SnapshotId=snapshot)])["Volumes"][0]
    assert (copied["Size"], copied["SnapshotId"]) == (3, snapshot)


def test_a_volume_with_a_key_that_cannot_be_used_ends_in_error(cloud, ec2, refused):
    volume_id = cloud.volume(Encrypted=True, KmsKeyId="00000000-0000-0000-0000-000000000000")
    assert state(ec2, volume_id) == "error"
    with refused("IncorrectState"):
        ec2.attach_volume(VolumeId=volume_id, InstanceId=cloud.instance(), Device="/dev/sdf")


def test_encryption_follows_the_request_the_snapshot_and_the_default_key(cloud, ec2, emulator):
    key = emulator.client("kms").create_key()["KeyMetadata"]
    own = ec2.describe_volumes(VolumeIds=[cloud.volume(Encrypted=True, KmsKeyId=key["KeyId"])])["Volumes"][0]
    assert (own["Encrypted"], own["KmsKeyId"]) == (True, key["Arn"])
    snapshot = ec2.create_snapshot(VolumeId=own["VolumeId"])["SnapshotId"]
    copied = ec2.describe_volumes(VolumeIds=[cloud.volume(SnapshotId=snapshot)])["Volumes"][0]
    assert (copied["Encrypted"], copied["KmsKeyId"]) == (True, key["Arn"])
    default = ec2.describe_volumes(VolumeIds=[cloud.volume(Encrypted=True)])["Volumes"][0]
    assert default["KmsKeyId"] != key["Arn"] and ":key/" in default["KmsKeyId"]


def test_a_volume_attaches_once_to_a_free_device_in_its_zone(cloud, ec2, refused):
    instance_id, other = (
        cloud.instance(Placement={"AvailabilityZone": f"{REGION}a"}),
        cloud.instance(Placement={"AvailabilityZone": f"{REGION}a"}),
    )
    volume_id, second, far = cloud.volume(), cloud.volume(), cloud.volume(AvailabilityZone=f"{REGION}b")
    assert ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")["State"] == "attaching"
    assert state(ec2, volume_id) == "in-use"
    for code, volume, instance, device in (
        ("VolumeInUse", volume_id, other, "/dev/sdf"),
        ("VolumeInUse", volume_id, instance_id, "/dev/sdg"),
        ("InvalidParameterValue", second, instance_id, "/dev/sdf"),
        ("InvalidParameterValue", second, instance_id, "disk1"),
        ("InvalidVolume.ZoneMismatch", far, instance_id, "/dev/sdg"),
        ("InvalidVolume.NotFound", "vol-00000000000000000", instance_id, "/dev/sdg"),
        ("InvalidInstanceID.NotFound", second, "i-00000000000000000", "/dev/sdg"),
    ):
        with refused(code):
            ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
    with refused("VolumeInUse"):
        ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_detaches_without_naming_the_instance_but_a_running_ones_root_does_not(cloud, ec2, refused):
    instance_id, volume_id = cloud.instance(), cloud.volume()
    [root] = [disk["Ebs"]["VolumeId"] for disk in cloud.described(instance_id)["BlockDeviceMappings"]]
    ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    answer = ec2.detach_volume(VolumeId=volume_id)
    assert (answer["InstanceId"], answer["Device"], answer["State"]) == (instance_id, "/dev/sdf", "detaching")
    assert state(ec2, volume_id) == "available"
    with refused("IncorrectState"):
        ec2.detach_volume(VolumeId=volume_id)
    with refused("OperationNotPermitted"):
        ec2.detach_volume(VolumeId=root)
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.detach_volume(VolumeId=root)


def test_the_mark_to_delete_on_termination_is_shown_by_the_volume_and_can_be_taken_off(cloud, ec2):
    instance_id = cloud.instance()
    [root] = [disk["Ebs"]["VolumeId"] for disk in cloud.described(instance_id)["BlockDeviceMappings"]]
    marked = lambda: ec2.describe_volumes(VolumeIds=[root])["Volumes"][0]["Attachments"][0]["DeleteOnTermination"]  # noqa: E731
    assert marked() is True
    ec2.modify_instance_attribute(
        InstanceId=instance_id, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]
    )
    assert marked() is False
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert state(ec2, root) == "available"


def test_a_volume_still_creating_is_neither_attached_nor_deleted_nor_snapshotted(slow_cloud, refused):
    ec2 = slow_cloud.ec2
    volume_id = slow_cloud.volume()
    assert state(ec2, volume_id) == "creating"
    with refused("IncorrectState"):
        ec2.attach_volume(VolumeId=volume_id, InstanceId=slow_cloud.instance(), Device="/dev/sdf")
    with refused("IncorrectState"):
        ec2.delete_volume(VolumeId=volume_id)
    with refused("IncorrectState"):
        ec2.create_snapshot(VolumeId=volume_id)


def test_the_answer_to_a_create_is_creating_even_where_nothing_takes_time(cloud, ec2):
    created = ec2.create_volume(Size=1, AvailabilityZone=f"{REGION}a")
    assert created["State"] == "creating"
    assert state(ec2, created["VolumeId"]) == "available"


# --- the bytes -------------------------------------------------------------------------------------------------------


def bind(emulator, volume_id, tmp_path, content):
    image = tmp_path / "disk.img"
    image.write_bytes(content)
    emulator.control("PUT", f"volumes/{volume_id}", {"image": str(image)})
    return emulator.state_dir / "volumes" / f"{volume_id}.img"


def test_a_volume_is_a_sparse_file_of_its_size(cloud, emulator):
    image = emulator.state_dir / "volumes" / f"{cloud.volume(Size=100)}.img"
    assert image.stat().st_size == 100 * 1024**3
    assert image.stat().st_blocks == 0


def test_a_snapshot_keeps_the_bytes_of_its_moment_and_gives_them_to_new_volumes(cloud, ec2, emulator, tmp_path):
    volume_id = cloud.volume()
    image = bind(emulator, volume_id, tmp_path, b"before" * 1000)
    snapshot = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    with image.open("r+b") as file:
        file.write(b"after!")
    copied = emulator.state_dir / "volumes" / f"{cloud.volume(SnapshotId=snapshot)}.img"
    assert copied.read_bytes()[:6000] == b"before" * 1000
    assert copied.stat().st_size == image.stat().st_size == 1024**3
    cross_region = emulator.client("ec2", "eu-west-1").copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot)["SnapshotId"]
    assert (emulator.state_dir / "snapshots" / f"{cross_region}.img").read_bytes()[:6] == b"before"


def test_attached_volumes_appear_in_the_machines_device_directory_under_their_nitro_names(cloud, ec2, emulator, tmp_path):
    instance_id, volume_id = cloud.instance(), cloud.volume()
    image = bind(emulator, volume_id, tmp_path, b"disk")
    devices = emulator.state_dir / "machines" / instance_id / "dev"
    name = f"nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"
    assert len(list(devices.iterdir())) == 1  # the root volume
    ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    assert (devices / name).resolve() == image.resolve()
    ec2.detach_volume(VolumeId=volume_id)
    assert not os.path.lexists(devices / name)
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert list(devices.iterdir()) == []


def test_deleting_removes_the_bytes(cloud, ec2, emulator):
    volume_id = cloud.volume()
    snapshot = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    ec2.delete_volume(VolumeId=volume_id)
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert not (emulator.state_dir / "volumes" / f"{volume_id}.img").exists()
    assert not (emulator.state_dir / "snapshots" / f"{snapshot}.img").exists()


@pytest.mark.parametrize("body", [{"image": "/does/not/exist"}, {"path": "/tmp"}, []])
def test_a_binding_that_makes_no_sense_is_refused(emulator, cloud, body):
    import urllib.error

    with pytest.raises(urllib.error.HTTPError) as refusal:
        emulator.control("PUT", f"volumes/{cloud.volume()}", body)
    assert refusal.value.code == 400


def test_an_image_made_of_an_instance_starts_machines_with_its_disks(cloud, ec2, emulator, tmp_path):
    instance_id = cloud.instance()
    [root] = [disk["Ebs"]["VolumeId"] for disk in cloud.described(instance_id)["BlockDeviceMappings"]]
    bind(emulator, root, tmp_path, b"the machine's system")
    image = ec2.create_image(InstanceId=instance_id, Name="of-an-instance")["ImageId"]
    copied = ec2.copy_image(SourceImageId=image, SourceRegion=REGION, Name="copy-of-it")["ImageId"]
    [disk] = cloud.described(cloud.instance(ImageId=copied))["BlockDeviceMappings"]
    bytes_of = emulator.state_dir / "volumes" / f"{disk['Ebs']['VolumeId']}.img"
    assert bytes_of.open("rb").read(20) == b"the machine's system"
