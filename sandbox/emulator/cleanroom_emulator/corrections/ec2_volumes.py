"""A volume is created in a zone that exists, big enough, with its bytes; it attaches once, where and when it may.

moto takes any zone, size and key, is never `creating`, attaches a volume twice, to a taken device, across zones, and needs
InstanceId to detach. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html (a key that is not
valid shows later, as state `error`), API_AttachVolume.html, API_DetachVolume.html, and the codes in errors-overview.html.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models.elastic_block_store import EBSBackend, Volume, VolumeAttachment
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from .. import device_links, disk_images, kms_keys
from ..amendments import Amendments
from ..ec2_requests import refuse
from ..settings import current

amendments = Amendments()
apply = amendments.apply

# https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html and device_naming.html
DEVICE_NAME = re.compile(r"/dev/(sd[a-z]{1,2}[0-9]{0,2}|xvd[a-z]{1,2}[0-9]{0,2}|hd[a-z])")
GP3_DEFAULT_THROUGHPUT = 125  # MiB/s


def _volume_status(self: Volume) -> str:
    # A volume made with its machine is attached from the start: the machine's own state says how far it is.
    if self.attachment:
        return "in-use"
    if utcnow() < self.create_time + timedelta(seconds=current().pending.volume):
        return "creating"
    return "available" if self.key_usable else "error"


amendments.attribute(Volume, "status", property(_volume_status))
amendments.attribute(
    VolumeAttachment,
    "delete_on_termination",
    property(lambda self: getattr(self.instance.block_device_mapping.get(self.device), "delete_on_termination", False)),
)


@amendments.method(EBSBackend, "create_volume")
def create_volume_backend(
    original: Any,
    self: Any,
    size: int | None,
    zone_name: str,
    snapshot_id: str | None = None,
    encrypted: bool = False,
    kms_key_id: str | None = None,
    volume_type: str | None = None,
    **kwargs: Any,
) -> Volume:
    """Encryption follows the request, then the snapshot, then the account's default; the bytes come with the volume."""
    snapshot = self.get_snapshot(snapshot_id) if snapshot_id else None
    encrypted = encrypted or bool(snapshot and snapshot.encrypted) or self.ebs_encryption_by_default
    if encrypted and not kms_key_id:
        own = snapshot is not None and snapshot.owner_id == self.account_id
        kms_key_id = (snapshot.kms_key_id if own and snapshot else None) or kms_keys.default_key_arn(self)
    if kms_key_id:
        kms_key_id = kms_keys.key_arn(self, kms_key_id)
    size = size or (snapshot.volume_size if snapshot else None)
    volume = original(self, size, zone_name, snapshot_id, encrypted, kms_key_id, volume_type, **kwargs)
    volume.key_usable = kms_keys.is_usable(self, kms_key_id)
    if volume.volume_type == "gp3" and not volume.throughput:
        volume.throughput = GP3_DEFAULT_THROUGHPUT
    disk_images.create_volume(volume.id, int(volume.size), snapshot_id)
    return volume


@amendments.method(EBSBackend, "delete_volume")
def delete_volume(original: Any, self: Any, volume_id: str) -> Volume:
    volume = original(self, volume_id)
    disk_images.delete_volume(volume_id)
    return volume


@amendments.method(EBSBackend, "modify_volume")
def modify_volume(original: Any, self: Any, volume_id: str, target_size: int | None = None, *args: Any, **kwargs: Any) -> Volume:
    if target_size and target_size < self.get_volume(volume_id).size:
        raise refuse("InvalidParameterValue", f"New size cannot be smaller than existing size {self.get_volume(volume_id).size}")
    volume = original(self, volume_id, target_size, *args, **kwargs)
    disk_images.grow_volume(volume_id, int(volume.size))
    return volume


@amendments.method(EBSBackend, "attach_volume")
def attach_volume_backend(
    original: Any, self: Any, volume_id: str, instance_id: str, device_path: str, *args: Any, **kwargs: Any
) -> Any:
    attachment = original(self, volume_id, instance_id, device_path, *args, **kwargs)
    # moto copies the volume's state of the moment, which at launch is `creating`.
    attachment.instance.block_device_mapping[device_path].status = "in-use"
    device_links.attach(instance_id, volume_id)
    return attachment


