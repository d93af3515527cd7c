"""What the analysis says: findings with stable ids, and what could not be read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from excerpt import escape, excerpt

if TYPE_CHECKING:
    from files import File

SEVERITIES = ("critical", "high", "medium", "low", "info")
UNREADABLE_AT_MOST = 1000


@dataclass(frozen=True)
class Rule:
    """`technique` is of MITRE ATT&CK for Enterprise, v17."""

    title: str
    technique: str
    next_step: str


RULES = {
    "web-shell": Rule("Web shell", "T1505.003", "Look in the web log for who called it, and for other files of that time"),
    "web-shell-access": Rule("Web shell was called", "T1505.003", "Follow these addresses through all logs; read what was done right after each call"),
    "cron-persistence": Rule("Suspicious cron job", "T1053.003", "Fetch what it runs from the disk; look for its address in flow logs"),
    "systemd-persistence": Rule("Suspicious systemd unit", "T1543.002", "Examine the program that it starts and when the unit was enabled"),
    "startup-persistence": Rule("Suspicious start-up script", "T1037.004", "Examine what it runs at every start"),
    "preload-library": Rule("Library preloaded into every program", "T1574.006", "Examine the library: it may hide processes and files from tools on the host"),
    "pam-backdoor": Rule("Login module out of the ordinary", "T1556.003", "Compare the module with its package; treat all passwords used here as known"),
    "profile-persistence": Rule("Suspicious shell profile", "T1546.004", "Find out whose shells ran it since it was changed"),
    "rogue-ssh-key": Rule("SSH key that does not belong", "T1098.004", "Look for logins with this key's fingerprint, here and on other machines"),
    "uid-zero-account": Rule("Second account with root's rights", "T1136.001", "Find out when it was made and used; look for the same name elsewhere"),
    "login-account": Rule("Account that should not log in can", "T1136.001", "Find out who gave it a shell or a password, and when"),
    "new-account": Rule("Account made recently", "T1136.001", "Ask who made it; look for its logins"),
    "passwordless-sudo": Rule("Root rights without a password", "T1548.003", "Ask whether this grant is intended"),
    "crypto-miner": Rule("Crypto miner", "T1496.001", "Find out what started it; look for its pool in DNS and flow logs"),
    "malicious-tool": Rule("Attack tool", "T1588.002", "Find out what it was used on"),
    "hidden-executable": Rule("Program in a hiding place", "T1564.001", "Find out what it is and what started it"),
    "setuid-file": Rule("Program with root's rights where none belongs", "T1548.001", "Compare with its package; find out who could run it"),
    "cleaned-history": Rule("Shell history was removed or kept from being written", "T1070.003", "Rely on other logs for what this user did"),
    "cloud-credentials": Rule("Cloud credentials on disk", "T1552.001", "Treat them as known to the intruder: deactivate them and look for their use in CloudTrail"),
}


@dataclass(frozen=True)
class Finding:
    rule: str
    severity: str
    confidence: str
    reason: str
    file: File
    evidence: bytes | str = ""
    offset: int | None = None
    at: datetime | None = None
    # Tells findings of one rule in one file apart, for example the account's name.
    subject: str = ""

    @property
    def id(self) -> str:
        place = "\0".join((self.rule, self.file.volume_id, str(self.file.partition), self.file.path, self.subject))
        return "f-" + hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:20]

    def document(self) -> dict[str, object]:
        """As findings.json has it; what is not known is left out."""
        rule, sha256 = RULES[self.rule], self.file.sha256()
        at = self.at or self.file.modified
        document = {
            "id": self.id, "rule": self.rule, "title": rule.title, "severity": self.severity, "confidence": self.confidence,
            "reason": escape(self.reason), "instanceId": self.file.instance_id, "volumeId": self.file.volume_id,
            "path": escape(self.file.path), "offset": self.offset, "sha256": sha256, "at": at and iso(at),
            "technique": rule.technique, "evidence": excerpt(self.evidence) or None, "nextStep": rule.next_step,
        }
        return {key: value for key, value in document.items() if value is not None}


@dataclass
class Unreadable:
    """What could not be read and why; the list is bounded, the count is not."""

    entries: list[dict[str, str]] = field(default_factory=list)
    left_off: int = 0

    def add(self, reason: str, *, instance_id: str = "", volume_id: str = "", path: str = "") -> None:
        if len(self.entries) >= UNREADABLE_AT_MOST:
            self.left_off += 1
            return
        entry = {"instanceId": instance_id, "volumeId": volume_id, "path": escape(path), "reason": excerpt(reason)}
        self.entries.append({key: value for key, value in entry.items() if value})

    @property
    def count(self) -> int:
        return len(self.entries) + self.left_off

    def document(self) -> list[dict[str, str]]:
        more = [{"reason": f"{self.left_off} more could not be read and are not listed"}] if self.left_off else []
        return self.entries + more


def iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def describe(error: BaseException) -> str:
    """An error of a parser in one line: these often have no text of their own."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
