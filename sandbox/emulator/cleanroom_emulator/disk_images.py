"""The bytes of volumes and snapshots: one sparse file each under the state directory, and nothing but bytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .settings import current

GIB = 1024**3


class MissingImage(ValueError):
    """The file that is to become a volume's bytes does not exist."""


def volume_image(volume_id: str) -> Path:
    return _directory("volumes") / f"{volume_id}.img"


def snapshot_image(snapshot_id: str) -> Path:
    return _directory("snapshots") / f"{snapshot_id}.img"


def create_volume(volume_id: str, size_gib: int, snapshot_id: str | None = None) -> None:
    """A volume of zeros, or of the snapshot's bytes at this moment followed by zeros; the holes take no space."""
    image = volume_image(volume_id)
    source = snapshot_image(snapshot_id) if snapshot_id else None
    if source and source.exists():
        copy_sparse(source, image)
    else:
        image.touch()
    if image.stat().st_size < size_gib * GIB:
        os.truncate(image, size_gib * GIB)


def bind_volume(volume_id: str, source: str) -> None:
    """The volume's bytes become those of `source`; a size EBS would round up to whole GiB is kept as it is."""
    path = Path(source)
    if not path.is_file():
        raise MissingImage(f"no file at {source}")
    copy_sparse(path, volume_image(volume_id))


def create_snapshot(snapshot_id: str, volume_id: str) -> None:
    """The snapshot holds what the volume holds now, whatever is written to the volume later."""
    source = volume_image(volume_id)
    if source.exists():
        copy_sparse(source, snapshot_image(snapshot_id))
    else:
        snapshot_image(snapshot_id).touch()


def copy_snapshot(snapshot_id: str, source_id: str) -> None:
    source = snapshot_image(source_id)
    if source.exists():
        copy_sparse(source, snapshot_image(snapshot_id))
    else:
        snapshot_image(snapshot_id).touch()


def delete_volume(volume_id: str) -> None:
    volume_image(volume_id).unlink(missing_ok=True)


def delete_snapshot(snapshot_id: str) -> None:
    snapshot_image(snapshot_id).unlink(missing_ok=True)


def copy_sparse(source: Path, target: Path) -> None:
    """A copy that shares blocks where the file system can and keeps holes where it cannot; appears all at once."""
    partial = target.with_suffix(".partial")
    subprocess.run(
        ["cp", "--reflink=auto", "--sparse=always", "--no-preserve=mode", str(source), str(partial)],
        check=True,
        capture_output=True,
    )
    partial.replace(target)


def _directory(name: str) -> Path:
    directory = current().state_dir / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory
