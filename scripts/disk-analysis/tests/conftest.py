"""Small disks for the tests: directories made into images with mke2fs -d, analysed as the package does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from main import SCAN_BYTES, analyse  # noqa: E402
from volumes import VolumeCopy  # noqa: E402

INSTALLED = datetime(2026, 1, 5, tzinfo=timezone.utc)
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
BASE = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "etc/hostname": "host\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nadmin:x:1000:1000::/home/admin:/bin/bash\n",
    "etc/shadow": "root:*:20400:0:99999:7:::\nwww-data:*:20400:0:99999:7:::\nadmin:!:20458:0:99999:7:::\n",
}


@dataclass
class Report:
    findings: list[dict[str, Any]]
    profiles: list[dict[str, Any]]
    unreadable: list[dict[str, str]]

    def of(self, rule: str) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["rule"] == rule]

    @property
    def loud(self) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["severity"] in ("high", "critical")]


@dataclass
class Disks:
    """Builds images below `directory`; the device directory has one link for each, as udev makes them."""

    directory: Path
    copies: list[VolumeCopy] = field(default_factory=list)

    def add(self, files: dict[str, str | bytes], *, base: bool = True, modes: dict[str, int] | None = None, recent: tuple[str, ...] = (),
            links: dict[str, str] | None = None, mebibytes: int = 8, label: str = "", prepare: Callable[[Path], None] | None = None) -> Path:
        """A volume with these files; those in `recent` were changed an hour ago, all others when it was installed."""
        tree = self.directory / f"tree{len(self.copies)}"
        for name, content in {**(BASE if base else {}), **files}.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod((modes or {}).get(name, 0o644))
            when = NOW - timedelta(hours=1) if name in recent else INSTALLED
            os.utime(path, (when.timestamp(), when.timestamp()))
        for name, target in (links or {}).items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        if base:
            log = tree / "var/log/syslog"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("running\n")
            os.utime(log, (NOW.timestamp(), NOW.timestamp()))
        tree.mkdir(exist_ok=True)
        if prepare:
            prepare(tree)
        image = self.directory / f"image{len(self.copies)}"
        mke2fs = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/sbin:/usr/sbin") or "mke2fs"
        options = ["-L", label] if label else []
        subprocess.run([mke2fs, "-qF", "-t", "ext4", "-E", "root_owner=0:0", *options, "-d", str(tree), str(image), f"{mebibytes}M"], check=True, capture_output=True)
        return self.attach(image)

    def attach(self, image: Path) -> Path:
        number = len(self.copies)
        self.copies.append(VolumeCopy(f"vol-copy{number}", f"vol-source{number}", "i-1"))
        (self.directory / f"nvme-Amazon_Elastic_Block_Store_volcopy{number}").symlink_to(image)
        return image

    def analyse(self, since: datetime | None = None, scan_bytes: int = SCAN_BYTES) -> Report:
        findings, profiles, unreadable = analyse(self.copies, since, scan_bytes)
        return Report(findings, profiles, unreadable.document())


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    monkeypatch.setenv("CLEANROOM_DEVICE_DIR", str(tmp_path))
    return Disks(tmp_path)
