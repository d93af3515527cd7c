"""Snapshots take time, keep what they are told to keep, and are shared, locked and read as on AWS."""

from __future__ import annotations

import base64
import datetime
import hashlib

import pytest
from cloud import Cloud
from emulator_process import REGION

OTHER_ACCOUNT = "210987654321"


@pytest.fixture(scope="module")
def forensic(emulator):
    """EC2 as another account sees it."""
    credentials = emulator.as_role(f"arn:aws:iam::{OTHER_ACCOUNT}:role/forensic")
    return emulator.client("ec2", credentials=credentials)


@pytest.fixture
def server(cloud, ec2):
    """An instance with a tagged data volume beside its root."""
    instance_id = cloud.instance(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2}}])
    volumes = {disk["DeviceName"]: disk["Ebs"]["VolumeId"] for disk in cloud.described(instance_id)["BlockDeviceMappings"]}
    ec2.create_tags(Resources=[volumes["/dev/sdf"]], Tags=[{"Key": "owner", "Value": "shop"}])
    return instance_id, volumes["/dev/xvda"], volumes["/dev/sdf"]


def described(ec2, snapshot_id):
    return ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]


def test_all_volumes_of_an_instance_are_taken_at_one_moment_with_state_and_tags(ec2, server):
    instance_id, root, data = server
    made = ec2.create_snapshots(
        InstanceSpecification={"InstanceId": instance_id},
        CopyTagsFromSource="volume",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "incident", "Value": "1"}]}],
    )["Snapshots"]
    assert {snapshot["VolumeId"]: snapshot["VolumeSize"] for snapshot in made} == {root: 8, data: 2}
    assert {snapshot["State"] for snapshot in made} == {"pending"}
    assert len({snapshot["StartTime"] for snapshot in made}) == 1
    of_data = next(described(ec2, snapshot["SnapshotId"]) for snapshot in made if snapshot["VolumeId"] == data)
    assert {tag["Key"]: tag["Value"] for tag in of_data["Tags"]} == {"owner": "shop", "incident": "1"}
    assert (of_data["State"], of_data["Progress"]) == ("completed", "100%")


def test_only_the_volumes_excluded_are_left_out(ec2, server, refused):
    instance_id, root, data = server

    def taken(**exclusion):
        return [
            s["VolumeId"]
            for s in ec2.create_snapshots(InstanceSpecification={"InstanceId": instance_id, **exclusion})["Snapshots"]
        ]

    assert taken(ExcludeDataVolumeIds=[data]) == [root]
    assert taken(ExcludeBootVolume=True) == [data]
    for exclusion in ({"ExcludeDataVolumeIds": ["vol-00000000000000000"]}, {"ExcludeDataVolumeIds": [root]}):
        with refused("InvalidParameterValue"):
            taken(**exclusion)


def test_a_snapshot_keeps_its_size_when_the_volume_grows_or_goes(cloud, ec2):
    volume_id = cloud.volume(Size=2)
    snapshot = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    ec2.modify_volume(VolumeId=volume_id, Size=5)
    ec2.delete_volume(VolumeId=volume_id)
    assert (described(ec2, snapshot)["VolumeSize"], described(ec2, snapshot)["VolumeId"]) == (2, volume_id)


def test_a_pending_snapshot_is_not_copied_restored_or_read(run_emulator, refused):
    emulator = run_emulator("--pending", "snapshot=3600")
    cloud = Cloud(emulator.client("ec2"))
    snapshot = cloud.ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    assert (described(cloud.ec2, snapshot)["State"], described(cloud.ec2, snapshot)["Progress"]) == ("pending", "0%")
    with refused("IncorrectState"):
        cloud.volume(SnapshotId=snapshot)
    with refused("IncorrectState"):
        cloud.ec2.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot)
    with refused("ValidationException"):
        emulator.client("ebs").list_snapshot_blocks(SnapshotId=snapshot)


def test_a_snapshot_progresses_to_completion_by_the_clock(run_emulator):
    cloud = Cloud(run_emulator("--pending", "snapshot=0.7,volume=0.1").client("ec2"))
    fast = {"Delay": 0.05, "MaxAttempts": 200}
    volume_id = cloud.volume()
    cloud.ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id], WaiterConfig=fast)
    snapshot = cloud.ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    seen = [int(described(cloud.ec2, snapshot)["Progress"].rstrip("%"))]
    cloud.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=fast)
    seen.append(int(described(cloud.ec2, snapshot)["Progress"].rstrip("%")))
    assert seen[0] < seen[1] == 100
    cloud.volume(SnapshotId=snapshot)


