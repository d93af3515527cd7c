"""Finds traces of a compromise on copies of an instance's disks; writes findings.json and system-profile.json.

The disks are opened read-only and never mounted. Exit code: 0 when the analysis ran, whatever it found and
however much of the disks could not be read (which findings.json says); 2 when the arguments are wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from detectors.signatures import compiled_rules
from detectors.table import DETECTORS, Analysis
from excerpt import escape
from finding import SEVERITIES, Unreadable, describe
from machine import Machine
from system_profile import profile
from volumes import VolumeCopy, open_trees

SCAN_BYTES = 16 << 30
# For all machines together: what was found must be written before the manifest's time budget ends.
SCAN_SECONDS = 1800
VOLUME_KEYS = {"volumeId": True, "sourceVolumeId": True, "instanceId": True, "device": False, "snapshotId": False}
ARGUMENT_KEYS = {"incidentId": True, "volumes": True, "since": False, "scanBytes": False}


class WrongArguments(Exception):
    """All that is wrong with the arguments."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arguments", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    # Parsers report what they meet on damaged disks; what matters of it is in `unreadable`.
    logging.disable(logging.CRITICAL)
    compiled_rules()  # a package with broken rules fails here, and does not pass for a clean disk
    try:
        copies, since, scan_bytes = read_arguments(json.loads(options.arguments.read_text()))
    except (ValueError, WrongArguments) as error:
        print(f"wrong arguments: {error}", file=sys.stderr)
        return 2
    findings, profiles, unreadable = analyse(copies, since, scan_bytes)
    write(options.out / "findings.json", {"findings": findings, "unreadable": unreadable.document()})
    write(options.out / "system-profile.json", {"machines": profiles})
    print(f"{len(findings)} findings; {unreadable.count} things could not be read")
    return 0


def analyse(copies: list[VolumeCopy], since: datetime | None = None, scan_bytes: int = SCAN_BYTES) -> tuple[list[dict], list[dict], Unreadable]:
    """Findings, worst first, a profile for each machine, and what could not be read."""
    unreadable = Unreadable()
    findings: dict[str, dict] = {}
    profiles: list[dict] = []
    instances = sorted({copy.instance_id for copy in copies})
    for instance_id in instances:
        machine = Machine(instance_id, open_trees([copy for copy in copies if copy.instance_id == instance_id], unreadable), since)
        for document in examine(machine, Analysis(scan_bytes, SCAN_SECONDS // len(instances)), unreadable):
            findings.setdefault(str(document["id"]), document)
        profiles.append(profile(machine))
    ordered = sorted(findings.values(), key=lambda document: (SEVERITIES.index(str(document["severity"])), document["instanceId"], document["volumeId"], document["path"], document["id"]))
    return ordered, profiles, unreadable


def examine(machine: Machine, analysis: Analysis, unreadable: Unreadable) -> list[dict]:
    """Runs every detector; one that fails on this machine's files takes no other down."""
    for name, detect in DETECTORS.items():
        started, before = time.monotonic(), len(analysis.findings)
        try:
            for finding in detect(machine, analysis):
                analysis.findings.append(finding)
        except Exception as error:
            unreadable.add(f"looking for {name} ended early: {describe(error)}", instance_id=machine.instance_id)
        print(f"{escape(machine.instance_id)}: {name}: {len(analysis.findings) - before} findings, {time.monotonic() - started:.1f} s", flush=True)
    return [finding.document() for finding in analysis.findings]


def read_arguments(given: object) -> tuple[list[VolumeCopy], datetime | None, int]:
    wrong: list[str] = []

    def check(value: object, keys: dict[str, bool], place: str) -> dict:
        if not isinstance(value, dict):
            wrong.append(f"{place} is not an object")
            return {}
        wrong.extend(f"{place}{key} is missing" for key, required in keys.items() if required and key not in value)
        wrong.extend(f"{place}{key} is unknown" for key in value if key not in keys)
        return value

    arguments = check(given, ARGUMENT_KEYS, "")
    volumes = arguments.get("volumes", [])
    if not isinstance(volumes, list):
        wrong.append("volumes is not a list")
        volumes = []
    checked = [check(volume, VOLUME_KEYS, f"volumes[{index}].") for index, volume in enumerate(volumes)]
    since: datetime | None = None
    try:
        since = datetime.fromisoformat(str(arguments["since"]).replace("Z", "+00:00")) if arguments.get("since") else None
        since = since.replace(tzinfo=timezone.utc) if since and since.tzinfo is None else since
    except ValueError:
        wrong.append("since is not an ISO 8601 time")
    scan_bytes = arguments.get("scanBytes", SCAN_BYTES)
    if not isinstance(scan_bytes, int) or scan_bytes < 1:
        wrong.append("scanBytes is not a positive number")
    if wrong:
        raise WrongArguments("; ".join(wrong))
    return [VolumeCopy(str(volume["volumeId"]), str(volume["sourceVolumeId"]), str(volume["instanceId"])) for volume in checked], since, scan_bytes


def write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
