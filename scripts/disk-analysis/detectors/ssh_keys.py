"""SSH keys that let someone in: which of them nobody who set the machine up put there. man 8 sshd, AUTHORIZED_KEYS."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Account, Machine

_KEY = re.compile(r"^(?P<options>.*?)\b(?P<type>(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+)\s+(?P<blob>[A-Za-z0-9+/]{20,}={0,2})(?:\s+(?P<comment>.*))?$")
_ATTACKER_COMMENT = re.compile(r"@(?:kali|parrot|blackarch|localhost|debian|ubuntu)$|(?:hack|pwn|evil|0wn|mdrfckr|shell)", re.I)
FIRST_USER_UID = 1000
SEVERITY_BY_SIGNS = {1: ("medium", "low"), 2: ("high", "medium")}
MANY_SIGNS = ("critical", "high")


@dataclass(frozen=True)
class Key:
    account: Account
    options: str
    blob: str
    comment: str
    line: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it and sshd logs it."""
        try:
            digest = hashlib.sha256(base64.b64decode(self.blob + "=" * (-len(self.blob) % 4))).digest()
        except binascii.Error:
            return "a damaged key"
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    files = {account: [file for name in ("authorized_keys", "authorized_keys2") if (file := machine.find(f"{account.home}/.ssh/{name}"))] for account in machine.accounts}
    keys = {account: [(file, key) for file in found for key in keys_in(file.text(), account)] for account, found in files.items()}
    holders: dict[str, set[str]] = {}
    for account, found in keys.items():
        for _file, key in found:
            holders.setdefault(key.blob, set()).add(account.name)
    for account, found in keys.items():
        for file, key in found:
            signs = list(signs_of(key, holders[key.blob], machine.is_recent(file), file.name))
            if signs:
                severity, confidence = SEVERITY_BY_SIGNS.get(len(signs), MANY_SIGNS)
                yield Finding(
                    "rogue-ssh-key", severity, confidence, "; ".join(signs), file, f"{key.fingerprint} {key.comment} (logs in as {account.name})", subject=key.blob
                )


def keys_in(text: str, account: Account) -> Iterator[Key]:
    for line in text.splitlines():
        stripped = line.strip()[:16_384]
        if not stripped.startswith("#") and (match := _KEY.match(stripped)):
            yield Key(account, match["options"].strip(), match["blob"], (match["comment"] or "").strip(), stripped)


def signs_of(key: Key, holders: set[str], recent: bool, file_name: str) -> Iterator[str]:
    """What speaks against a key; one sign alone is no more than a question."""
    if key.account.uid == 0 and "command=" not in key.options:
        yield "It lets in as root, without restriction"
    if key.account.uid != 0 and (key.account.uid < FIRST_USER_UID or not key.account.may_log_in):
        yield f"{key.account.name} is an account of the system that nobody should log in to"
    if recent and holders == {key.account.name}:
        yield "The file was changed recently, and no other account has this key"
    if _ATTACKER_COMMENT.search(key.comment):
        yield f"Its comment is {key.comment!r}"
    if not key.comment and recent:
        yield "It has no comment"
    if file_name == "authorized_keys2":
        yield "It is in a file that has been out of use for two decades"
