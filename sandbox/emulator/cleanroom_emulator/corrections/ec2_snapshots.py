"""A snapshot is a copy of the volume at that moment, pending at first, and seen by the accounts it is shared with.

moto's are complete at once, forget the volume's size, key and tags, and stay invisible to other accounts. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html, API_CopySnapshot.html ("If a key is
specified, the snapshot must be encrypted", "your AWS managed key is used"), API_ModifySnapshotAttribute.html and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import InvalidParameterDependency
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import EBSBackend, Snapshot
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.utils import generic_filter, random_snapshot_id

from .. import disk_images, kms_keys
from ..amendments import Amendments
from ..ec2_requests import refuse
from ..settings import current

amendments = Amendments()
apply = amendments.apply

COPY_VOLUME_ID = "vol-ffffffff"  # what AWS shows as the volume of a copied snapshot


@amendments.method(Snapshot, "__init__")
def init(original: Any, self: Snapshot, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.recorded_size = self.volume.size
    self.recorded_volume_id = self.volume.id
    self.key_usable = True
    # An image's snapshot is complete when the image is; so is what EBS direct APIs write, which keep their own state.
    self.completes_at = self.start_time + timedelta(seconds=0 if self.from_ami else current().pending.snapshot)


def _status(self: Snapshot) -> str:
    if utcnow() < self.completes_at:
        return "pending"
    return "completed" if self.key_usable else "error"


def _progress(self: Snapshot) -> str:
    total = (self.completes_at - self.start_time).total_seconds()
    elapsed = (utcnow() - self.start_time).total_seconds()
    return "100%" if elapsed >= total else f"{min(99, int(100 * elapsed / total))}%"


# moto sets the state in its constructor; the clock says it here.
amendments.attribute(Snapshot, "status", property(_status, lambda self, value: None))
amendments.attribute(Snapshot, "progress", property(_progress))
amendments.attribute(Snapshot, "volume_size", property(lambda self: self.recorded_size))
amendments.attribute(Snapshot, "volume_id", property(lambda self: self.recorded_volume_id))
amendments.attribute(
    Snapshot, "status_message", property(lambda self: "Given key ID is not accessible" if self.status == "error" else None)
)
amendments.attribute(
    Snapshot, "completion_time", property(lambda self: self.completes_at if self.status == "completed" else None)
)


@amendments.method(EBSBackend, "create_snapshot")
def create_snapshot(original: Any, self: Any, volume_id: str, *args: Any, **kwargs: Any) -> Snapshot:
    snapshot = original(self, volume_id, *args, **kwargs)
    snapshot.kms_key_id = snapshot.volume.kms_key_id
    disk_images.create_snapshot(snapshot.id, volume_id)
    return snapshot


@amendments.method(EBSBackend, "delete_snapshot")
def delete_snapshot(original: Any, self: Any, snapshot_id: str) -> Snapshot:
    snapshot = original(self, snapshot_id)
    disk_images.delete_snapshot(snapshot_id)
    return snapshot


@amendments.add(EBSBackend)
def get_snapshot(self: Any, snapshot_id: str) -> Snapshot:
    """The account's own snapshot, or another's that is shared with it."""
    for snapshot in _visible(self):
        if snapshot.id == snapshot_id:
            return snapshot
    raise refuse("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def owned_snapshot(backend: Any, snapshot_id: str) -> Snapshot:
    """The snapshot for a call only its owner may make."""
    snapshot = backend.get_snapshot(snapshot_id)
    if snapshot.owner_id != backend.account_id:
        raise refuse("AuthFailure", f"Not authorized for resource: {snapshot_id}")
    return snapshot


def _visible(backend: Any) -> list[Snapshot]:
    shared = [
        snapshot
        for account_id, regions in list(ec2_backends.items())
        if account_id != backend.account_id and backend.region_name in regions
        for snapshot in regions[backend.region_name].snapshots.values()
        if backend.account_id in snapshot.create_volume_permission_userids or "all" in snapshot.create_volume_permission_groups
    ]
    return [*backend.snapshots.values(), *shared]


@amendments.add(ElasticBlockStore)
def describe_snapshots(self: ElasticBlockStore) -> ActionResult:
    backend, account = self.ec2_backend, self.current_account
    snapshots = _visible(backend)
    if ids := self._get_param("SnapshotIds", []):
        missing = set(ids) - {snapshot.id for snapshot in snapshots}
        if missing:
            raise refuse("InvalidSnapshot.NotFound", f"The snapshot '{min(missing)}' does not exist.")
        snapshots = [snapshot for snapshot in snapshots if snapshot.id in ids]
    if owners := self._get_param("OwnerIds", []):
        wanted = {account if owner == "self" else owner for owner in owners}
        snapshots = [snapshot for snapshot in snapshots if snapshot.owner_id in wanted]
    if users := self._get_param("RestorableByUserIds", []):
        wanted = {account if user == "self" else user for user in users}
        snapshots = [
            snapshot
            for snapshot in snapshots
            if {snapshot.owner_id, *snapshot.create_volume_permission_userids} & wanted
            or ("all" in wanted and "all" in snapshot.create_volume_permission_groups)
        ]
    return ActionResult({"Snapshots": generic_filter(self._filters_from_querystring(), snapshots)})


def _created(snapshot: Snapshot) -> dict[str, Any]:
    """A create's answer: pending, however soon the snapshot completes."""
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume_id,
        "State": "pending",
        "Progress": "",
        "StartTime": snapshot.start_time,
        "OwnerId": snapshot.owner_id,
        "VolumeSize": snapshot.volume_size,
        "Description": snapshot.description or "",
        "Encrypted": snapshot.encrypted,
        "KmsKeyId": snapshot.kms_key_id,
        "StorageTier": snapshot.storage_tier,
        "Tags": snapshot.tag_set,
    }


