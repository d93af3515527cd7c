"""An emulator in a process of its own, started as the sandbox starts it and found by its ready file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

PACKAGE_ROOT = Path(__file__).parent.parent
REGION = "eu-central-1"
FOREVER = 3600


@dataclass
class Emulator:
    endpoint: str
    state_dir: Path
    log: Path

    def client(self, service: str, region: str = REGION, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        """A client that neither retries nor checks its requests; `credentials` as AssumeRole answers them."""
        keys = credentials or {"AccessKeyId": "AKIATESTTESTTESTTEST", "SecretAccessKey": "secret", "SessionToken": None}
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, **config),
        )

    def as_role(self, role_arn: str, session: str = "test") -> dict[str, str]:
        return self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint}/_sandbox/{path}", method=method, data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


def start(directory: Path, *options: str) -> tuple[Emulator, subprocess.Popen[bytes]]:
    ready = directory / "ready.json"
    log = directory / "calls.jsonl"
    command = [sys.executable, "-m", "cleanroom_emulator", "--ready-file", str(ready), "--state-dir", str(directory / "state")]
    process = subprocess.Popen(
        [*command, "--log", str(log), *options], env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}, cwd=directory
    )
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None, "the emulator ended before it was ready"
        assert time.monotonic() < deadline, "the emulator did not become ready"
        time.sleep(0.05)
    return Emulator(json.loads(ready.read_text())["endpoint"], directory / "state", log), process
