"""How a correction changes moto: replace a method, keeping the original at hand, or add an attribute."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Amendments:
    """The changes of one correction module, collected at import and made by `apply()`."""

    def __init__(self) -> None:
        self._changes: list[Callable[[], None]] = []
        self._applied = False

    def method(self, owner: type, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Replaces `owner.name`; the decorated function takes the original as its first argument."""

        def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
            def change() -> None:
                original = getattr(owner, name)

                @functools.wraps(original)
                def amended(self: Any, *args: Any, **kwargs: Any) -> Any:
                    return replacement(original, self, *args, **kwargs)

                setattr(owner, name, amended)

            self._changes.append(change)
            return replacement

        return register

    def add(self, owner: type, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Adds the decorated function to `owner`, replacing what is there, under its own name unless given one."""

        def register(addition: Callable[..., Any]) -> Callable[..., Any]:
            self.attribute(owner, name or addition.__name__, addition)
            return addition

        return register

    def attribute(self, owner: type, name: str, value: Any) -> None:
        self._changes.append(lambda: setattr(owner, name, value))

    def apply(self) -> None:
        """Makes the changes, once."""
        if self._applied:
            return
        self._applied = True
        for change in self._changes:
            change()
