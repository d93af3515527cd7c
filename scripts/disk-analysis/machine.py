"""One suspected instance: its file systems put together the way it had them mounted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property

from files import File, FileTree

LINKS_AT_MOST = 40
RECENT = timedelta(days=14)
INSTALLED = ("/etc/machine-id", "/etc/hostname", "/etc/os-release", "/usr/lib/os-release")


@dataclass(frozen=True)
class Account:
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str

    @property
    def may_log_in(self) -> bool:
        return not re.search(r"(nologin|/false|/sync|/shutdown|/halt)$", self.shell)


@dataclass
class Machine:
    """`root` is the file system that has the accounts, None on a machine that only has data."""

    instance_id: str
    trees: list[FileTree]
    since: datetime | None = None
    root: FileTree | None = None
    _passwd: File | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.root = next((tree for tree in self.trees if _is_root(tree)), None)
        if self.root is None:
            return
        self.root.mount_point = "/"
        for tree in self.trees:
            tree.mount_point = tree.mount_point or self._mount_points.get(tree.uuid) or self._mount_points.get(tree.label)

    def files(self) -> Iterator[File]:
        """Every file of every file system."""
        for tree in self.trees:
            yield from tree.files.values()

    def find(self, path: str) -> File | None:
        """The file at a path of the running machine, links followed; None where there is none."""
        links = 0
        parts, at = [part for part in path.split("/") if part][::-1], ""
        file: File | None = None
        while parts:
            part = parts.pop()
            if part == "..":
                at = at.rpartition("/")[0]
            elif part != ".":
                file = self._at(f"{at}/{part}")
                if file is None:
                    return None
                if file.link is None:
                    at = f"{at}/{part}"
                    continue
                links += 1
                if links > LINKS_AT_MOST:
                    return None
                at = "" if file.link.startswith("/") else at
                parts += [step for step in file.link.split("/") if step][::-1]
        return file

    def entry(self, path: str) -> File | None:
        """The file at a path, with links on the way followed but not a link at its end."""
        directory, _, name = path.rpartition("/")
        parent = self.find(directory) if directory else None
        return self._at(f"{parent.where}/{name}" if parent else f"/{name}") if parent or not directory else None

    def listing(self, directory: str) -> list[File]:
        """What is in a directory of the running machine, by name."""
        found = self.find(directory)
        if found is None or not found.is_directory:
            return []
        mounted = next((tree for tree in self.trees if tree.mount_point == found.where), None)
        tree, path = (mounted, "/") if mounted else (found.tree, found.path)
        return [tree.files[child] for child in tree.children.get(path, [])]

    def below(self, directory: str) -> Iterator[File]:
        """Everything below a directory of the running machine."""
        for file in self.listing(directory):
            yield file
            if file.is_directory:
                yield from self.below(file.where)

    @cached_property
    def accounts(self) -> list[Account]:
        passwd = self.find("/etc/passwd")
        accounts = []
        for line in passwd.text().splitlines() if passwd else []:
            fields = line.split(":")
            if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit():
                accounts.append(Account(fields[0], int(fields[2]), int(fields[3]), fields[5] or "/", fields[6]))
        return accounts

    @cached_property
    def last_activity(self) -> datetime | None:
        """The disk's own idea of now: the newest change below /var/log. Clocks of other machines play no part."""
        times = [file.modified for file in self.below("/var/log") if file.is_regular and file.modified]
        return max(times, default=None)

    @cached_property
    def installed(self) -> datetime:
        times = [file.modified for path in INSTALLED if (file := self.find(path)) and file.modified]
        return max(times, default=datetime.fromtimestamp(0, timezone.utc))

    def is_recent(self, file: File) -> bool:
        """Whether a file was changed in the time that the incident is about, and not by the installation."""
        if self.since:
            return bool(file.modified and file.modified >= self.since)
        if not file.modified or not self.last_activity:
            return False
        return file.modified >= self.last_activity - RECENT and file.modified > self.installed + timedelta(hours=1)

    def _at(self, path: str) -> File | None:
        """The file at a path in the deepest file system mounted over it; no links are followed."""
        best: FileTree | None = None
        for tree in self.trees:
            point = tree.mount_point
            if point and (point == "/" or path.startswith(point + "/")) and (best is None or len(point) > len(best.mount_point or "")):
                best = tree
        if best is None:
            return None
        return best.files.get(path if best.mount_point == "/" else path[len(best.mount_point or ""):])

    @cached_property
    def _mount_points(self) -> dict[str, str]:
        """Mount points by UUID and by label, from /etc/fstab."""
        fstab = self.root.files.get("/etc/fstab") if self.root else None
        points: dict[str, str] = {}
        for line in fstab.text().splitlines() if fstab else []:
            fields = line.split()
            if len(fields) >= 2 and (named := re.fullmatch(r"(?:UUID|LABEL)=\"?([^\"]+)\"?", fields[0])) and fields[1].startswith("/"):
                points[named[1]] = fields[1].rstrip("/") or "/"
        return points


def _is_root(tree: FileTree) -> bool:
    return any(path in tree.files for path in ("/etc/passwd", "/etc/os-release", "/usr/lib/os-release"))
