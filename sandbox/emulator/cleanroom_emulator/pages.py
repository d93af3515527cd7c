"""Pages of a list under a token that says where the next one starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .aws_error import SandboxError


def page(items: Sequence[Any], size: int | None, token: str | None, most: int) -> tuple[list[Any], str | None]:
    """The page at `token` (none: the first) of at most `size` items, and the next page's token if there is one.

    Raises InvalidNextToken for a token that is not one of these.
    """
    if token and not token.isdigit():
        raise SandboxError("InvalidNextToken", "The specified token isn't valid.")
    start = int(token or 0)
    end = start + min(size or most, most)
    return list(items[start:end]), str(end) if end < len(items) else None
