"""What runs at every start besides systemd's units, and libraries that every program is made to load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detectors.suspicious_command import reason, signs_in
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

SCRIPTS = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/rc.local", "/etc/inittab")
DIRECTORIES = ("/etc/init.d", "/etc/rc.d/init.d", "/etc/update-motd.d", "/etc/network/if-up.d", "/etc/NetworkManager/dispatcher.d", "/etc/udev/rules.d", "/var/lib/cloud/scripts/per-boot")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    scripts = [file for path in SCRIPTS if (file := machine.find(path))]
    scripts += [file for directory in DIRECTORIES for file in machine.listing(directory) if file.is_regular]
    for file in scripts:
        if signs := signs_in(file.text()):
            worst = signs[0]
            yield Finding("startup-persistence", worst.severity, worst.confidence, reason(signs), file, worst.excerpt, worst.offset)
    preload = machine.find("/etc/ld.so.preload")
    if preload and preload.text().strip():
        yield Finding("preload-library", "high", "high", "Distributions leave this file empty or out; what it names is loaded into every program, root's too", preload, preload.text())
