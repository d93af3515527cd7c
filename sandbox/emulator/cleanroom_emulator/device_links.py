"""A machine's directory, and in it its device directory: a link per attached volume under its Nitro name."""

from __future__ import annotations

from pathlib import Path

from .disk_images import volume_image
from .settings import current


def machine_directory(instance_id: str) -> Path:
    """The machine's own directory; made, with its `dev`, when first asked for."""
    directory = current().state_dir / "machines" / instance_id
    (directory / "dev").mkdir(parents=True, exist_ok=True)
    return directory


def attach(instance_id: str, volume_id: str) -> None:
    link = _link(instance_id, volume_id)
    link.unlink(missing_ok=True)
    link.symlink_to(volume_image(volume_id))


def detach(instance_id: str, volume_id: str) -> None:
    _link(instance_id, volume_id).unlink(missing_ok=True)


def _link(instance_id: str, volume_id: str) -> Path:
    # https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html: the serial is the id without its dash
    return machine_directory(instance_id) / "dev" / f"nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"
