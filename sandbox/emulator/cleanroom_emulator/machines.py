"""The machines behind instances: whether their agent answers, what a process on one sees, and running a script on one."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from . import bindings
from .device_links import machine_directory
from .settings import current

BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CREDENTIALS_SECONDS = 6 * 3600
LOOK_SECONDS = 0.2
# What the agent reports for a script that it stopped itself.
STOPPED_EXIT_CODE = 137

ONLINE, CONNECTION_LOST = "Online", "ConnectionLost"
# Instances that were managed when their profile was taken away: their last registration stays known.
_registered: set[str] = set()
_running: set[subprocess.Popen[bytes]] = set()


@dataclass
class Ended:
    """How a script ended: its exit code, or why the agent stopped it (`timeout`, `cancel` or `gone`)."""

    exit_code: int
    stopped: str | None = None


def find_instance(account: str, region: str, instance_id: str) -> Any | None:
    """moto's instance, whatever its state; None if the account has none with this id in the region."""
    for reservation in list(ec2_backends[account][region].reservations.values()):
        for instance in list(reservation.instances):
            if instance.id == instance_id:
                return instance
    return None


def instances_in(account: str, region: str) -> list[Any]:
    reservations = list(ec2_backends[account][region].reservations.values())
    return [instance for reservation in reservations for instance in list(reservation.instances)]


def tags_of(instance: Any) -> dict[str, str]:
    return dict(instance.ec2_backend.tags.get(instance.id, {}))


def ping_status(instance: Any) -> str | None:
    """`Online` or `ConnectionLost` of a managed node; None for an instance that Systems Manager does not know.

    An agent registers with the role of its instance profile, and reaches Systems Manager by TCP 443: a security group
    without any outbound rule cuts it off (Systems Manager User Guide, "Checking SSM Agent status").
    """
    state = instance.state
    agent = bindings.ssm_agent(instance.id, instance.image_id)
    known = _profile_arn(instance) is not None or instance.id in _registered
    if agent == "absent" or not known or state not in ("running", "stopping", "stopped"):
        return None
    answers = agent == "online" and state == "running" and _profile_arn(instance) is not None
    return ONLINE if answers and _has_egress(instance) else CONNECTION_LOST


def remember_registration(instance: Any) -> None:
    """Keeps the node known to Systems Manager when it is about to lose its profile."""
    if ping_status(instance):
        _registered.add(instance.id)


def role_name_of(instance: Any) -> str | None:
    """The name of the role in the instance's profile."""
    arn = _profile_arn(instance)
    if not arn:
        return None
    backend = instance.ec2_backend
    profiles = list(iam_backends[backend.account_id][backend.partition].instance_profiles.values())
    roles = [role for profile in profiles if profile.arn == arn for role in profile.roles]
    return roles[0].name if roles else None


def environment_of(instance: Any) -> dict[str, str]:
    """What a process on the machine sees: its image's software, its devices, its role's credentials, and nothing of ours."""
    directory = machine_directory(instance.id)
    (directory / "tmp").mkdir(exist_ok=True)
    backend = instance.ec2_backend
    image = bindings.machine_images.get(instance.image_id, bindings.MachineImage())
    binding = bindings.instances.get(instance.id, bindings.InstanceBinding())
    environment = {
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "LANG": "C.UTF-8",
        "AWS_SSM_INSTANCE_ID": instance.id,
        "AWS_SSM_REGION_NAME": backend.region_name,
        "AWS_REGION": backend.region_name,
        "AWS_DEFAULT_REGION": backend.region_name,
        "AWS_ENDPOINT_URL": current().endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CLEANROOM_DEVICE_DIR": str(directory / "dev"),
        **({"CLEANROOM_MEMORY_SOURCE": binding.memory} if binding.memory else {}),
        **credentials_of(instance),
    }
    return {**environment, **image.env, "PATH": ":".join([*image.path, BASE_PATH])}


def credentials_of(instance: Any) -> dict[str, str]:
    """Temporary credentials of the role in the instance's profile, as environment; none without a profile.

    They are a session of that role in moto's STS, named after the instance as on AWS, so calls made with them are the role's.
    """
    role_name = role_name_of(instance)
    if role_name is None:
        return {}
    backend = instance.ec2_backend
    role = iam_backends[backend.account_id][backend.partition].get_role(role_name)
    session = sts_backends[backend.account_id][backend.partition].assume_role(
        region_name=backend.region_name,
        role_session_name=instance.id,
        role_arn=role.arn,
        policy="",
        duration=CREDENTIALS_SECONDS,
        external_id="",
    )
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }


def working_directory(instance: Any, path: str) -> Path:
    """`path` as a directory of the machine: absolute ones are taken below its own directory."""
    return machine_directory(instance.id) / path.lstrip("/")


def run_script(
    instance: Any,
    script: Path,
    cwd: Path,
    environment: dict[str, str],
    stdout: Path,
    stderr: Path,
    timeout_seconds: float,
    cancelled: Callable[[], bool],
) -> Ended:
    """Runs an executable file as the agent does, by `sh -c`, in a process group of its own.

    The group is killed at the time-out, when cancelled, and when the instance no longer runs; nothing of it is left behind.
    """
    deadline = time.monotonic() + timeout_seconds
    with stdout.open("wb") as out, stderr.open("wb") as err:
        try:
            child = subprocess.Popen(
                ["/bin/sh", "-c", str(script)],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            err.write(f"failed to run commands: {error.strerror}: {error.filename}\n".encode())
            return Ended(1)
    _running.add(child)
    try:
        while True:
            try:
                code = child.wait(LOOK_SECONDS)
                return Ended(code if code >= 0 else 128 - code)
            except subprocess.TimeoutExpired:
                if reason := _reason_to_stop(instance, deadline, cancelled):
                    return Ended(STOPPED_EXIT_CODE, reason)
    finally:
        _kill(child)
        _running.discard(child)


def _reason_to_stop(instance: Any, deadline: float, cancelled: Callable[[], bool]) -> str | None:
    if cancelled():
        return "cancel"
    if instance.state != "running":
        return "gone"
    return "timeout" if time.monotonic() >= deadline else None


def _kill(child: subprocess.Popen[bytes]) -> None:
    # Descendants that opened a session of their own are no longer in the group, so they are looked up first.
    family = _descendants(child.pid)
    for kill, target in [(os.killpg, child.pid), *((os.kill, pid) for pid in family)]:
        try:
            kill(target, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    child.wait()


def _descendants(pid: int) -> list[int]:
    """The process ids below `pid`, from /proc; none where there is no /proc."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                below = [int(child) for child in children.read_text().split()]
            except OSError:
                continue
            found += below
            waiting += below
    return found


def _profile_arn(instance: Any) -> str | None:
    return (instance.iam_instance_profile or {}).get("Arn")


def _has_egress(instance: Any) -> bool:
    interfaces = list(instance.nics.values())
    return any(group.egress_rules for interface in interfaces for group in interface.group_set)


@atexit.register
def _stop_all() -> None:
    for child in list(_running):
        _kill(child)
