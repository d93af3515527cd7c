"""Run Command: one command, an invocation of it per instance, each run by the instance's agent in a thread of its own.

Systems Manager User Guide, "Understanding command statuses"; API Reference, "Command" (ExpiresAfter: the total time-out is
that of the delivery and of all steps together; what has not ended by then is DeliveryTimedOut).
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from . import machines
from .command_documents import Step
from .device_links import machine_directory

STDOUT_CHARACTERS, STDERR_CHARACTERS, PLUGIN_OUTPUT_CHARACTERS = 24_000, 8_000, 2_500
TRUNCATED = "--output truncated--"
# GetCommandInvocation does not know an invocation in the first moments after SendCommand.
REGISTRATION_SECONDS = 0.1
DELIVERY_LOOK_SECONDS = 0.2
# Status of what the API calls a status detail.
STATUS_OF_DETAILS = {"DeliveryTimedOut": "TimedOut", "ExecutionTimedOut": "TimedOut", "Incomplete": "Failed"}
STOPPED_DETAILS = {"timeout": "ExecutionTimedOut", "cancel": "Cancelled"}
ENDED = {"Success", "Failed", "Cancelled", "DeliveryTimedOut", "ExecutionTimedOut"}
# What the command as a whole is, when this many errors are too many: the worst of its invocations.
WORST_FIRST = ("Failed", "ExecutionTimedOut", "Cancelled", "DeliveryTimedOut")


def status_of(details: str) -> str:
    return STATUS_OF_DETAILS.get(details, details)


def now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Plugin:
    """One step on one instance."""

    step: Step
    details: str = "Pending"
    exit_code: int = -1
    started: datetime | None = None
    ended: datetime | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_url: str = ""
    stderr_url: str = ""

    @property
    def output(self) -> str:
        """As ListCommandInvocations shows it: the start of standard output, then that of standard error."""
        joined = self.stdout + (f"\n----------ERROR-------\n{self.stderr}" if self.stderr else "")
        return _cut(joined, PLUGIN_OUTPUT_CHARACTERS)


@dataclass
class OutputLocation:
    bucket: str
    prefix: str
    region: str


class Invocation:
    """The command on one instance. Times are UTC; `expires_within` is the total time-out in seconds from the request."""

    def __init__(self, command_id: str, instance: Any, steps: Sequence[Step], expires_within: float, output: OutputLocation | None) -> None:
        self.command_id = command_id
        self.instance = instance
        self.requested = now()
        self.details = "Pending"
        self.plugins = [Plugin(step) for step in steps if step.applies]
        self.known = False
        self._expires = time.monotonic() + expires_within
        self._output = output
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name=f"{command_id}/{instance.id}", daemon=True)

    @property
    def has_ended(self) -> bool:
        return self.details in ENDED

    def cancel(self) -> None:
        """Asks for a stop; an invocation that has ended stays as it is."""
        self._advance("Cancelling")
        self._cancel.set()

    def _advance(self, details: str) -> None:
        """The next status; one that has ended stays, and one that is being cancelled only ends."""
        with self._lock:
            if not self.has_ended and (self.details != "Cancelling" or details in ENDED):
                self.details = details

    def _run(self) -> None:
        time.sleep(REGISTRATION_SECONDS)
        self.known = True
        undelivered = self._deliver()
        if undelivered:
            self._end(undelivered)
            return
        self._advance("InProgress")
        try:
            self._end(self._execute())
        except Exception as error:  # a thread's exception would leave the command in progress for ever
            for plugin in self.plugins:
                if plugin.details not in ENDED:
                    plugin.details, plugin.exit_code, plugin.stderr = "Failed", 1, f"the sandbox failed: {error!r}"
            self._end("Failed")
            raise

    def _deliver(self) -> str | None:
        """Waits for the agent to answer; the reason why it was not delivered, if it was not."""
        while machines.ping_status(self.instance) != machines.ONLINE:
            if self._cancel.wait(DELIVERY_LOOK_SECONDS):
                return "Cancelled"
            if time.monotonic() >= self._expires:
                return "DeliveryTimedOut"
            self._advance("Delayed")
        return "Cancelled" if self._cancel.is_set() else None

    def _execute(self) -> str:
        environment = machines.environment_of(self.instance)
        place = machine_directory(self.instance.id) / "ssm" / self.command_id
        try:
            return self._execute_steps(place, environment)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _execute_steps(self, place: Path, environment: dict[str, str]) -> str:
        for plugin in self.plugins:
            self._execute_step(plugin, place / plugin.step.name.replace(":", ""), environment)
            if plugin.details == "InProgress":
                return "Cancelled" if self._cancel.wait(max(0, self._expires - time.monotonic())) else "DeliveryTimedOut"
            if plugin.details in ("Cancelled", "ExecutionTimedOut") or (plugin.details == "Failed" and plugin.step.exit_on_failure):
                break
        found = [plugin.details for plugin in self.plugins]
        return next((details for details in WORST_FIRST if details in found), "Success")

    def _execute_step(self, plugin: Plugin, place: Path, environment: dict[str, str]) -> None:
        step = plugin.step
        place.mkdir(parents=True, exist_ok=True)
        script, stdout, stderr = place / "_script.sh", place / "stdout", place / "stderr"
        script.write_text(step.script + "\n")
        script.chmod(0o700)
        plugin.details, plugin.started = "InProgress", now()
        ended = machines.run_script(
            self.instance,
            script,
            machines.working_directory(self.instance, step.working_directory),
            {**environment, **step.environment},
            stdout,
            stderr,
            step.timeout_seconds,
            self._cancel.is_set,
        )
        if ended.stopped == "gone":  # nobody is left to report: the step stays in progress until the command expires
            return
        if ended.exit_code and not ended.stopped:
            with stderr.open("a") as file:
                file.write(f"failed to run commands: exit status {ended.exit_code}")
        plugin.stdout = _read(stdout, STDOUT_CHARACTERS)
        plugin.stderr = _read(stderr, STDERR_CHARACTERS)
        plugin.stdout_url, plugin.stderr_url = self._store(plugin, stdout, environment), self._store(plugin, stderr, environment)
        plugin.exit_code, plugin.ended = ended.exit_code, now()
        plugin.details = STOPPED_DETAILS[ended.stopped] if ended.stopped else "Failed" if ended.exit_code else "Success"

    def _store(self, plugin: Plugin, file: Path, environment: dict[str, str]) -> str:
        """Puts a stream into the output bucket with the machine's own credentials, as the agent does; answers its address.

        The agent stores no empty stream, and a stream that it may not store is lost without failing the command.
        """
        if self._output is None:
            return ""
        name = plugin.step.name.replace(":", "")
        parts = [
            self._output.prefix.strip("/"),
            self.command_id,
            self.instance.id,
            plugin.step.action.replace("aws:", "aws"),
            name,
            file.name,
        ]
        key = "/".join(part for part in parts if part)
        address = f"https://s3.{self._output.region}.amazonaws.com/{self._output.bucket}/{key}"
        if file.stat().st_size == 0 or "AWS_ACCESS_KEY_ID" not in environment:
            return address
        s3 = boto3.client(
            "s3",
            region_name=self._output.region,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment["AWS_SESSION_TOKEN"],
        )
        try:
            s3.upload_file(str(file), self._output.bucket, key)
        except (BotoCoreError, ClientError, S3UploadFailedError) as error:
            plugin.stderr = _cut(f"{plugin.stderr}\nfailed to upload {key}: {error}", STDERR_CHARACTERS)
        return address

    def _end(self, details: str) -> None:
        for plugin in self.plugins:
            if plugin.details not in ENDED:
                plugin.details = details if details != "Success" else "Failed"
        self._advance(details)


@dataclass
class Command:
    """What SendCommand made. `request` is the call's own parameters, echoed in answers."""

    document_name: str
    document_version: str
    request: dict[str, Any]
    timeout_seconds: int
    execution_seconds: float
    max_errors: str = "0"
    command_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested: datetime = field(default_factory=now)
    invocations: list[Invocation] = field(default_factory=list)

    @property
    def expires(self) -> datetime:
        return self.requested + timedelta(seconds=self.total_seconds)

    @property
    def total_seconds(self) -> float:
        return self.timeout_seconds + self.execution_seconds

    @property
    def details(self) -> str:
        found = [invocation.details for invocation in self.invocations]
        if not found:
            return "NoInstancesInTag"
        if not all(details in ENDED for details in found):
            for details in ("Cancelling", "InProgress"):
                if details in found:
                    return details
            return "InProgress" if any(details in ENDED for details in found) else "Pending"
        if all(details == "Success" for details in found):
            return "Success"
        if "Cancelled" not in found and self.error_count <= self._errors_allowed and "DeliveryTimedOut" not in found:
            return "Incomplete"
        return next(details for details in WORST_FIRST if details in found)

    @property
    def status(self) -> str:
        return "Success" if self.details == "NoInstancesInTag" else status_of(self.details)

    @property
    def completed_count(self) -> int:
        return sum(invocation.has_ended for invocation in self.invocations)

    @property
    def error_count(self) -> int:
        return sum(invocation.details in ("Failed", "ExecutionTimedOut") for invocation in self.invocations)

    @property
    def undelivered_count(self) -> int:
        return sum(invocation.details == "DeliveryTimedOut" for invocation in self.invocations)

    @property
    def _errors_allowed(self) -> int:
        if self.max_errors.endswith("%"):
            return len(self.invocations) * int(self.max_errors[:-1]) // 100
        return int(self.max_errors)

    def invocation_on(self, instance_id: str) -> Invocation | None:
        return next((invocation for invocation in self.invocations if invocation.instance.id == instance_id), None)

    def start(self) -> None:
        for invocation in self.invocations:
            invocation.thread.start()


def _read(file: Path, limit: int) -> str:
    # A character takes at most four bytes; the rest is not read at all.
    with file.open("rb") as stream:
        return _cut(stream.read(4 * (limit + 1)).decode("utf-8", "replace"), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(TRUNCATED)] + TRUNCATED