def test_an_encrypted_copy_without_a_key_uses_the_default_key(cloud, ec2, refused):
    snapshot = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    copied = described(ec2, ec2.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot, Encrypted=True)["SnapshotId"])
    assert copied["Encrypted"] is True and ":key/" in copied["KmsKeyId"]
    assert copied["VolumeId"] == "vol-ffffffff"
    with refused("InvalidParameterDependency"):
        ec2.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot, KmsKeyId=copied["KmsKeyId"])
    wrong_region = f"arn:aws:kms:eu-west-1:123456789012:key/{copied['KmsKeyId'].rsplit('/')[-1]}"
    failed = ec2.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot, Encrypted=True, KmsKeyId=wrong_region)[
        "SnapshotId"
    ]
    assert described(ec2, failed)["State"] == "error"


@pytest.mark.parametrize("new_form", [True, False])
def test_a_shared_snapshot_is_seen_copied_and_restored_by_the_other_account_and_no_longer(
    cloud, ec2, forensic, refused, new_form
):
    snapshot = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]

    def permit(operation):
        if new_form:
            change = {"CreateVolumePermission": {operation.title(): [{"UserId": OTHER_ACCOUNT}]}}
        else:
            change = {"Attribute": "createVolumePermission", "OperationType": operation, "UserIds": [OTHER_ACCOUNT]}
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, **change)

    with refused("InvalidSnapshot.NotFound"):
        described(forensic, snapshot)
    permit("add")
    permissions = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")[
        "CreateVolumePermissions"
    ]
    assert permissions == [{"UserId": OTHER_ACCOUNT}]
    assert described(forensic, snapshot)["OwnerId"] == "123456789012"
    copied = forensic.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot)["SnapshotId"]
    Cloud(forensic).volume(SnapshotId=snapshot)
    with refused("AuthFailure"):
        forensic.delete_snapshot(SnapshotId=snapshot)
    permit("remove")
    with refused("InvalidSnapshot.NotFound"):
        described(forensic, snapshot)
    assert [
        s["SnapshotId"] for s in forensic.describe_snapshots(OwnerIds=["self"])["Snapshots"] if s["SnapshotId"] == copied
    ] == [copied]
    forensic.delete_snapshot(SnapshotId=copied)


def test_a_snapshot_under_the_aws_managed_key_is_not_shared(cloud, ec2, emulator, refused):
    share = {"CreateVolumePermission": {"Add": [{"UserId": OTHER_ACCOUNT}]}}
    managed = ec2.create_snapshot(VolumeId=cloud.volume(Encrypted=True))["SnapshotId"]
    with refused("OperationNotPermitted"):
        ec2.modify_snapshot_attribute(SnapshotId=managed, **share)
    key = emulator.client("kms").create_key()["KeyMetadata"]["KeyId"]
    own = ec2.create_snapshot(VolumeId=cloud.volume(Encrypted=True, KmsKeyId=key))["SnapshotId"]
    ec2.modify_snapshot_attribute(SnapshotId=own, **share)
    with refused("OperationNotPermitted"):
        ec2.modify_snapshot_attribute(SnapshotId=own, CreateVolumePermission={"Add": [{"Group": "all"}]})


def test_a_governance_lock_holds_until_it_is_taken_off(cloud, ec2, refused):
    snapshot = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    lock = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=7)
    assert (lock["LockState"], lock["LockDuration"]) == ("governance", 7)
    with refused("OperationNotPermitted"):
        ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=1)
    [listed] = ec2.describe_locked_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert (listed["LockState"], listed["LockDuration"]) == ("governance", 1)
    ec2.unlock_snapshot(SnapshotId=snapshot)
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_a_compliance_lock_can_be_undone_in_its_cooling_off_period_only_and_then_only_extended(cloud, ec2, refused):
    cooling = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    assert (
        ec2.lock_snapshot(SnapshotId=cooling, LockMode="compliance", CoolOffPeriod=1, LockDuration=1)["LockState"]
        == "compliance-cooloff"
    )
    ec2.lock_snapshot(SnapshotId=cooling, LockMode="governance", LockDuration=1)
    ec2.unlock_snapshot(SnapshotId=cooling)
    final = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    assert ec2.lock_snapshot(SnapshotId=final, LockMode="compliance", LockDuration=10)["LockState"] == "compliance"
    for call in (
        lambda: ec2.unlock_snapshot(SnapshotId=final),
        lambda: ec2.delete_snapshot(SnapshotId=final),
        lambda: ec2.lock_snapshot(SnapshotId=final, LockMode="governance", LockDuration=20),
        lambda: ec2.lock_snapshot(SnapshotId=final, LockMode="compliance", LockDuration=5),
    ):
        with refused("OperationNotPermitted"):
            call()
    assert ec2.lock_snapshot(SnapshotId=final, LockMode="compliance", LockDuration=20)["LockDuration"] == 20


