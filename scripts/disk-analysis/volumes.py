"""From attached copies to file systems: whole-disk file systems, partitions, LVM and RAID; nothing is mounted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissect.target import volume as disk_volumes
from dissect.target.containers.raw import RawContainer
from dissect.target.filesystems.btrfs import BtrfsFilesystem
from dissect.target.filesystems.extfs import ExtFilesystem
from dissect.target.filesystems.fat import FatFilesystem
from dissect.target.filesystems.ntfs import NtfsFilesystem
from dissect.target.filesystems.xfs import XfsFilesystem

from files import FileTree
from finding import Unreadable, describe

# What EC2's disks hold. Archives that dissect could open as well are not taken for disks.
FILESYSTEMS = {"ext": ExtFilesystem, "xfs": XfsFilesystem, "btrfs": BtrfsFilesystem, "fat": FatFilesystem, "ntfs": NtfsFilesystem}
IDENTITY = {"ext": ("extfs", "uuid", "volume_name"), "xfs": ("xfs", "uuid", "name"), "btrfs": ("btrfs", "uuid", "label")}
OPEN_SECONDS = 120
SWAP_MAGIC = (4086, b"SWAPSPACE2")


@dataclass(frozen=True)
class VolumeCopy:
    """A copy attached to the workstation, and the instance's volume that it is a copy of."""

    volume_id: str
    source_volume_id: str
    instance_id: str

    @property
    def device(self) -> Path:
        """By the name udev gives an EBS volume on a Nitro instance: its id is the NVMe serial number."""
        directory = Path(os.environ.get("CLEANROOM_DEVICE_DIR", "/dev/disk/by-id"))
        return directory / f"nvme-Amazon_Elastic_Block_Store_{self.volume_id.replace('-', '', 1)}"


@dataclass(frozen=True)
class Part:
    """A stretch of a volume that may hold a file system."""

    stream: Any
    copy: VolumeCopy
    number: int


def open_trees(copies: list[VolumeCopy], unreadable: Unreadable) -> list[FileTree]:
    """Every file system on the volumes of one instance, indexed; what can't be opened is noted."""
    trees: list[FileTree] = []
    logical: list[Part] = []
    for copy in copies:
        noted = unreadable.count
        try:
            with at_most(OPEN_SECONDS):
                parts = list(_parts(copy))
                members = [part for part in parts if disk_volumes.is_lvm_volume(part.stream)]
                found = [tree for part in parts if part not in members and (tree := _tree(part, unreadable))]
        except Exception as error:
            unreadable.add(describe(error), instance_id=copy.instance_id, volume_id=copy.source_volume_id)
            continue
        if not found and not members and unreadable.count == noted:
            unreadable.add("no file system was found", instance_id=copy.instance_id, volume_id=copy.source_volume_id)
        trees += found
        logical += members
    trees += _logical_trees(logical, unreadable)
    for tree in trees:
        try:
            tree.index()
        except Exception as error:
            tree.note("/", describe(error))
    return trees


def _parts(copy: VolumeCopy) -> Iterator[Part]:
    """The whole disk where it is one file system, member or swap space, else its partitions."""
    disk = RawContainer(copy.device)
    if disk.size == 0:
        raise ValueError("the volume is empty")
    if _kind(disk) or disk_volumes.is_lvm_volume(disk) or disk_volumes.is_encrypted(disk) or _is_swap(disk):
        yield Part(disk, copy, 0)
        return
    try:
        partitions = disk_volumes.open(disk).volumes
    except Exception as error:
        raise ValueError("there is no file system and no partition table on the volume") from error
    for number, partition in enumerate(partitions, 1):
        yield Part(partition, copy, number)


def _tree(part: Part, unreadable: Unreadable) -> FileTree | None:
    copy = part.copy
    place = {"instance_id": copy.instance_id, "volume_id": copy.source_volume_id}
    name = f"partition {part.number}: " if part.number else ""
    try:
        if disk_volumes.is_encrypted(part.stream):
            unreadable.add(f"{name}it is encrypted (LUKS or BitLocker): a key is required", **place)
            return None
        kind = _kind(part.stream)
        if kind is None:
            if not _is_swap(part.stream) and part.stream.size > 4 << 20:  # boot loaders live in tiny partitions
                unreadable.add(f"{name}it holds no file system that is known here", **place)
            return None
        filesystem = FILESYSTEMS[kind](part.stream)
    except Exception as error:
        unreadable.add(name + describe(error), **place)
        return None
    tree = FileTree(filesystem, kind, copy.source_volume_id, copy.instance_id, part.number, unreadable)
    tree.uuid, tree.label = _identity(filesystem, kind)
    return tree


def _logical_trees(members: list[Part], unreadable: Unreadable) -> list[FileTree]:
    """File systems on LVM and RAID. One that spans volumes is named after the first of them."""
    trees: list[FileTree] = []
    if not members:
        return trees
    first = members[0].copy
    try:
        with at_most(OPEN_SECONDS):
            for manager in disk_volumes.open_lvm([part.stream for part in members]):
                for number, logical in enumerate(manager.volumes, 101):
                    tree = _tree(Part(logical, first, number), unreadable)
                    trees += [tree] if tree else []
    except Exception as error:
        unreadable.add(f"logical volumes: {describe(error)}", instance_id=first.instance_id, volume_id=first.source_volume_id)
    return trees


def _kind(stream: Any) -> str | None:
    for kind, filesystem in FILESYSTEMS.items():
        try:
            if filesystem.detect(stream):
                return kind
        except Exception:
            continue
    return None


def _is_swap(stream: Any) -> bool:
    offset, magic = SWAP_MAGIC
    stream.seek(offset)
    return stream.read(len(magic)) == magic


def _identity(filesystem: Any, kind: str) -> tuple[str, str]:
    if kind not in IDENTITY:
        return "", ""
    inner, uuid, label = IDENTITY[kind]
    parsed = getattr(filesystem, inner, None)
    return str(getattr(parsed, uuid, "") or ""), str(getattr(parsed, label, "") or "")


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """A parser that runs round in circles on a damaged disk is stopped."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not opened within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
