"""What run-package promises: only the package asked for runs, within its time, and all it wrote is stored once."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
HELLO = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser(); parser.add_argument('--arguments'); parser.add_argument('--out')
options = parser.parse_args()
given = json.load(open(options.arguments))
out = pathlib.Path(options.out)
(out / 'findings.json').write_text(json.dumps({'findings': [{'id': given['incidentId']}]}))
(out / 'environment.json').write_text(json.dumps(sorted(os.environ)))
print('hello')
"""


@dataclass
class Vault:
    """Just enough of S3: GET, PUT that honours If-None-Match and checks ChecksumSHA256, HEAD with the checksum."""

    objects: dict[str, bytes] = field(default_factory=dict)
    endpoint: str = ""
    scratch: Path = Path()

    def run(self, source: str | dict[str, str], /, budget: int = 20, sha256: str = "", **env: str) -> Run:
        archive = zipped({"main.py": source} if isinstance(source, str) else source)
        return self.run_archive(archive, budget, sha256, **env)

    def run_archive(self, archive: bytes, budget: int = 20, sha256: str = "", **env: str) -> Run:
        self.objects["/vault/packages/hello.zip"] = archive
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-"], input=BOOTSTRAP.read_bytes(), capture_output=True, timeout=60, env={
                "PATH": os.environ["PATH"], "TMPDIR": str(self.scratch), "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ACCESS_KEY_ID": "AKIDNOTREAL", "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-the-workstation",
                "CLEANROOM_BUCKET": "vault", "CLEANROOM_PACKAGE_KEY": "packages/hello.zip",
                "CLEANROOM_PACKAGE_SHA256": sha256 or hashlib.sha256(archive).hexdigest(),
                "CLEANROOM_OUTPUT_PREFIX": "incidents/inc-1/analysis/run-1",
                "CLEANROOM_ARGUMENTS": base64.b64encode(b'{"incidentId":"inc-1"}').decode(),
                "CLEANROOM_TIME_BUDGET_SECONDS": str(budget), **env,
            },
        )
        summary = json.loads(done.stdout.decode().splitlines()[-1])
        return Run(done.returncode, summary, done.stderr.decode(), time.monotonic() - started)

    def result(self, name: str) -> bytes:
        return self.objects[f"/vault/incidents/inc-1/analysis/run-1-{name}/{name}"]


@dataclass
class Run:
    exit_code: int
    summary: dict
    stderr: str
    seconds: float


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(scratch=tmp_path)

    class S3(BaseHTTPRequestHandler):
        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            held = vault.objects.get(self.path)
            missing = b"<Error><Code>NoSuchKey</Code></Error>"
            return self.answer(404, missing) if held is None else self.answer(200, held)

        def do_HEAD(self) -> None:
            held = vault.objects.get(self.path)
            return self.answer(404) if held is None else self.answer(200, held, **{"x-amz-checksum-sha256": checksum(held)})

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["If-None-Match"] != "*" or self.headers["x-amz-checksum-sha256"] != checksum(body):
                return self.answer(400, b"<Error><Code>BadDigest</Code></Error>")
            if self.path in vault.objects:
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            vault.objects[self.path] = body
            return self.answer(200)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    vault.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield vault
    server.shutdown()
    server.server_close()


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_results_are_stored_and_reported_with_their_hashes(vault: Vault) -> None:
    run = vault.run(HELLO)
    assert (run.exit_code, run.summary["ok"], run.summary["exitCode"], run.summary["findings"]) == (0, True, 0, 1)
    assert sorted(file["name"] for file in run.summary["files"]) == ["environment.json", "findings.json", "log.txt"]
    for file in run.summary["files"]:
        stored = vault.result(file["name"])
        assert (file["sha256"], file["size"]) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert b"hello" in vault.result("log.txt")


def test_the_package_is_told_no_credentials(vault: Vault) -> None:
    vault.run(HELLO)
    assert not [name for name in json.loads(vault.result("environment.json")) if name.startswith("AWS_")]
    assert not [body for key, body in vault.objects.items() if b"s3cr3t" in body]


