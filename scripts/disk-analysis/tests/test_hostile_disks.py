"""Damaged and hostile disks: what can be read is, what can't is said, nothing crashes and nothing is executed."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from conftest import Disks

PACKAGE = Path(__file__).parent.parent
SHELL = "<?php eval($_POST['x']);"


def reasons(report) -> str:
    return " | ".join(entry["reason"] for entry in report.unreadable)


def test_a_truncated_disk_is_read_as_far_as_it_goes(disks: Disks) -> None:
    image = disks.add({"var/www/html/a.php": SHELL, "var/big": os.urandom(6 << 20)}, mebibytes=16)
    os.truncate(image, 5 << 20)
    report = disks.analyse()
    assert report.unreadable


@pytest.mark.parametrize("content, reason", [
    (b"", "empty"), (bytes(1 << 20), "no file system"), (random.Random(1).randbytes(1 << 20), "no file system"),
    (b"LUKS\xba\xbe\x00\x01" + bytes(1 << 20), "encrypted"),
])
def test_what_is_no_disk_is_named_and_the_others_are_analysed(disks: Disks, tmp_path: Path, content: bytes, reason: str) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(content)
    disks.attach(garbage)
    disks.add({"var/www/html/a.php": SHELL})
    report = disks.analyse()
    assert [entry["volumeId"] for entry in report.unreadable] == ["vol-source0"]
    assert reason in reasons(report)
    assert report.of("web-shell")


def test_a_device_that_is_not_there_is_named(disks: Disks, tmp_path: Path) -> None:
    disks.attach(tmp_path / "nothing")
    assert "No such file" in reasons(disks.analyse())


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_with_damage_all_over_is_no_crash(disks: Disks, seed: int) -> None:
    image = disks.add({"var/www/html/a.php": SHELL, **{f"home/admin/f{number}": "x" * 3000 for number in range(50)}})
    noise = random.Random(seed)
    with image.open("r+b") as file:
        for _ in range(300):
            file.seek(noise.randrange(2048, 2 << 20))
            file.write(noise.randbytes(4))
    report = disks.analyse()
    json.dumps(report.findings)
    assert all(entry["reason"] for entry in report.unreadable)


def test_names_of_any_bytes_are_shown_escaped(disks: Disks) -> None:
    def prepare(tree: Path) -> None:
        directory = os.fsencode(tree) + b"/var/www/html"
        os.makedirs(directory)
        for name in (b"bad\xff\xfe.php", b"esc\x1b[2Jape.php", b"new\nline.php", "right\u202eto-left.php".encode()):
            with open(directory + b"/" + name, "wb") as file:
                file.write(SHELL.encode())

    disks.add({}, prepare=prepare)
    found = disks.analyse().of("web-shell")
    assert sorted(finding["path"] for finding in found) == [
        r"/var/www/html/bad\xff\xfe.php", r"/var/www/html/esc\x1b[2Jape.php", r"/var/www/html/new\x0aline.php", r"/var/www/html/right\u202eto-left.php",
    ]
    assert len({finding["id"] for finding in found}) == 4


def test_links_that_loop_or_leave_the_disk_are_not_followed(disks: Disks) -> None:
    disks.add({}, links={"etc/cron.d": "cron.d", "home/loop/a": "b", "home/loop/b": "a", "etc/crontab": "../../../../etc/passwd", "root/.ssh": "/proc/self/root/etc"})
    assert disks.analyse().unreadable == []


def test_an_endless_line_and_a_packed_bomb_are_read_in_bounds(disks: Disks) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(bytes(64 << 20)) + packer.flush()
    disks.add({"var/www/html/x.php": SHELL, "var/log/nginx/access.log": b"A" * (6 << 20), "var/log/nginx/access.log.2.gz": bomb}, mebibytes=32)
    report = disks.analyse()
    assert report.of("web-shell") and not report.of("web-shell-access")


def test_a_size_that_lies_is_noted(disks: Disks) -> None:
    def prepare(tree: Path) -> None:
        with (tree / "var/log/huge.log").open("wb") as file:
            file.truncate(1 << 40)

    disks.add({"var/www/html/x.php": SHELL}, prepare=prepare)
    assert disks.analyse().of("web-shell")


def test_the_limit_on_matching_is_kept_and_said(disks: Disks) -> None:
    disks.add({"home/admin/a": "x" * 5000, "home/admin/b": "x" * 5000})
    assert "were not matched" in reasons(disks.analyse(scan_bytes=1))


def test_a_disk_with_partitions_is_read_by_partition(disks: Disks, tmp_path: Path) -> None:
    image = disks.add({"var/www/html/a.php": SHELL})
    content = image.read_bytes()
    record = bytearray(1 << 20)
    struct.pack_into("<BBBBBBBBII", record, 446, 0x80, 0, 0, 0, 0x83, 0, 0, 0, 2048, len(content) // 512)
    record[510:512] = b"\x55\xaa"
    partitioned = tmp_path / "partitioned"
    partitioned.write_bytes(bytes(record) + content)
    disks.copies.clear()
    (tmp_path / "nvme-Amazon_Elastic_Block_Store_volcopy0").unlink()
    disks.attach(partitioned)
    report = disks.analyse()
    assert report.of("web-shell") and report.profiles[0]["filesystems"][0]["partition"] == 1


def test_a_volume_is_put_where_fstab_had_it(disks: Disks) -> None:
    disks.add({"etc/fstab": "LABEL=web /var/www ext4 defaults 0 2\n", "var/www/.keep": ""})
    disks.add({"html/a.php": SHELL}, base=False, label="web")
    report = disks.analyse()
    assert [(found["volumeId"], found["path"]) for found in report.of("web-shell")] == [("vol-source1", "/html/a.php")]
    assert [tree["mountPoint"] for tree in report.profiles[0]["filesystems"]] == ["/", "/var/www"]


def test_the_disk_is_only_read(disks: Disks) -> None:
    image = disks.add({"var/www/html/a.php": SHELL})
    before = image.read_bytes()
    image.chmod(0o444)
    assert disks.analyse().of("web-shell")
    assert image.read_bytes() == before


def test_the_same_disk_gives_the_same_findings_with_the_same_ids(disks: Disks) -> None:
    disks.add({"var/www/html/a.php": SHELL, "etc/ld.so.preload": "/x.so\n"})
    assert disks.analyse().findings == disks.analyse().findings


def test_the_profile_says_what_the_machine_is(disks: Disks) -> None:
    disks.add({"etc/timezone": "Europe/Berlin\n"})
    [profile] = disks.analyse().profiles
    assert (profile["hostname"], profile["os"]["id"], profile["timezone"], len(profile["users"])) == ("host", "debian", "Europe/Berlin", 3)
    assert profile["lastActivity"] == "2026-03-01T12:00:00Z"


def run(arguments: object, directory: Path) -> subprocess.CompletedProcess[str]:
    (directory / "arguments.json").write_text(json.dumps(arguments))
    (directory / "out").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "main.py", "--arguments", str(directory / "arguments.json"), "--out", str(directory / "out")],
        cwd=PACKAGE, capture_output=True, text=True, env={**os.environ, "CLEANROOM_DEVICE_DIR": str(directory)},
    )


def test_what_is_written_is_as_the_schema_says(disks: Disks, tmp_path: Path) -> None:
    disks.add({"var/www/html/a.php": SHELL, "etc/ld.so.preload": "/x.so\n"})
    done = run({"incidentId": "inc-1", "volumes": [{"volumeId": "vol-copy0", "device": "/dev/sdf", "sourceVolumeId": "vol-source0", "instanceId": "i-1"}]}, tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "findings.json").read_text())
    schema = json.loads((PACKAGE / "output.schema.json").read_text())
    finding = schema["$defs"]["finding"]
    assert document["findings"] and document.keys() == set(schema["required"])
    for found in document["findings"]:
        assert set(finding["required"]) <= found.keys() <= finding["properties"].keys()
        assert found["severity"] in finding["properties"]["severity"]["enum"]
    assert json.loads((tmp_path / "out" / "system-profile.json").read_text())["machines"][0]["instanceId"] == "i-1"


def test_wrong_arguments_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    done = run({"volumes": [{"volumeId": "vol-1", "colour": "red"}], "since": "yesterday"}, tmp_path)
    assert done.returncode == 2
    for wrong in ("incidentId is missing", "volumes[0].colour is unknown", "volumes[0].instanceId is missing", "since"):
        assert wrong in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
