"""What one emulator process was started with; corrections read it at call time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "eu-central-1"


@dataclass(frozen=True)
class Pending:
    """Seconds a new resource stays in its transitional state."""

    snapshot: float = 0
    volume: float = 0
    instance: float = 0

    @classmethod
    def parse(cls, text: str) -> Pending:
        """Reads `snapshot=30,volume=5,instance=10`; every name is optional.

        Raises ValueError on an unknown name or a negative or non-numeric time.
        """
        seconds: dict[str, float] = {}
        for item in filter(None, text.split(",")):
            name, separator, value = item.partition("=")
            if name not in cls.__dataclass_fields__ or not separator:
                raise ValueError(f"--pending: expected snapshot=S, volume=S or instance=S, got {item!r}")
            seconds[name] = float(value)
            if seconds[name] < 0:
                raise ValueError(f"--pending: {name} must not be negative")
        return cls(**seconds)


@dataclass
class Settings:
    """`endpoint` is known once the server has bound its port."""

    state_dir: Path
    latency_ms: float = 0
    pending: Pending = field(default_factory=Pending)
    endpoint: str = ""


_current: Settings | None = None


def configure(settings: Settings) -> None:
    global _current
    _current = settings


def current() -> Settings:
    if _current is None:
        raise RuntimeError("the emulator has not been configured")
    return _current
