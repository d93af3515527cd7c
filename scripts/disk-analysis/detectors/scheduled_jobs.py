"""Cron: the system's tables, the users' tables, and the scripts run-parts runs. man 5 crontab, man 8 cron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detectors.suspicious_command import reason, signs_in
from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

DIRECTORIES = (
    "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly",
    "/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/atjobs", "/var/spool/at",
)
FILES = ("/etc/crontab", "/etc/anacrontab")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for file in tables(machine):
        signs = signs_in(file.text())
        if signs:
            worst = signs[0]
            recent = "; it was changed recently" if machine.is_recent(file) else ""
            yield Finding("cron-persistence", worst.severity, worst.confidence, reason(signs, recent), file, worst.excerpt, worst.offset)


def tables(machine: Machine) -> Iterator[File]:
    for path in FILES:
        if file := machine.find(path):
            yield file
    for directory in DIRECTORIES:
        yield from (file for file in machine.listing(directory) if file.is_regular)
