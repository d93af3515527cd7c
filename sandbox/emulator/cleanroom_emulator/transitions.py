"""What AWS does some time after it answered: kept with its time, done when the next call comes in after it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

_order = itertools.count()
_due: list[tuple[float, int, Callable[[], None]]] = []
_lock = threading.Lock()


def after(seconds: float, action: Callable[[], None]) -> None:
    """Does `action` at the first AWS call `seconds` from now; at once when there is nothing to wait for."""
    if seconds <= 0:
        action()
        return
    with _lock:
        heapq.heappush(_due, (time.monotonic() + seconds, next(_order), action))


def run_due() -> None:
    """Does all that has become due, in order of time; the caller holds the lock on the shared state."""
    while True:
        with _lock:
            if not _due or _due[0][0] > time.monotonic():
                return
            _, _, action = heapq.heappop(_due)
        action()
