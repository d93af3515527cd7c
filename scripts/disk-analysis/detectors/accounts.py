"""Accounts and what they may do: /etc/passwd, /etc/shadow, sudoers. man 5 passwd, shadow, sudoers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Account, Machine

FIRST_USER_UID = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOPASSWD = re.compile(r"^\s*([^#\s]\S*)\s+.*NOPASSWD:\s*(.*)$", re.M)


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    passwd = machine.find("/etc/passwd")
    if passwd is None:
        return
    shadow = shadow_entries(machine)
    for account in machine.accounts:
        line = f"{account.name}:x:{account.uid}:{account.gid}::{account.home}:{account.shell}"
        hashed, changed = shadow.get(account.name, ("", None))
        has_password = len(hashed) > 2 and hashed[0] not in "!*"
        if account.uid == 0 and account.name != "root":
            yield Finding("uid-zero-account", "critical", "high", f"{account.name} has user id 0: it is root by another name", passwd, line, subject=account.name)
        elif 0 < account.uid < FIRST_USER_UID and account.may_log_in and (has_password or recently(changed, machine)):
            yield Finding("login-account", "high", "medium", f"{account.name} is an account of the system, yet has a shell and a password", passwd, line, subject=account.name)
        elif account.uid >= FIRST_USER_UID and account.may_log_in and recently(changed, machine):
            yield Finding("new-account", "medium", "low", f"Its password entry dates from {changed:%Y-%m-%d}", passwd, line, subject=account.name)
        if account.name in shadow and hashed == "" and account.may_log_in:
            yield Finding("login-account", "high", "high", f"{account.name} needs no password", passwd, line, subject=f"{account.name} without password")
    yield from sudo_grants(machine)


def shadow_entries(machine: Machine) -> dict[str, tuple[str, datetime | None]]:
    """Password field and day of the last change by account."""
    shadow = machine.find("/etc/shadow")
    entries: dict[str, tuple[str, datetime | None]] = {}
    for line in shadow.text().splitlines() if shadow else []:
        fields = line.split(":")
        if len(fields) >= 3:
            days = int(fields[2]) if re.fullmatch(r"[0-9]{1,6}", fields[2]) else None
            entries[fields[0]] = (fields[1], None if days is None else _EPOCH + timedelta(days=days))
    return entries


def recently(changed: datetime | None, machine: Machine) -> bool:
    if changed is None:
        return False
    since = machine.since or (machine.last_activity and machine.last_activity - timedelta(days=14))
    return bool(since and changed + timedelta(days=1) > since and changed > machine.installed + timedelta(days=1))


def sudo_grants(machine: Machine) -> Iterator[Finding]:
    files = [file for file in [machine.find("/etc/sudoers"), *machine.listing("/etc/sudoers.d")] if file]
    for file in files:
        # cloud-init gives the image's own first user these rights on every instance.
        expected = "cloud-init" in file.name and not machine.is_recent(file)
        for match in _NOPASSWD.finditer(file.text()):
            who = match[1]
            if expected and not unknown_to_cloud_init(who, machine.accounts):
                yield Finding("passwordless-sudo", "info", "high", f"{who} may become root without a password, as cloud images have it", file, match[0], subject=who)
            else:
                everything = match[2].strip().startswith("ALL")
                yield Finding(
                    "passwordless-sudo", "high" if everything and machine.is_recent(file) else "medium" if everything else "low", "medium",
                    f"{who} may become root without a password" + ("; the file was changed recently" if machine.is_recent(file) else ""), file, match[0], subject=who,
                )


def unknown_to_cloud_init(who: str, accounts: list[Account]) -> bool:
    """Whether a grant is to anyone but an ordinary user: cloud-init writes no others."""
    return not any(account.name == who and account.uid >= FIRST_USER_UID for account in accounts)
