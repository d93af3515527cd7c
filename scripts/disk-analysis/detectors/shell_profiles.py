"""Files that a shell runs when it starts, of the system and of each user. man 1 bash, INVOCATION."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detectors.suspicious_command import reason, signs_in
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

SYSTEM = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/environment", "/etc/zsh/zshrc", "/etc/zsh/zshenv")
OF_USERS = (".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_logout", ".zshrc", ".zshenv", ".zprofile", ".ssh/rc", ".config/autostart")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    paths = [*SYSTEM, *(f"{account.home}/{name}" for account in machine.accounts for name in OF_USERS)]
    files = {file.where: file for path in paths if (file := machine.find(path))}
    files |= {file.where: file for file in machine.listing("/etc/profile.d") if file.is_regular}
    for file in files.values():
        if signs := signs_in(file.text()):
            worst = signs[0]
            yield Finding("profile-persistence", worst.severity, worst.confidence, reason(signs), file, worst.excerpt, worst.offset)
