"""A file system as an index of its files, read without mounting; one bad file or directory spoils no other.

Everything here is written for hostile and damaged disks: parsers may raise anything, sizes may lie, directories
may loop, names may hold any byte. Reads are bounded, walks are bounded, and what fails is noted and passed over.
"""

from __future__ import annotations

import hashlib
import stat
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from finding import Unreadable, describe

# Reading an inode takes about half a millisecond: this many stay well within the package's time budget.
FILES_AT_MOST = 1_000_000
DEPTH_AT_MOST = 128
LISTINGS_KEPT = 64
CHUNK_BYTES = 1 << 20
HASH_BYTES_AT_MOST = 1 << 30
TEXT_BYTES_AT_MOST = 4 << 20


@dataclass(slots=True)
class File:
    """An entry of a file system. `path` is its path there, non-UTF-8 bytes as surrogates (PEP 383)."""

    tree: FileTree
    path: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    link: str | None = None
    _sha256: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def where(self) -> str:
        """The path on the running machine, as far as it is known where the file system was mounted."""
        return (self.tree.mount_point or "").rstrip("/") + self.path

    @property
    def instance_id(self) -> str:
        return self.tree.instance_id

    @property
    def volume_id(self) -> str:
        return self.tree.volume_id

    @property
    def partition(self) -> int:
        return self.tree.partition

    @property
    def modified(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.mtime, timezone.utc)
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_executable(self) -> bool:
        return self.is_regular and bool(self.mode & 0o111)

    def read(self, at_most: int = TEXT_BYTES_AT_MOST) -> bytes:
        """The file's first bytes, or nothing when they can't be read, which is noted."""
        return b"".join(self.chunks(at_most))

    def text(self, at_most: int = TEXT_BYTES_AT_MOST) -> str:
        return self.read(at_most).decode("utf-8", "surrogateescape")

    def chunks(self, at_most: int) -> Iterator[bytes]:
        """The bytes up to `at_most`, in pieces; ends early, with a note, where the disk can't be read."""
        if not self.is_regular:
            return
        left = min(at_most, self.size)
        try:
            with self.tree.entry(self.path).open() as stream:
                while left > 0 and (chunk := stream.read(min(CHUNK_BYTES, left))):
                    left -= len(chunk)
                    yield chunk
        except GeneratorExit:
            raise
        except Exception as error:
            self.tree.note(self.path, describe(error))
            return
        if left > 0:
            self.tree.note(self.path, f"ends {left} bytes before its size says")

    def sha256(self) -> str | None:
        """Of the whole content; None for what is no regular file, too large or damaged."""
        if self._sha256 is None and self.is_regular and self.size <= HASH_BYTES_AT_MOST:
            digest, size = hashlib.sha256(), 0
            for chunk in self.chunks(HASH_BYTES_AT_MOST):
                digest.update(chunk)
                size += len(chunk)
            self._sha256 = digest.hexdigest() if size == self.size else ""
        return self._sha256 or None


@dataclass
class FileTree:
    """One file system of one volume, with every file in it by path."""

    filesystem: Any
    kind: str
    volume_id: str
    instance_id: str
    partition: int
    unreadable: Unreadable
    uuid: str = ""
    label: str = ""
    mount_point: str | None = None
    files: dict[str, File] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    _listings: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)

    def note(self, path: str, reason: str) -> None:
        self.unreadable.add(reason, instance_id=self.instance_id, volume_id=self.volume_id, path=path)

    def index(self) -> None:
        """Walks the whole file system once, every directory once, without following links."""
        pending, seen = [""], {self._inode("")}
        while pending:
            directory = pending.pop()
            names = self.children.setdefault(directory or "/", [])
            for name, entry in self._children(directory):
                path = f"{directory}/{name}"
                try:
                    status = entry.get().lstat()
                    link = entry.get().readlink() if stat.S_ISLNK(status.st_mode) else None
                except Exception as error:
                    self.note(path, describe(error))
                    continue
                if len(self.files) >= FILES_AT_MOST:
                    self.note("/", f"there are more than {FILES_AT_MOST} files: the rest was not looked at")
                    return
                file = File(self, path, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime, link)
                self.files[path] = file
                names.append(path)
                if not file.is_directory or status.st_ino in seen:
                    continue
                if path.count("/") > DEPTH_AT_MOST:
                    self.note(path, f"is more than {DEPTH_AT_MOST} directories deep and was not entered")
                    continue
                seen.add(status.st_ino)
                pending.append(path)

    def entry(self, path: str) -> Any:
        """The parser's own entry. Listings are kept, so that reading one directory's files is not quadratic."""
        directory, _, name = path.rpartition("/")
        return self.filesystem.get("/") if not name else self._listing(directory)[name].get()

    def _listing(self, directory: str) -> dict[str, Any]:
        if directory not in self._listings:
            self._listings[directory] = {entry.name: entry for entry in self.entry(directory).scandir()}
            while len(self._listings) > LISTINGS_KEPT:
                self._listings.popitem(last=False)
        self._listings.move_to_end(directory)
        return self._listings[directory]

    def _children(self, directory: str) -> list[tuple[str, Any]]:
        try:
            listing = self._listing(directory)
        except Exception as error:
            self.note(directory or "/", describe(error))
            return []
        good = {name: entry for name, entry in listing.items() if name not in ("", ".", "..") and "/" not in name and "\0" not in name}
        for name in listing.keys() - good.keys():
            self.note(directory or "/", f"holds an entry that can be no file's name: {name!r}")
        return sorted(good.items())

    def _inode(self, path: str) -> int:
        try:
            return self.entry(path).lstat().st_ino
        except Exception:
            return -1
