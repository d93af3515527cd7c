"""systemd units and timers, of the system and of users. man 5 systemd.unit, man 5 systemd.service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from detectors.suspicious_command import reason, signs_in
from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

DIRECTORIES = ("/etc/systemd/system", "/etc/systemd/user", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
GENERATORS = ("/etc/systemd/system-generators", "/usr/local/lib/systemd/system-generators")
_STARTS = re.compile(r"^\s*(?:Exec\w+|Environment)\s*=\s*[-@:+!|]*(.*)$", re.M)
UNIT_NAMES = (".service", ".timer", ".socket", ".path", ".conf")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    seen: set[tuple[int, str]] = set()
    for file in units(machine):
        if (id(file.tree), file.path) in seen:
            continue
        seen.add((id(file.tree), file.path))
        text = file.text()
        signs = signs_in("\n".join(f"{match[1]}" for match in _STARTS.finditer(text)))
        if signs:
            worst = signs[0]
            recent = "; the unit was changed recently" if machine.is_recent(file) else ""
            yield Finding("systemd-persistence", worst.severity, worst.confidence, reason(signs, recent), file, worst.excerpt)
    for directory in GENERATORS:
        for file in machine.listing(directory):
            if file.is_executable:
                yield Finding("systemd-persistence", "medium", "medium", "A local generator runs as root at every start, before everything else", file, file.read(400))


def units(machine: Machine) -> Iterator[File]:
    homes = [f"{account.home}/.config/systemd/user" for account in machine.accounts]
    for directory in (*DIRECTORIES, *homes):
        yield from (file for file in machine.below(directory) if file.is_regular and file.name.endswith(UNIT_NAMES))
