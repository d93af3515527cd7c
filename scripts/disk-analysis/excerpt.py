"""Text from a hostile disk, made safe to show: control characters escaped, secrets masked, length bounded."""

from __future__ import annotations

import re
import unicodedata

LENGTH = 400
# Control, format (bidirectional overrides among them), surrogate, private and unassigned characters.
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SECRETS = [
    (re.compile(r"\b((?:AKIA|ASIA)[A-Z0-9]{2})[A-Z0-9]{10,}([A-Z0-9]{2})\b"), r"\1…\2"),
    (re.compile(r"(?i)((?<!NO)(?:secret|token|passw(?:or)?d|api_?key)\w*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;]{3,}"), r"\1***"),
    (re.compile(r"(\$(?:1|5|6|y|2[aby])\$)[^:\s]+"), r"\1***"),
    (re.compile(r"(?i)(://[^/\s:@]+:)[^@\s/]+@"), r"\1***@"),
]


def escape(text: str) -> str:
    """Every character that could steer a terminal or a page becomes \\xNN or \\uNNNN; the rest stays."""
    return "".join(_escaped(c) if unicodedata.category(c) in _UNSAFE_CATEGORIES else c for c in text)


def excerpt(content: bytes | str, length: int = LENGTH) -> str:
    """At most `length` characters of a file, safe to show."""
    text = content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else content
    text = text[: length * 4].strip()
    for pattern, masked in _SECRETS:
        text = pattern.sub(masked, text)
    shown = escape(text)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
