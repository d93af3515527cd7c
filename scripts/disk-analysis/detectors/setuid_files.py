"""Programs that run with their owner's rights: in places where no package puts them, or that should never be so."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

_PACKAGED = re.compile(r"^/(?:usr/)?(?:s?bin|lib(?:exec|32|64)?)/|^/opt/[^/]+/|^/usr/(?:local/)?games/")
# Root file systems of containers and snaps bring their own.
_LAYERS = re.compile(r"^/(?:var/lib/(?:docker|containerd|containers|snapd|lxd|lxc|machines)|snap)/")
# With these set-user-id gives anyone a root shell. Source: GTFOBins, function "suid".
_SHELLS = re.compile(r"^(?:(?:ba|da|z|k|a|c|tc|fi)?sh|busybox|python[\d.]*|perl[\d.]*|ruby[\d.]*|php[\d.]*|lua[\d.]*|node|vim?|find|awk|gawk|env|nmap|gdb|tar|cp|nano|less|strace|docker)$")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for file in machine.files():
        if not file.is_regular or not file.mode & stat.S_ISUID or _LAYERS.match(file.where):
            continue
        evidence = f"{stat.filemode(file.mode)} owner {file.uid}:{file.gid}"
        if _SHELLS.match(file.name):
            yield Finding("setuid-file", "critical", "high", f"Whoever runs {file.name} with this bit gets the owner's rights", file, evidence)
        elif not _PACKAGED.match(file.where):
            hidden = "/." in file.where
            yield Finding("setuid-file", "high" if hidden or file.uid == 0 else "medium", "high" if hidden else "medium", "No package puts a program with this bit here" + (", and it is hidden" if hidden else ""), file, evidence)
