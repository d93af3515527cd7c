"""Emulators to test against: one in this process, and some in processes of their own; tests stay apart by the names they use."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from cloud import Cloud, Refusal
from emulator_process import FOREVER, Emulator, start

from cleanroom_emulator.call_log import CallLog
from cleanroom_emulator.faults import FaultScript
from cleanroom_emulator.server import build_server
from cleanroom_emulator.settings import ACCOUNT_ID, DEFAULT_REGION, Settings


@dataclass
class Sandbox:
    """The running emulator, as a test drives it."""

    endpoint: str
    state_dir: Path
    log: CallLog
    account: str = ACCOUNT_ID
    region: str = DEFAULT_REGION

    def client(self, service: str, region: str = DEFAULT_REGION, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        """A boto3 client; `credentials` as AssumeRole answers them. Errors come at once, without retries."""
        given = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the control API under /_sandbox/."""
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/{path}", method=method, data=json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("sandbox")
    log = CallLog(state / "calls.jsonl")
    settings = Settings(state_dir=state)
    server = build_server("127.0.0.1", 0, settings, log, FaultScript())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Sandbox(settings.endpoint, state, log)
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def run_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Emulator]]:
    """Starts an emulator with the given options; all are ended with the session."""
    processes = []

    def run(*options: str) -> Emulator:
        emulator, process = start(tmp_path_factory.mktemp("emulator"), *options)
        processes.append(process)
        return emulator

    yield run
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)


@pytest.fixture(scope="session")
def emulator(run_emulator: Callable[..., Emulator]) -> Emulator:
    return run_emulator()


@pytest.fixture(scope="session")
def slow_emulator(run_emulator: Callable[..., Emulator]) -> Emulator:
    """An AWS where nothing that is created becomes ready as long as the tests run."""
    return run_emulator("--pending", f"snapshot={FOREVER},volume={FOREVER},instance={FOREVER}")


@pytest.fixture(scope="session")
def ec2(emulator: Emulator) -> Any:
    return emulator.client("ec2")


@pytest.fixture
def refused() -> type[Refusal]:
    return Refusal


@pytest.fixture(scope="session")
def cloud(ec2: Any) -> Cloud:
    return Cloud(ec2)


@pytest.fixture(scope="session")
def slow_cloud(slow_emulator: Emulator) -> Cloud:
    return Cloud(slow_emulator.client("ec2"))
