"""The console of a machine: its boot log, and a picture of its screen.

moto has a canned log of 2006 and no screenshot. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
and API_GetConsoleScreenshot.html (refused unless the instance is running).
"""

from __future__ import annotations

import base64
import struct
import zlib

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance
from moto.ec2.responses.general import General

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

SCREEN = (720, 400)  # a text console in pixels
KERNEL = "6.1.112-122.189.amzn2023.x86_64"


@amendments.add(General)
def get_console_output(self: General) -> ActionResult:
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    # The log appears with the boot and stays after the instance has stopped.
    output = "" if instance.state == "pending" else boot_log(instance)
    return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": Base64EncodedString.from_raw_string(output)})


@amendments.add(General)
def get_console_screenshot(self: General) -> ActionResult:
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    if instance.state != "running":
        raise refuse("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'running' state.")
    return ActionResult({"InstanceId": instance.id, "ImageData": base64.b64encode(black_screen()).decode()})


def boot_log(instance: Instance) -> str:
    host = (instance.private_dns_name or "localhost").split(".")[0]
    disks = [f"[    0.{700 + n}] nvme nvme{n}: 2/0/0 default/read/poll queues" for n in range(len(instance.block_device_mapping))]
    lines = [
        f"[    0.000000] Linux version {KERNEL} (mockbuild@ip-10-0-0-1) (gcc 11.4.1 20230605) #1 SMP PREEMPT_DYNAMIC",
        f"[    0.000000] Command line: BOOT_IMAGE=(hd0,gpt1)/boot/vmlinuz-{KERNEL} root=UUID=ro console=tty0 console=ttyS0,115200n8",
        "[    0.000000] Hypervisor detected: KVM",
        f"[    0.100000] DMI: Amazon EC2 {instance.instance_type}/, BIOS 1.0 10/16/2017",
        *disks,
        "[    1.902115] EXT4-fs (nvme0n1p1): mounted filesystem with ordered data mode. Quota mode: none.",
        f"[    3.310442] systemd[1]: Hostname set to <{host}>.",
        f"[    6.048871] cloud-init[1502]: Cloud-init v. 22.2.2 running 'init' at {instance.launch_time:%a, %d %b %Y %H:%M:%S} +0000.",
        "[  OK  ] Started amazon-ssm-agent.service - amazon-ssm-agent.",
        f"{host} login: ",
    ]
    return "\r\n".join(lines)


def black_screen() -> bytes:
    """A PNG of an empty text console."""
    width, height = SCREEN

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)  # one bit per pixel, greyscale
    rows = (b"\0" + bytes((width + 7) // 8)) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
