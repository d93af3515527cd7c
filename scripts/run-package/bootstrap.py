"""Runs one script package on the forensic workstation: fetch, check, unpack, run, hash, store, report.

The text of this file is the one step of the Run Command document, so it needs nothing but Python's own
library and boto3, holds no double braces (they would be document parameters) and stays small. It trusts
neither the package before its hash is right, nor what the package leaves behind: disks under examination
are hostile, and so may be what was parsed out of them.

Parameters are environment variables:
  CLEANROOM_BUCKET, CLEANROOM_PACKAGE_KEY   where the package's zip lies
  CLEANROOM_PACKAGE_SHA256                  lower-case hex the zip must have
  CLEANROOM_OUTPUT_PREFIX                   results are stored as {prefix}-{name}/{name}
  CLEANROOM_ARGUMENTS                       base64 of the JSON that the package gets as --arguments FILE
  CLEANROOM_TIME_BUDGET_SECONDS             whole seconds the package may run

Standard output is one line, the summary: Run Command keeps only the first 24,000 characters of it, so the
package's own words go to log.txt and their end to standard error. Exit code: 0 if the package succeeded
and all it wrote is stored, 124 if it ran out of time, 125 if it was not run or not stored, else its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath

import boto3
from botocore.exceptions import BotoCoreError, ClientError

TIMED_OUT, NOT_DONE = 124, 125
PACKAGE_BYTES, UNPACKED_BYTES, ENTRIES = 64 << 20, 256 << 20, 2000
RESULT_FILES, RESULT_BYTES, LOG_BYTES = 64, 5 << 30, 32 << 20
CHUNK = 1 << 20
GRACE_SECONDS = 5
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
# The package is told nothing of the workstation's credentials or of the vault.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "CLEANROOM_DEVICE_DIR")


class Refused(Exception):
    """The package was not run, or its results were not stored; the text is safe to show."""


class Parameters:
    """What the document was given; everything that is wrong is said at once."""

    def __init__(self, env: dict[str, str]) -> None:
        wrong: list[str] = []
        self.bucket = env.get("CLEANROOM_BUCKET", "")
        self.package_key = env.get("CLEANROOM_PACKAGE_KEY", "")
        self.prefix = env.get("CLEANROOM_OUTPUT_PREFIX", "").strip("/")
        self.sha256 = env.get("CLEANROOM_PACKAGE_SHA256", "").lower()
        for name in ("CLEANROOM_BUCKET", "CLEANROOM_PACKAGE_KEY", "CLEANROOM_OUTPUT_PREFIX"):
            if not env.get(name):
                wrong.append(f"{name} is missing")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            wrong.append("CLEANROOM_PACKAGE_SHA256 is not 64 hex digits")
        try:
            self.arguments = json.loads(base64.b64decode(env.get("CLEANROOM_ARGUMENTS", ""), validate=True))
            if not isinstance(self.arguments, dict):
                raise ValueError
        except ValueError:
            wrong.append("CLEANROOM_ARGUMENTS is not base64 of a JSON object")
        budget = env.get("CLEANROOM_TIME_BUDGET_SECONDS", "")
        self.budget_seconds = int(budget) if re.fullmatch(r"[1-9][0-9]{0,6}", budget) else 0
        if not self.budget_seconds:
            wrong.append("CLEANROOM_TIME_BUDGET_SECONDS is not a positive number")
        if wrong:
            raise Refused("; ".join(wrong))


def fetch(s3, parameters: Parameters, target: Path) -> None:
    """Downloads the zip; one whose bytes are not the ones asked for is never unpacked."""
    digest, size = hashlib.sha256(), 0
    try:
        body = s3.get_object(Bucket=parameters.bucket, Key=parameters.package_key)["Body"]
        with target.open("wb") as file:
            while chunk := body.read(CHUNK):
                size += len(chunk)
                if size > PACKAGE_BYTES:
                    raise Refused(f"the package is larger than {PACKAGE_BYTES} bytes")
                digest.update(chunk)
                file.write(chunk)
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"the package could not be fetched: {error}") from error
    if digest.hexdigest() != parameters.sha256:
        raise Refused(f"the package's SHA-256 is {digest.hexdigest()}, not {parameters.sha256}")


def unpack(archive: Path, target: Path) -> None:
    """Unpacks plain files and directories only, all of them below `target`, within the limits."""
    try:
        with zipfile.ZipFile(archive) as package:
            entries = package.infolist()
            if len(entries) > ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED_BYTES:
                raise Refused("the package unpacks to more than is allowed")
            for entry in entries:
                path = PurePosixPath(entry.filename)
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise Refused(f"the package holds an entry that is not allowed: {entry.filename!r}")
                package.extract(entry, target)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refused(f"the package could not be unpacked: {error}") from error
    if not (target / "main.py").is_file():
        raise Refused("the package has no main.py")


def run(package: Path, parameters: Parameters, scratch: Path, out: Path, log: Path) -> int:
    """Runs main.py in a process group of its own, which ends with it or with its time budget, whole."""
    arguments = scratch / "arguments.json"
    arguments.write_text(json.dumps(parameters.arguments))
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    env |= {"HOME": str(scratch), "TMPDIR": str(scratch), "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as words:
        child = subprocess.Popen(
            [sys.executable, "main.py", "--arguments", str(arguments), "--out", str(out)],
            cwd=package, env=env, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True,
            # A crash must not leave a core file with pieces of evidence in it.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )
    try:
        code = child.wait(parameters.budget_seconds)
        return code if code >= 0 else 128 - code
    except subprocess.TimeoutExpired:
        note(log, f"the time budget of {parameters.budget_seconds} s is used up: stopping the package")
        signal_group(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return TIMED_OUT
    finally:
        signal_group(child.pid, signal.SIGKILL)
        child.wait()


def signal_group(group: int, which: signal.Signals) -> None:
    try:
        os.killpg(group, which)
    except (ProcessLookupError, PermissionError):
        pass


def results(out: Path, log: Path) -> list[Path]:
    """The plain files the package left; anything else is named in the log and left where it is."""
    taken: list[Path] = []
    for path in sorted(out.iterdir()):
        mode = path.lstat()
        if not stat.S_ISREG(mode.st_mode) or not NAME.fullmatch(path.name) or path.name == "log.txt":
            note(log, f"left out: {path.name!r} is not a plain file with a plain name")
        elif mode.st_size > RESULT_BYTES or len(taken) == RESULT_FILES:
            raise Refused(f"the package wrote too much: {path.name!r}")
        else:
            taken.append(path)
    return taken


def store(s3, parameters: Parameters, path: Path) -> dict[str, object]:
    """Stores one file under the prefix, never over another, with its hash for S3 to check. Answers its record."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        size = file.tell()
        file.seek(0)
        checksum = base64.b64encode(digest.digest()).decode()
        # Each file is an artefact of its own, in a folder of its own.
        key = f"{parameters.prefix}-{path.name}/{path.name}"
        try:
            s3.put_object(
                Bucket=parameters.bucket, Key=key, Body=file, ContentLength=size, IfNoneMatch="*",
                ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise Refused(f"{path.name} could not be stored: {error}") from error
            if stored_checksum(s3, parameters.bucket, key) != checksum:
                raise Refused(f"{path.name} exists in the vault with other content; nothing was overwritten") from error
        except BotoCoreError as error:
            raise Refused(f"{path.name} could not be stored: {error}") from error
    return {"name": path.name, "sha256": digest.hexdigest(), "size": size}


def stored_checksum(s3, bucket: str, key: str) -> str | None:
    try:
        return s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256")
    except (BotoCoreError, ClientError):
        return None


def count_findings(out: Path) -> int:
    try:
        return len(json.loads((out / "findings.json").read_bytes())["findings"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def note(log: Path, text: str) -> None:
    with log.open("a", errors="backslashreplace") as file:
        file.write(f"run-package: {text}\n")


def shorten(log: Path) -> None:
    if log.stat().st_size > LOG_BYTES:
        os.truncate(log, LOG_BYTES)
        note(log, "the log was longer and is cut here")


def interrupted(number: int, _frame: object) -> None:
    raise Refused(f"stopped by {signal.Signals(number).name}")


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    summary: dict[str, object] = {"ok": False, "exitCode": NOT_DONE, "files": [], "findings": 0}
    scratch = Path(tempfile.mkdtemp(prefix="cleanroom-"))
    log, out, package = scratch / "log.txt", scratch / "out", scratch / "package"
    files: list[dict[str, object]] = []
    problems: list[str] = []
    parameters = s3 = None
    log.touch()
    out.mkdir()
    try:
        parameters = Parameters(dict(os.environ))
        s3 = boto3.client("s3")
        fetch(s3, parameters, scratch / "package.zip")
        unpack(scratch / "package.zip", package)
        summary["exitCode"] = run(package, parameters, scratch, out, log)
        summary["findings"] = count_findings(out)
        for path in results(out, log):
            files.append(store(s3, parameters, path))
    except Exception as error:  # whatever it was, the log and the summary still go out
        problems.append(str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}")
    try:
        for problem in problems:
            note(log, problem)
        shorten(log)
        if parameters is not None and s3 is not None:
            files.append(store(s3, parameters, log))
    except Exception as error:
        problems.append(f"the log could not be stored: {error}")
    summary["files"] = files
    summary["ok"] = summary["exitCode"] == 0 and not problems
    if problems:
        summary["error"] = "; ".join(problems)[:2000]
    with log.open("rb") as words:
        words.seek(max(0, log.stat().st_size - 4000))
        sys.stderr.write(words.read().decode("utf-8", "backslashreplace"))
    shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(summary, separators=(",", ":")), flush=True)
    return 0 if summary["ok"] else int(str(summary["exitCode"])) or NOT_DONE


if __name__ == "__main__":
    sys.exit(main())
