"""Every detector, in the order they run: a later one may build on what an earlier one found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from detectors import (
    accounts, cloud_credentials, hiding_places, login_modules, scheduled_jobs, setuid_files, shell_history, shell_profiles,
    signatures, ssh_keys, startup, systemd_units, web_log, web_roots,
)
from finding import Finding
from machine import Machine


@dataclass
class Analysis:
    """What detectors share: the limits they keep to and what was found so far on this machine."""

    scan_bytes: int
    scan_seconds: int
    findings: list[Finding] = field(default_factory=list)


Detector = Callable[[Machine, Analysis], Iterator[Finding]]

DETECTORS: dict[str, Detector] = {
    "signatures": signatures.detect,
    "scripts in upload directories": web_roots.detect,
    "web log": web_log.detect,
    "cron": scheduled_jobs.detect,
    "systemd": systemd_units.detect,
    "start-up scripts": startup.detect,
    "login modules": login_modules.detect,
    "shell profiles": shell_profiles.detect,
    "SSH keys": ssh_keys.detect,
    "accounts": accounts.detect,
    "shell history": shell_history.detect,
    "hiding places": hiding_places.detect,
    "set-user-id files": setuid_files.detect,
    "cloud credentials": cloud_credentials.detect,
}
