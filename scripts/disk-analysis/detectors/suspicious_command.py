"""What makes a command line suspicious, wherever something is started from: cron, systemd, profiles, scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Directories in a home that programs of ordinary tools live in.
_ORDINARY_HIDDEN = r"(?:local|cargo|rustup|nvm|pyenv|rbenv|sdkman|config|npm|npm-global|bun|deno|dotnet|acme\.sh|venv|composer|yarn|asdf|krew|linuxbrew|bashrc|profile|bash_profile|bash_aliases|bash_logout|zshrc|ssh|gnupg|git)"
_RUNS_AT = r"(?:^|[\s;&|`(=\"'])"


@dataclass(frozen=True)
class Sign:
    severity: str
    confidence: str
    words: str
    excerpt: str
    offset: int


_SIGNS: list[tuple[str, str, str, re.Pattern[str]]] = [
    ("critical", "high", "it opens a shell over the network", re.compile(r"/dev/(?:tcp|udp)/\S+")),
    ("critical", "high", "it opens a shell over the network", re.compile(r"\b(?:nc|ncat|netcat)(?:\.\w+)?\b[^\n|;]*\s-(?:e|c|-exec)\b")),
    ("critical", "high", "it opens a shell over the network", re.compile(r"\bsocat\b[^\n]*\bexec:", re.I)),
    ("critical", "high", "it opens a shell over the network", re.compile(r"\bmkfifo\b[^\n]*\b(?:nc|ncat|netcat|telnet|openssl)\b")),
    ("critical", "medium", "it opens a shell over the network", re.compile(r"\b(?:python[\d.]*|perl|ruby|php)\b[^\n]*\bsocket\b[^\n]*(?:connect|dup2)", re.I)),
    ("high", "high", "it downloads a program and runs it at once", re.compile(r"\b(?:curl|wget|fetch|lwp-download)\b[^\n;]*?\|\s*(?:sudo\s+)?(?:/\S*/)?(?:ba|z|da|k|a)?sh\b")),
    ("high", "high", "it downloads a program and runs it at once", re.compile(r"\b(?:ba|z|da)?sh\b[^\n]*(?:<\(|\$\(|`)\s*(?:curl|wget)\b")),
    ("high", "high", "it downloads a program and runs it at once", re.compile(r"\b(?:curl|wget)\b[^\n]*(?:;|&&)\s*(?:chmod\b[^\n]*\+x|(?:ba|z|da)?sh\s+/)")),
    ("high", "medium", "it decodes a hidden program and runs it", re.compile(r"\bbase64\b\s+(?:-d|-D|--decode)\b[^\n]*\|\s*(?:\w*sh|python[\d.]*|perl)\b")),
    ("high", "medium", "it runs a program from a directory that everyone can write to", re.compile(_RUNS_AT + r"(?:/tmp|/var/tmp|/dev/shm)/[^\s;&|>]+")),
    ("high", "medium", "it runs a program from a hidden directory or with a hidden name", re.compile(_RUNS_AT + rf"/(?:[^\s/;&|>]+/)*\.(?!{_ORDINARY_HIDDEN}(?:/|\b))[A-Za-z0-9_][^\s;&|>]*")),
    ("high", "medium", "its program has the name of a thread of the kernel", re.compile(_RUNS_AT + r"(?:/[^\s/]+)+/\[?(?:kworker|kthreadd|kdevtmpfs|ksoftirqd|kswapd|migration)\w*")),
    ("medium", "medium", "it talks to a bare address", re.compile(r"\bhttps?://\d{1,3}(?:\.\d{1,3}){3}\b(?<!127\.0\.0\.1)(?<!169\.254\.169\.254)")),
    ("medium", "medium", "it makes files that can't be deleted", re.compile(r"\bchattr\b\s+\+\w*i")),
]
_RANK = ("critical", "high", "medium", "low", "info")
# What only looks for or removes files in temporary directories is housekeeping.
_SCHEDULE = r"(?:(?:@\w+|(?:[\d*/,-]+\s+){3,4}[\w*/,-]+)\s+(?:[a-z_][\w-]*\s+)?)?"
_HOUSEKEEPING = re.compile(rf"^\s*{_SCHEDULE}(?:/\S*/)?(?:find|rm|ls|test|mkdir|tmpreaper|tmpwatch|stat|du|chmod|chown)\b[^|;&]*$")
LINE_AT_MOST = 4096


def signs_in(text: str) -> list[Sign]:
    """The signs in a script or table, comments left out, the worst first; the same words count once."""
    found: dict[str, Sign] = {}
    offset = 0
    for line in text.split("\n"):
        command = line[:LINE_AT_MOST]
        if command.strip() and not command.lstrip().startswith("#"):
            for sign in _signs_in_line(command, offset):
                found.setdefault(sign.words, sign)
        offset += len(line.encode("utf-8", "surrogateescape")) + 1
    return sorted(found.values(), key=lambda sign: _RANK.index(sign.severity))


def reason(signs: list[Sign], more: str = "") -> str:
    words = "; ".join(dict.fromkeys(sign.words for sign in signs))
    return f"{words[0].upper()}{words[1:]}{more}"


def _signs_in_line(command: str, offset: int) -> list[Sign]:
    housekeeping = bool(_HOUSEKEEPING.match(command))
    return [
        Sign(severity, confidence, words, command.strip(), offset)
        for severity, confidence, words, pattern in _SIGNS
        if pattern.search(command) and not (housekeeping and "directory" in words)
    ]
