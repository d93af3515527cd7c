"""Calls of web shells, as Apache's and nginx's access logs have them (common and combined format)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from detectors.web_roots import SCRIPTS, UPLOADS, served_path, web_roots
from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

_LOGS = re.compile(r"^/var/log/(?:apache2|httpd|nginx|lighttpd)/.*access.*|^/var/log/.*access[._]log.*")
_LINE = re.compile(rb'^(\S{1,255}) \S+ [^\[]{1,255}\[([^\]]{10,40})\] "([A-Z]{3,10}) ([^\s"]{1,8192})[^"]*" (\d{3})')
LOG_BYTES = 1 << 30
LINE_BYTES = 64 << 10
ADDRESSES_SHOWN = 10


@dataclass
class Calls:
    count: int = 0
    offset: int = 0
    first: datetime | None = None
    line: bytes = b""
    addresses: dict[str, int] = field(default_factory=dict)

    def add(self, offset: int, address: str, at: datetime | None, line: bytes) -> None:
        if not self.count:
            self.offset, self.first, self.line = offset, at, line
        self.count += 1
        if address in self.addresses or len(self.addresses) < 1000:
            self.addresses[address] = self.addresses.get(address, 0) + 1


def detect(machine: Machine, analysis: Analysis) -> Iterator[Finding]:
    roots = web_roots(machine)
    shells = {path: finding for finding in analysis.findings if finding.rule == "web-shell" and (path := served_path(finding.file, roots))}
    present = {path for file in machine.files() if SCRIPTS.search(file.name) and (path := served_path(file, roots))}
    for log in machine.files():
        if log.is_regular and _LOGS.match(log.where):
            for path, calls in sorted(calls_in(log, set(shells), present).items()):
                who = ", ".join(f"{address} ({count}×)" for address, count in sorted(calls.addresses.items(), key=lambda item: -item[1])[:ADDRESSES_SHOWN])
                shell = shells.get(path)
                severity, confidence, words = (
                    (shell.severity, shell.confidence, f"{path} was called {calls.count}×, by {who}") if shell
                    else ("high", "medium", f"{path} answered {calls.count}×, to {who}, but is no longer there: a script in a directory for uploads")
                )
                yield Finding("web-shell-access", severity, confidence, words, log, calls.line, calls.offset, calls.first, subject=path)


def calls_in(log: File, shells: set[str], present: set[str]) -> dict[str, Calls]:
    """Calls that were answered with success: of known shells, and of upload directories' scripts that are gone."""
    calls: dict[str, Calls] = {}
    for offset, line in lines(log):
        match = _LINE.match(line)
        if not match or not match[5].startswith((b"2", b"3")):
            continue
        path = unquote(match[4].split(b"?")[0].decode("utf-8", "surrogateescape"), errors="surrogateescape")
        gone = path not in present and bool(SCRIPTS.search(path) and UPLOADS.search(path))
        if path in shells or gone:
            if path in calls or len(calls) < 1000:
                calls.setdefault(path, Calls()).add(offset, match[1].decode("ascii", "backslashreplace"), time_of(match[2]), line)
    return calls


def lines(log: File) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets, unpacked where the log is; what is longer than a line may be is cut."""
    rest, offset = b"", 0
    for chunk in unpacked(log):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield offset, line[:LINE_BYTES]
            offset += len(line) + 1
        if len(rest) > LINE_BYTES:
            yield offset, rest[:LINE_BYTES]
            offset, rest = offset + len(rest), b""
    if rest:
        yield offset, rest


def unpacked(log: File) -> Iterator[bytes]:
    if not log.name.endswith(".gz"):
        yield from log.chunks(LOG_BYTES)
        return
    decompressor, produced = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), 0
    try:
        for chunk in log.chunks(LOG_BYTES):
            while chunk and produced < LOG_BYTES:
                piece = decompressor.decompress(chunk, 1 << 20)
                produced += len(piece)
                yield piece
                chunk = decompressor.unconsumed_tail
    except zlib.error as error:
        log.tree.note(log.path, f"can't be unpacked: {error}")


def time_of(text: bytes) -> datetime | None:
    try:
        return datetime.strptime(text.decode("ascii", "replace"), "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None