def test_a_package_with_another_hash_does_not_run(vault: Vault) -> None:
    run = vault.run(HELLO, sha256="0" * 64)
    assert (run.exit_code, run.summary["ok"]) == (125, False)
    assert "SHA-256" in run.summary["error"]
    assert [file["name"] for file in run.summary["files"]] == ["log.txt"]
    assert b"hello" not in vault.result("log.txt")


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/outside.py", "a/../../outside.py"])
def test_an_entry_that_leaves_the_directory_refuses_the_package(vault: Vault, name: str) -> None:
    run = vault.run({"main.py": HELLO, name: "print('outside')"})
    assert run.exit_code == 125 and "not allowed" in run.summary["error"]
    assert not list(vault.scratch.rglob("outside.py"))


def test_a_symbolic_link_refuses_the_package(vault: Vault) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("main.py", HELLO)
    assert vault.run_archive(buffer.getvalue()).exit_code == 125


def test_a_package_over_its_time_is_stopped_with_all_it_started(vault: Vault) -> None:
    beat = vault.scratch / "beat"
    run = vault.run(f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time, pathlib\\nwhile True: pathlib.Path("{beat}").write_text(str(time.time())); time.sleep(.02)'])
print('begun'); time.sleep(60)
""", budget=2)
    assert (run.exit_code, run.summary["exitCode"], run.summary["ok"]) == (124, 124, False)
    assert b"time budget" in vault.result("log.txt") and b"begun" in vault.result("log.txt")
    last = beat.read_text()
    time.sleep(0.2)
    assert beat.read_text() == last


def test_a_failed_package_still_leaves_its_log_and_its_exit_code(vault: Vault) -> None:
    run = vault.run("print('so far'); raise SystemExit(3)")
    assert (run.exit_code, run.summary["exitCode"], run.summary["ok"]) == (3, 3, False)
    assert b"so far" in vault.result("log.txt") and "so far" in run.stderr


def test_what_is_in_the_vault_is_never_overwritten(vault: Vault) -> None:
    vault.objects["/vault/incidents/inc-1/analysis/run-1-findings.json/findings.json"] = b"another's"
    run = vault.run(HELLO)
    assert not run.summary["ok"] and "other content" in run.summary["error"]
    assert vault.result("findings.json") == b"another's"


def test_storing_the_same_bytes_again_is_no_error(vault: Vault) -> None:
    assert vault.run(HELLO).exit_code == 0
    assert vault.run(HELLO).exit_code == 0


def test_links_and_odd_names_in_the_output_are_left_out(vault: Vault) -> None:
    run = vault.run("""
import os, sys
out = sys.argv[sys.argv.index('--out') + 1]
os.symlink('/etc/hostname', out + '/linked.txt'); open(out + '/od d\\n.txt', 'w').close(); os.mkdir(out + '/directory')
""")
    assert [file["name"] for file in run.summary["files"]] == ["log.txt"] and run.summary["ok"]
    assert vault.result("log.txt").count(b"left out") == 3


def test_everything_wrong_with_the_parameters_is_said_at_once(vault: Vault) -> None:
    run = vault.run(HELLO, CLEANROOM_ARGUMENTS="[]", CLEANROOM_TIME_BUDGET_SECONDS="soon", CLEANROOM_BUCKET="")
    assert run.exit_code == 125
    for name in ("CLEANROOM_ARGUMENTS", "CLEANROOM_TIME_BUDGET_SECONDS", "CLEANROOM_BUCKET"):
        assert name in run.summary["error"]


def test_nothing_stays_on_the_scratch_disk(vault: Vault) -> None:
    vault.run(HELLO)
    vault.run("raise SystemExit(1)")
    assert list(vault.scratch.iterdir()) == []


def test_a_long_log_does_not_push_the_summary_out_of_the_first_24000_characters(vault: Vault) -> None:
    run = vault.run("print('x' * 100_000)")
    assert run.summary["ok"] and len(run.stderr) <= 4000
    assert len(vault.result("log.txt")) == 100_001


def test_the_text_can_stand_in_a_run_command_document() -> None:
    text = BOOTSTRAP.read_text()
    assert "{{" not in text and "}}" not in text
    assert len(text.encode()) < 32_000
