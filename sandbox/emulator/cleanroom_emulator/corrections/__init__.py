"""One module per difference between moto and AWS; each exposes `apply()`."""

from __future__ import annotations

import importlib
import pkgutil


def apply_all() -> list[str]:
    """Applies every correction module of this package in order of name; returns their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("test_"))
    for name in names:
        importlib.import_module(f"{__name__}.{name}").apply()
    return names