def test_a_lock_that_says_too_little_or_too_much_is_refused(cloud, ec2, refused):
    snapshot = ec2.create_snapshot(VolumeId=cloud.volume())["SnapshotId"]
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    with refused("InvalidParameterCombination"):
        ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance")
    with refused("InvalidParameterCombination"):
        ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=1, ExpirationDate=tomorrow)
    with refused("InvalidParameterValue"):
        ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", CoolOffPeriod=1, LockDuration=1)
    assert ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", ExpirationDate=tomorrow)["LockDuration"] == 1


# --- EBS direct APIs -------------------------------------------------------------------------------------------------

BLOCK = 512 * 1024


def snapshot_of(cloud, emulator, tmp_path, blocks):
    """A snapshot of a volume whose blocks hold these bytes, by index."""
    image, volume_id = tmp_path / "blocks.img", cloud.volume()
    with image.open("wb") as file:
        for index, content in blocks.items():
            file.seek(index * BLOCK)
            file.write(content)
    emulator.control("PUT", f"volumes/{volume_id}", {"image": str(image)})
    return cloud.ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]


def test_blocks_that_were_written_are_listed_and_read_with_their_checksum(cloud, emulator, tmp_path, refused):
    ebs = emulator.client("ebs")
    snapshot = snapshot_of(cloud, emulator, tmp_path, {1: b"one", 5: b"five" * 1000})
    listing = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert [block["BlockIndex"] for block in listing["Blocks"]] == [1, 5]
    assert (listing["VolumeSize"], listing["BlockSize"]) == (1, BLOCK)
    first, second = listing["Blocks"]
    block = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=5, BlockToken=second["BlockToken"])
    data = block["BlockData"].read()
    assert data == (b"five" * 1000).ljust(BLOCK, b"\0")
    assert (block["DataLength"], block["ChecksumAlgorithm"]) == (BLOCK, "SHA256")
    assert block["Checksum"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    with refused("ValidationException"):
        ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=5, BlockToken=first["BlockToken"])
    with refused("ResourceNotFoundException"):
        ebs.list_snapshot_blocks(SnapshotId="snap-00000000000000000")


def test_changed_blocks_are_those_that_differ(cloud, emulator, tmp_path):
    before = snapshot_of(cloud, emulator, tmp_path, {0: b"same", 1: b"old", 2: b"removed"})
    after = snapshot_of(cloud, emulator, tmp_path, {0: b"same", 1: b"new", 3: b"added"})
    ebs = emulator.client("ebs")
    changed = ebs.list_changed_blocks(FirstSnapshotId=before, SecondSnapshotId=after)["ChangedBlocks"]
    tokens = {block["BlockIndex"]: ("FirstBlockToken" in block, "SecondBlockToken" in block) for block in changed}
    assert tokens == {1: (True, True), 2: (True, False), 3: (False, True)}
    block = ebs.get_snapshot_block(SnapshotId=after, BlockIndex=3, BlockToken=changed[-1]["SecondBlockToken"])
    assert block["BlockData"].read(5) == b"added"


def test_block_listings_come_in_pages(cloud, emulator, tmp_path, refused):
    snapshot = snapshot_of(cloud, emulator, tmp_path, {index: b"x" for index in range(0, 250)})
    ebs = emulator.client("ebs")
    indexes, token, pages = [], {}, 0
    while True:
        page = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100, **token)
        indexes += [block["BlockIndex"] for block in page["Blocks"]]
        pages += 1
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert (indexes, pages) == (list(range(250)), 3)
    with refused("ValidationException"):
        ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100, NextToken="bm9uc2Vuc2U=")
