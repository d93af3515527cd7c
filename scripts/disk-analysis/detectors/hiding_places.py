"""Programs where programs don't belong: directories for temporary files, names that hide, names of kernel threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

_TEMPORARY = re.compile(r"^/(?:tmp|var/tmp|dev/shm|run/shm|var/crash)/")
_HIDDEN = re.compile(r"/(?:\.[^/]+|\s+|[^/]*[^\S ][^/]*)(?=/|$)")
_KERNEL_THREAD = re.compile(r"^\[?(?:kworker|kthreadd?|kdevtmpfs|ksoftirqd|kswapd|kblockd|migration)[\w:/-]*\]?$")
_KERNEL_SOURCES = re.compile(r"^/(?:usr/(?:src|lib/modules|share|lib/debug|include)|lib/modules)/")
ELF = b"\x7fELF"


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for file in machine.files():
        if not file.is_regular:
            continue
        if _TEMPORARY.match(file.where):
            yield from in_temporary_directory(file)
        elif file.is_executable and _KERNEL_THREAD.match(file.name) and not _KERNEL_SOURCES.match(file.where):
            yield Finding("hidden-executable", "high", "medium", "A program with the name of a thread of the kernel, which has no file", file, file.read(200))
        elif file.name.startswith((".. ", "...")) and file.is_executable:
            yield Finding("hidden-executable", "high", "medium", "A program whose name is made to be overlooked", file, file.read(200))


def in_temporary_directory(file: File) -> Iterator[Finding]:
    program = file.is_executable or file.read(4) == ELF
    if not program:
        return
    if _HIDDEN.search(file.where):
        yield Finding("hidden-executable", "high", "high", "A program in a hidden place below a directory that everyone can write to", file, file.read(200))
    else:
        yield Finding("hidden-executable", "low", "low", "A program in a directory for temporary files", file, file.read(200))
