"""PAM: modules that run programs, let everyone in, or lie where no package puts them. man 8 pam_exec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

_MODULE = re.compile(r"^\s*-?(auth|account|password|session)\s+(?:\[[^\]]*\]|\w+)\s+(\S+)\s*(.*)$", re.M)
_PACKAGED = re.compile(r"^(?:/usr)?/lib(?:64|/[a-z0-9_]+-linux-gnu)?/security/pam_\w+\.so$|^pam_\w+\.so$")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for file in [*machine.listing("/etc/pam.d"), *[found for path in ("/etc/pam.conf",) if (found := machine.find(path))]]:
        for match in _MODULE.finditer(file.text()):
            kind, module, arguments = match.groups()
            offset = len(file.text()[: match.start()].encode("utf-8", "surrogateescape"))
            if not _PACKAGED.match(module):
                yield Finding("pam-backdoor", "high", "medium", f"The module {module} lies where no package puts one", file, match[0], offset, subject=module)
            elif module.endswith("pam_exec.so") and kind in ("auth", "password"):
                yield Finding("pam-backdoor", "high", "medium", "A program is run at every login and may be given the password", file, match[0], offset, subject=match[0])
            elif module.endswith("pam_permit.so") and kind == "auth" and "sufficient" in match[0]:
                yield Finding("pam-backdoor", "high", "high", "Whoever comes this way is let in without a password", file, match[0], offset, subject=match[0])