def _require_readable(volume: Any) -> None:
    if volume.status not in ("available", "in-use"):
        raise refuse("IncorrectState", f"Volume '{volume.id}' is in the '{volume.status}' state.")


@amendments.method(ElasticBlockStore, "create_snapshot")
def create_snapshot_response(original: Any, self: ElasticBlockStore) -> ActionResult:
    _require_readable(self.ec2_backend.get_volume(self._get_param("VolumeId")))
    return ActionResult(_created(original(self).result))


@amendments.add(ElasticBlockStore)
def create_snapshots(self: ElasticBlockStore) -> ActionResult:
    """All volumes of the instance at one moment, but those excluded."""
    backend, specification = self.ec2_backend, self._get_param("InstanceSpecification", {})
    instance = backend.get_instance(specification["InstanceId"])
    if instance.state in ("shutting-down", "terminated"):
        raise refuse("IncorrectState", f"The instance '{instance.id}' is in the '{instance.state}' state.")
    attached = {block.volume_id: device for device, block in instance.get_block_device_mapping}
    excluded = set(specification.get("ExcludeDataVolumeIds", []))
    if unknown := excluded - set(attached):
        raise refuse("InvalidParameterValue", f"Volumes {sorted(unknown)} are not attached to instance '{instance.id}'")
    roots = {volume_id for volume_id, device in attached.items() if device == instance.root_device_name}
    if excluded & roots:
        raise refuse("InvalidParameterValue", "Use ExcludeBootVolume to exclude the root volume.")
    if specification.get("ExcludeBootVolume"):
        excluded |= roots
    volumes = [backend.get_volume(volume_id) for volume_id in attached if volume_id not in excluded]
    if not volumes:
        raise refuse("InvalidParameterCombination", "No volumes are left to snapshot.")
    for volume in volumes:
        _require_readable(volume)
    requested = self._parse_tag_specification().get("snapshot", {})
    moment, made = utcnow(), []
    for volume in volumes:
        snapshot = backend.create_snapshot(volume.id, self._get_param("Description", ""))
        snapshot.completes_at += moment - snapshot.start_time
        snapshot.start_time = moment
        if self._get_param("CopyTagsFromSource") == "volume":
            snapshot.add_tags({tag["key"]: tag["value"] for tag in volume.get_tags() if not tag["key"].startswith("aws:")})
        snapshot.add_tags(requested)
        made.append(snapshot)
    return ActionResult({"Snapshots": [_created(snapshot) for snapshot in made]})


