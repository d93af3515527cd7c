"""An image has the disks it was registered with, or those of the instance it was made from.

moto ignores the mapping, root device and tags of RegisterImage, and gives CreateImage and CopyImage an empty disk. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html, API_CreateImage.html, API_CopyImage.html.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.responses.amis import AmisResponse

from .. import disk_images
from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

DEFAULT_ROOT = "/dev/xvda"
DEFAULT_SIZE = 8  # GiB, as Amazon Linux


def _mappings(self: Ami) -> list[dict[str, Any]]:
    if getattr(self, "disks", None) is not None:
        return self.disks
    root = {"SnapshotId": self.ebs_snapshot.id, "VolumeSize": DEFAULT_SIZE, "DeleteOnTermination": True, "VolumeType": "gp3"}
    return [{"DeviceName": self.root_device_name, "Ebs": root}]


amendments.attribute(Ami, "block_device_mappings", property(_mappings))


@amendments.method(Ami, "__init__")
def init(original: Any, self: Ami, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.root_device_type = "ebs"
    self.virtualization_type = self.virtualization_type or "hvm"
    self.architecture = self.architecture or "x86_64"
    self.hypervisor = self.hypervisor or "xen"
    self.ena_support = True
    self.platform_details = "Linux/UNIX"
    self.ebs_snapshot.recorded_size = DEFAULT_SIZE


def _set_disks(image: Ami, disks: list[dict[str, Any]]) -> None:
    """Gives the image these disks instead of the one moto made up."""
    backend = image.ec2_backend
    own = image.ebs_snapshot
    image.disks = disks
    if own.id not in {disk["Ebs"]["SnapshotId"] for disk in disks}:
        own.from_ami = None
        backend.delete_snapshot(own.id)
    root = next((disk for disk in disks if disk["DeviceName"] == image.root_device_name), disks[0])
    image.ebs_snapshot = backend.get_snapshot(root["Ebs"]["SnapshotId"])
    for disk in disks:
        snapshot = backend.get_snapshot(disk["Ebs"]["SnapshotId"])
        snapshot.from_ami = image.id


@amendments.method(AmisResponse, "register_image")
def register_image(original: Any, self: AmisResponse) -> ActionResult:
    backend, requested = self.ec2_backend, self._get_param("BlockDeviceMappings", [])
    name = self._get_param("Name")
    if any(image.name == name and image.owner_id == self.current_account for image in backend.amis.values()):
        raise refuse("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI")
    disks = [_disk(backend, mapping) for mapping in requested if mapping.get("Ebs")]
    result = original(self).result
    image = backend.amis[result["ImageId"]]
    image.root_device_name = self._get_param("RootDeviceName") or DEFAULT_ROOT
    image.architecture = self._get_param("Architecture") or "x86_64"
    image.virtualization_type = self._get_param("VirtualizationType") or "hvm"
    image.image_location = f"{self.current_account}/{name}"
    if disks:
        _set_disks(image, disks)
    _tag(self, image)
    return ActionResult(result)


def _disk(backend: Any, mapping: dict[str, Any]) -> dict[str, Any]:
    ebs = mapping["Ebs"]
    if not ebs.get("SnapshotId"):
        return {"DeviceName": mapping["DeviceName"], "Ebs": {**_empty_disk(backend, ebs), **ebs}}
    snapshot = backend.get_snapshot(ebs["SnapshotId"])
    if snapshot.status != "completed":
        raise refuse("InvalidSnapshot.NotFound", f"Snapshot '{snapshot.id}' is not in the 'completed' state.")
    return {"DeviceName": mapping["DeviceName"], "Ebs": {"VolumeSize": snapshot.volume_size, "DeleteOnTermination": True, **ebs}}


def _empty_disk(backend: Any, ebs: dict[str, Any]) -> dict[str, Any]:
    """An image's mapping of a new, empty volume; it is kept as an empty snapshot so that all disks are launched alike."""
    volume = backend.create_volume(ebs.get("VolumeSize", DEFAULT_SIZE), f"{backend.region_name}a")
    snapshot = backend.create_snapshot(volume.id, "Empty disk of an image")
    backend.delete_volume(volume.id)
    return {"SnapshotId": snapshot.id, "DeleteOnTermination": True}


@amendments.add(AmisResponse)
def create_image(self: AmisResponse) -> ActionResult:
    """A snapshot of each of the instance's volumes, and an image that maps them."""
    backend = self.ec2_backend
    instance = backend.get_instance(self._get_param("InstanceId"))
    image = backend.create_image(instance.id, self._get_param("Name"), self._get_param("Description", ""), tag_specifications=[])
    image.root_device_name = instance.root_device_name
    tags = self._parse_tag_specification()
    disks = []
    for device, block in instance.get_block_device_mapping:
        description = f"Created by CreateImage({instance.id}) for {image.id}"
        snapshot = backend.create_snapshot(block.volume_id, description, from_ami=image.id)
        snapshot.add_tags(tags.get("snapshot", {}))
        ebs = {"SnapshotId": snapshot.id, "VolumeSize": snapshot.volume_size, "DeleteOnTermination": block.delete_on_termination}
        disks.append({"DeviceName": device, "Ebs": {**ebs, "Encrypted": snapshot.encrypted}})
    _set_disks(image, disks)
    image.add_tags(tags.get("image", {}))
    return ActionResult({"ImageId": image.id})


@amendments.method(AmisResponse, "copy_image")
def copy_image(original: Any, self: AmisResponse) -> ActionResult:
    backend = self.ec2_backend
    source = ec2_backends[self.current_account][self._get_param("SourceRegion")].amis[self._get_param("SourceImageId")]
    result = original(self).result
    image = backend.amis[result["ImageId"]]
    image.root_device_name = source.root_device_name
    disks = copy.deepcopy(source.block_device_mappings)
    for disk in disks:
        source_id = disk["Ebs"]["SnapshotId"]
        volume = backend.create_volume(disk["Ebs"]["VolumeSize"], f"{backend.region_name}a")
        snapshot = backend.create_snapshot(volume.id, f"Copied for {image.id} from {source.id}", from_ami=image.id)
        backend.delete_volume(volume.id)
        disk_images.copy_snapshot(snapshot.id, source_id)
        disk["Ebs"]["SnapshotId"] = snapshot.id
    _set_disks(image, disks)
    if self._get_param("CopyImageTags"):
        image.add_tags({tag["key"]: tag["value"] for tag in source.get_tags()})
    _tag(self, image)
    return ActionResult(result)


def _tag(response: AmisResponse, image: Ami) -> None:
    tags = response._parse_tag_specification()
    image.add_tags(tags.get("image", {}))
    for disk in image.block_device_mappings:
        image.ec2_backend.get_snapshot(disk["Ebs"]["SnapshotId"]).add_tags(tags.get("snapshot", {}))
