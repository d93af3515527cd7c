"""Sparse files: where their data lies, and copies that keep their holes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 1024 * 1024
# Linux's ioctl that shares the blocks of a whole file (btrfs, XFS, …).
FICLONE = 0x40049409


def data_extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each stretch that may hold other bytes than zero, in order."""
    size = os.fstat(descriptor).st_size
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
        position = end


def copy_sparse(source: Path, target: Path) -> None:
    """A copy that shares blocks where the file system can and keeps holes where it cannot; appears all at once."""
    partial = target.with_suffix(".partial")
    with source.open("rb") as reader, partial.open("wb") as writer:
        if not _cloned(reader.fileno(), writer.fileno()):
            _copy_data(reader.fileno(), writer.fileno())
    partial.replace(target)


def _cloned(reader: int, writer: int) -> bool:
    with contextlib.suppress(OSError):
        fcntl.ioctl(writer, FICLONE, reader)
        return True
    return False


def _copy_data(reader: int, writer: int) -> None:
    os.ftruncate(writer, os.fstat(reader).st_size)
    for start, end in data_extents(reader):
        for offset in range(start, end, CHUNK_BYTES):
            chunk = os.pread(reader, min(CHUNK_BYTES, end - offset), offset)
            if chunk.count(0) != len(chunk):
                os.pwrite(writer, chunk, offset)
