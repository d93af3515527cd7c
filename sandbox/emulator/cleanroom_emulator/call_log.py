"""The log of AWS calls: JSON lines in a file, and the same entries in memory for the control API."""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any

KEPT_IN_MEMORY = 100_000


class CallLog:
    """Appends one line per call: start and end in epoch milliseconds, service, action, status, error, account, region, principal, resource.

    `status` and `error` are what the client was told. `lostStatus` is there where a fault replaced the true answer: its status.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None
        self._entries: deque[tuple[dict[str, Any], dict[str, Any]]] = deque(maxlen=KEPT_IN_MEMORY)
        self._lock = threading.Lock()
        self._next = 1

    def append(self, entry: dict[str, Any], parameters: dict[str, Any]) -> None:
        """The request's members are kept in memory alone: what is in them is for tests."""
        with self._lock:
            numbered = {**entry, "seq": self._next}
            self._next += 1
            self._entries.append((numbered, parameters))
            if self._file:
                self._file.write(json.dumps(numbered, separators=(",", ":")) + "\n")

    def since(self, sequence: int, with_parameters: bool = False) -> list[dict[str, Any]]:
        """The entries numbered above `sequence`, oldest first; on demand each with the members of its request."""
        with self._lock:
            later = [(entry, parameters) for entry, parameters in self._entries if entry["seq"] > sequence]
        return [{**entry, "parameters": parameters} if with_parameters else entry for entry, parameters in later]