@amendments.add(ElasticBlockStore)
def copy_snapshot(self: ElasticBlockStore) -> ActionResult:
    backend = self.ec2_backend
    source_region = self._get_param("SourceRegion") or self.region
    source = ec2_backends[self.current_account][source_region].get_snapshot(self._get_param("SourceSnapshotId"))
    if source.status != "completed":
        raise refuse("IncorrectState", f"Snapshot {source.id} is in the '{source.status}' state.")
    key, encrypted = (
        self._get_param("KmsKeyId"),
        self._get_param("Encrypted") or source.encrypted or backend.ebs_encryption_by_default,
    )
    if key and not encrypted:
        raise InvalidParameterDependency("KmsKeyId", "Encrypted")
    if encrypted:
        key = kms_keys.key_arn(backend, key) if key else kms_keys.default_key_arn(backend)
    snapshot = Snapshot(
        backend,
        random_snapshot_id(),
        volume=source.volume,
        description=self._get_param("Description", ""),
        encrypted=encrypted,
        kms_key_id=key,
    )
    snapshot.recorded_size, snapshot.recorded_volume_id = source.volume_size, COPY_VOLUME_ID
    # As with volumes, AWS finds a key that it cannot use only later: the copy ends in `error`.
    snapshot.key_usable = kms_keys.is_usable(backend, key)
    backend.snapshots[snapshot.id] = snapshot
    snapshot.add_tags(self._parse_tag_specification().get("snapshot", {}))
    disk_images.copy_snapshot(snapshot.id, source.id)
    return ActionResult({"SnapshotId": snapshot.id, "Tags": snapshot.tag_set})


@amendments.add(ElasticBlockStore)
def modify_snapshot_attribute(self: ElasticBlockStore) -> EmptyResult:
    """Both forms: `CreateVolumePermission={Add|Remove}` and `Attribute, OperationType, UserIds, GroupNames`."""
    snapshot = owned_snapshot(self.ec2_backend, self._get_param("SnapshotId"))
    permission, operation = self._get_param("CreateVolumePermission", {}), self._get_param("OperationType")
    old_form = [{"UserId": user} for user in self._get_param("UserIds", [])] + [
        {"Group": group} for group in self._get_param("GroupNames", [])
    ]
    added = permission.get("Add", []) + (old_form if operation == "add" else [])
    removed = permission.get("Remove", []) + (old_form if operation == "remove" else [])
    if not added and not removed:
        raise refuse("MissingParameter", "The request must contain the parameter createVolumePermission")
    if (
        added
        and snapshot.encrypted
        and (kms_keys.is_aws_managed(self.ec2_backend, snapshot.kms_key_id) or any("Group" in item for item in added))
    ):
        raise refuse(
            "OperationNotPermitted",
            f"Encrypted snapshot {snapshot.id} cannot be shared so: use a customer managed key and named accounts.",
        )
    for item in added:
        if "UserId" in item and not (len(item["UserId"]) == 12 and item["UserId"].isdigit()):
            raise refuse("InvalidUserID.Malformed", f'Invalid user id: "{item["UserId"]}"')
        if item.get("Group", "all") != "all":
            raise refuse("InvalidParameterValue", f"Group '{item['Group']}' is invalid")
    users, groups = snapshot.create_volume_permission_userids, snapshot.create_volume_permission_groups
    users |= {item["UserId"] for item in added if "UserId" in item}
    groups |= {item["Group"] for item in added if "Group" in item}
    users -= {item["UserId"] for item in removed if "UserId" in item}
    groups -= {item["Group"] for item in removed if "Group" in item}
    return EmptyResult()


@amendments.method(ElasticBlockStore, "describe_snapshot_attribute")
def describe_snapshot_attribute(original: Any, self: ElasticBlockStore) -> ActionResult:
    owned_snapshot(self.ec2_backend, self._get_param("SnapshotId"))
    return original(self)