@amendments.method(EBSBackend, "detach_volume")
def detach_volume_backend(original: Any, self: Any, volume_id: str, instance_id: str, device_path: str) -> Any:
    attachment = original(self, volume_id, instance_id, device_path)
    device_links.detach(instance_id, volume_id)
    return attachment


@amendments.method(ElasticBlockStore, "create_volume")
def create_volume(original: Any, self: ElasticBlockStore) -> ActionResult:
    """Its answer says `creating`, however soon the volume is available."""
    backend, zone = self.ec2_backend, self._get_param("AvailabilityZone")
    if backend.get_zone_by_name(zone) is None:
        raise refuse("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    if snapshot_id := self._get_param("SnapshotId"):
        snapshot, size = backend.get_snapshot(snapshot_id), self._get_int_param("Size")
        if snapshot.status != "completed":
            raise refuse("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
        if size and size < snapshot.volume_size:
            message = f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', expect size>= {snapshot.volume_size}GB"
            raise refuse("InvalidParameterValue", message)
    volume = original(self).result
    return ActionResult(
        {
            "VolumeId": volume.id,
            "State": "creating",
            "Size": volume.size,
            "SnapshotId": volume.snapshot_id or "",
            "AvailabilityZone": volume.availability_zone,
            "CreateTime": volume.create_time,
            "VolumeType": volume.volume_type,
            "Iops": volume.iops,
            "Throughput": volume.throughput,
            "Encrypted": volume.encrypted,
            "KmsKeyId": volume.kms_key_id,
            "MultiAttachEnabled": bool(volume.multi_attach_enabled),
            "Tags": volume.tag_set,
        }
    )


@amendments.method(ElasticBlockStore, "delete_volume")
def delete_volume_response(original: Any, self: ElasticBlockStore) -> EmptyResult:
    volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
    if volume.status == "creating":
        raise refuse("IncorrectState", f"The volume '{volume.id}' is 'creating'")
    return original(self)


@amendments.method(ElasticBlockStore, "attach_volume")
def attach_volume(original: Any, self: ElasticBlockStore) -> ActionResult:
    backend = self.ec2_backend
    volume, instance = backend.get_volume(self._get_param("VolumeId")), backend.get_instance(self._get_param("InstanceId"))
    device = self._get_param("Device")
    if not DEVICE_NAME.fullmatch(device or ""):
        message = f"Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name."
        raise refuse("InvalidParameterValue", message)
    if volume.status == "in-use":
        raise refuse("VolumeInUse", f"{volume.id} is already attached to an instance")
    if volume.status != "available":
        raise refuse("IncorrectState", f"{volume.id} is not 'available'.")
    if instance.state not in ("running", "stopped"):
        raise refuse("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if volume.availability_zone != instance.availability_zone:
        message = f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
        raise refuse("InvalidVolume.ZoneMismatch", message)
    if device in instance.block_device_mapping:
        message = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        raise refuse("InvalidParameterValue", message)
    return original(self)


@amendments.add(ElasticBlockStore)
def detach_volume(self: ElasticBlockStore) -> ActionResult:
    backend = self.ec2_backend
    volume, instance_id = backend.get_volume(self._get_param("VolumeId")), self._get_param("InstanceId")
    attachment = volume.attachment
    if attachment is None:
        raise refuse("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance = attachment.instance
    if instance_id and instance_id != instance.id:
        raise refuse("InvalidAttachment.NotFound", f"The volume '{volume.id}' is not attached to instance '{instance_id}'")
    if attachment.device == instance.root_device_name and instance.state != "stopped":
        raise refuse("OperationNotPermitted", f"Unable to detach root volume '{volume.id}' from instance '{instance.id}'")
    delete = attachment.delete_on_termination
    backend.detach_volume(volume.id, instance.id, self._get_param("Device") or attachment.device)
    return ActionResult(
        {
            "VolumeId": volume.id,
            "InstanceId": instance.id,
            "Device": attachment.device,
            "State": "detaching",
            "AttachTime": attachment.attach_time,
            "DeleteOnTermination": delete,
        }
    )
