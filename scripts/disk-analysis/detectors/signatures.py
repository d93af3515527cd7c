"""File contents against the package's YARA rules, the places an intruder can write to first.

A rule's `meta` says which finding it makes: `finding`, `severity`, `confidence`, `reason`, and `scope`: "web" rules
count only for scripts that a web server serves, "any" rules everywhere.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yara_x

from detectors.web_roots import SCRIPTS, served_path, web_roots
from files import File
from finding import SEVERITIES, Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

RULES_DIRECTORY = Path(__file__).parent.parent / "rules"
FILE_BYTES = 16 << 20
EXCERPT_BYTES = 160
# Package-managed files come last; the kernel's own file systems and package caches not at all.
_LATE = re.compile(r"^/(?:usr/(?!local/)|boot/|lib|s?bin/|opt/)")
_NEVER = re.compile(r"^/(?:proc|sys|var/lib/(?:dpkg|rpm|apt)|usr/share/(?:doc|man|locale|zoneinfo|icons))/")
_MEDIA = re.compile(r"\.(?:jpe?g|png|mp4|mkv|mp3|woff2?|ttf)$", re.I)


def detect(machine: Machine, analysis: Analysis) -> Iterator[Finding]:
    roots, left = web_roots(machine), analysis.scan_bytes
    deadline = time.monotonic() + analysis.scan_seconds
    scanner = yara_x.Scanner(compiled_rules())
    packaged = PackagedFiles(machine)
    for number, file in enumerate(order := scan_order(machine)):
        if left <= 0 or time.monotonic() > deadline:
            limit = f"{analysis.scan_bytes} bytes" if left <= 0 else f"{analysis.scan_seconds} s"
            file.tree.unreadable.add(f"the limit of {limit} was reached: {len(order) - number} files were not matched against the rules", instance_id=machine.instance_id)
            return
        content = file.read(FILE_BYTES)
        left -= len(content)
        served = served_path(file, roots) is not None and (SCRIPTS.search(file.name) is not None or b"<?php" in content[:4096] and not _MEDIA.search(file.name) or content[:3] == b"GIF")
        try:
            matches = scanner.scan(content).matching_rules
        except yara_x.TimeoutError:
            file.tree.note(file.path, "matching took too long")
            continue
        yield from worst_of_each(file, content, [(dict(match.metadata), match) for match in matches], served, packaged)


def worst_of_each(file: File, content: bytes, matches: list, served: bool, packaged: PackagedFiles) -> Iterator[Finding]:
    """One finding for each kind that a file's matches make: the worst, with the others' reasons."""
    kinds: dict[str, list] = {}
    for meta, match in matches:
        if meta["scope"] == "any" or served:
            kinds.setdefault(meta["finding"], []).append((meta, match))
    for rule, group in kinds.items():
        group.sort(key=lambda pair: (SEVERITIES.index(pair[0]["severity"]), pair[1].identifier))
        meta = group[0][0]
        severity, reason = meta["severity"], "; ".join(dict.fromkeys(other["reason"] for other, _ in group))
        if packaged.intact(file):
            severity, reason = "low", f"{reason}; but the file is the one its package installed"
        offset, evidence = excerpt_of(group[0][1], content)
        yield Finding(rule, severity, meta["confidence"], reason, file, evidence, offset)


def excerpt_of(match: yara_x.Rule, content: bytes) -> tuple[int, bytes]:
    offset = min((found.offset for pattern in match.patterns for found in pattern.matches), default=0)
    return offset, content[offset : offset + EXCERPT_BYTES]


def scan_order(machine: Machine) -> list[File]:
    files = [file for file in machine.files() if file.is_regular and file.size and not _NEVER.match(file.where)]
    return sorted(files, key=lambda file: (bool(_LATE.match(file.where)), file.where))


@lru_cache(maxsize=1)
def compiled_rules() -> yara_x.Rules:
    compiler = yara_x.Compiler()
    for source in sorted(RULES_DIRECTORY.glob("*.yar")):
        compiler.add_source(source.read_text(), origin=source.name)
    return compiler.build()


class PackagedFiles:
    """dpkg's own hashes. They lie on the same disk, so a match lowers a finding and never removes it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._hashes: dict[str, str] | None = None

    def intact(self, file: File) -> bool:
        expected = self._table().get(file.where.lstrip("/"))
        return expected is not None and hashlib.md5(file.read(1 << 30), usedforsecurity=False).hexdigest() == expected

    def _table(self) -> dict[str, str]:
        if self._hashes is None:
            self._hashes = {}
            for listing in self._machine.listing("/var/lib/dpkg/info"):
                if listing.name.endswith(".md5sums"):
                    for line in listing.text().splitlines():
                        digest, _, path = line.partition("  ")
                        self._hashes[path] = digest
        return self._hashes
