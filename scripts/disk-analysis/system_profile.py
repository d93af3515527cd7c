"""system-profile.json: what each machine is, as its own disks tell."""

from __future__ import annotations

import re

from excerpt import escape
from finding import iso
from machine import Machine

ACCOUNTS_AT_MOST = 1000
_KERNEL = re.compile(r"^vmlinuz-(.+)$")


def profile(machine: Machine) -> dict[str, object]:
    """What is not known is None; every text is escaped."""
    release = _variables(_text(machine, "/etc/os-release"))
    zone = machine.entry("/etc/localtime")
    return {
        "instanceId": machine.instance_id,
        "hostname": escape(_text(machine, "/etc/hostname").strip()) or None,
        "machineId": escape(_text(machine, "/etc/machine-id").strip()) or None,
        "os": {"id": release.get("ID"), "version": release.get("VERSION_ID"), "name": release.get("PRETTY_NAME")},
        "timezone": escape(_text(machine, "/etc/timezone").strip() or (zone.link if zone and zone.link else "").rpartition("zoneinfo/")[2]) or None,
        "kernels": sorted(escape(match[1]) for file in machine.listing("/boot") if (match := _KERNEL.match(file.name))),
        "users": [
            {"name": escape(account.name), "uid": account.uid, "home": escape(account.home), "shell": escape(account.shell), "mayLogIn": account.may_log_in}
            for account in machine.accounts[:ACCOUNTS_AT_MOST]
        ],
        "filesystems": [
            {
                "volumeId": tree.volume_id, "partition": tree.partition, "type": tree.kind, "uuid": tree.uuid or None, "label": escape(tree.label) or None,
                "mountPoint": escape(tree.mount_point) if tree.mount_point else None, "files": len(tree.files),
            }
            for tree in machine.trees
        ],
        "lastActivity": iso(machine.last_activity) if machine.last_activity else None,
    }


def _text(machine: Machine, path: str) -> str:
    file = machine.find(path)
    return file.text(64 << 10)[:4096] if file else ""


def _variables(text: str) -> dict[str, str]:
    """os-release is a list of shell variables. man 5 os-release."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): escape(value.strip().strip("\"'")) for name, _, value in pairs if value}
