"""Shell histories that are gone, empty, diverted or kept from being written. man 1 bash, HISTORY."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Account, Machine

HISTORIES = (".bash_history", ".zsh_history", ".ash_history", ".sh_history", ".history")
PROFILES = (".bashrc", ".bash_profile", ".profile", ".zshrc", ".bash_login")
SYSTEM_PROFILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc")
_DIVERTED = re.compile(r"^[^#\n]*(?:unset\s+(?:-v\s+)?HIST\w*|HISTFILE=(?:/dev/null|[\"']{2}|\s|$)|HIST(?:FILE)?SIZE=0\b|set\s+\+o\s+history).*$", re.M)
_CLEANED = re.compile(r"^.*(?:history\s+-c|(?:rm|shred|truncate|>)\s*\S*[^\n]*\.(?:bash|zsh)_history|unset\s+HISTFILE|HISTFILE=/dev/null).*$", re.M)
_STAMP = re.compile(r"^#(\d{9,11})$", re.M)
BACKWARDS = timedelta(days=1).total_seconds()


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for home, account in {account.home.rstrip("/"): account for account in machine.accounts if account.home not in ("/", "/nonexistent")}.items():
        yield from histories(machine, home, account)
    paths = [*SYSTEM_PROFILES, *(f"{account.home}/{name}" for account in machine.accounts for name in PROFILES)]
    files = {file.where: file for path in paths if (file := machine.find(path)) and file.is_regular}
    files |= {file.where: file for file in machine.listing("/etc/profile.d") if file.is_regular}
    for file in files.values():
        if match := _DIVERTED.search(file.text()):
            yield Finding("cleaned-history", "high", "medium", "It keeps shells from writing their history", file, match[0])


def histories(machine: Machine, home: str, account: Account) -> Iterator[Finding]:
    for name in HISTORIES:
        file = machine.entry(f"{home}/{name}")
        if file is None:
            continue
        if file.link is not None:
            if file.link.startswith("/dev/"):
                yield Finding("cleaned-history", "high", "high", f"{account.name}'s history is a link to {file.link}: nothing is kept", file, f"{name} -> {file.link}")
        elif file.is_regular and file.size == 0:
            if file.modified and file.modified > machine.installed + timedelta(hours=1):
                yield Finding("cleaned-history", "medium", "medium", f"{account.name}'s history is empty, but was written to after the installation", file)
        else:
            yield from rewritten(file, account)


def rewritten(file, account: Account) -> Iterator[Finding]:
    text = file.text()
    if match := _CLEANED.search(text):
        yield Finding("cleaned-history", "high", "high", f"{account.name} cleaned the history", file, match[0], subject="command")
    stamps = [int(stamp) for stamp in _STAMP.findall(text)]
    if any(later < earlier - BACKWARDS for earlier, later in zip(stamps, stamps[1:])):
        yield Finding("cleaned-history", "low", "low", f"The times in {account.name}'s history go back and forth: lines were put in or taken out, or shells ran side by side", file, subject="order")
