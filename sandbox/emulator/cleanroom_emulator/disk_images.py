"""The bytes of volumes and snapshots: one sparse file each under the state directory, and nothing but bytes."""

from __future__ import annotations

import os
from pathlib import Path

from .settings import current
from .sparse_file import copy_sparse

GIB = 1024**3


class MissingImage(ValueError):
    """The file that is to become a volume's bytes does not exist."""


def volume_image(volume_id: str) -> Path:
    return _directory("volumes") / f"{volume_id}.img"


def snapshot_image(snapshot_id: str) -> Path:
    return _directory("snapshots") / f"{snapshot_id}.img"


def create_volume(volume_id: str, size_gib: int, snapshot_id: str | None = None) -> None:
    """A volume of zeros, or of the snapshot's bytes followed by zeros; the holes take no space."""
    image = volume_image(volume_id)
    if snapshot_id:
        copy_sparse(snapshot_image(snapshot_id), image)
    else:
        image.touch()
    _grow(image, size_gib * GIB)


def grow_volume(volume_id: str, size_gib: int) -> None:
    _grow(volume_image(volume_id), size_gib * GIB)


def bind_volume(volume_id: str, source: str) -> None:
    """The volume's first bytes become those of the file `source`; the volume keeps its size, or grows to the file's."""
    path = Path(source)
    if not path.is_file():
        raise MissingImage(f"no file at {source}")
    image = volume_image(volume_id)
    size = image.stat().st_size if image.exists() else 0
    copy_sparse(path, image)
    _grow(image, size)


def create_snapshot(snapshot_id: str, volume_id: str) -> None:
    """The snapshot holds what the volume holds now, whatever is written to the volume later."""
    copy_sparse(volume_image(volume_id), snapshot_image(snapshot_id))


def copy_snapshot(snapshot_id: str, source_id: str) -> None:
    copy_sparse(snapshot_image(source_id), snapshot_image(snapshot_id))


def delete_volume(volume_id: str) -> None:
    volume_image(volume_id).unlink(missing_ok=True)


def delete_snapshot(snapshot_id: str) -> None:
    snapshot_image(snapshot_id).unlink(missing_ok=True)


def _grow(image: Path, size: int) -> None:
    if image.stat().st_size < size:
        os.truncate(image, size)


def _directory(name: str) -> Path:
    directory = current().state_dir / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory
