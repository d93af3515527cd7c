"""The EBS direct APIs read the blocks of every completed snapshot the caller can see.

moto reads only snapshots written through these APIs. AWS: https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListSnapshotBlocks.html,
API_ListChangedBlocks.html, API_GetSnapshotBlock.html (blocks of 512 KiB, SHA-256 in Base64, tokens for 7 days) and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html (completed snapshots only).
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.ebs.responses import EBSResponse
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends

from ..amendments import Amendments
from ..aws_error import SandboxError
from ..disk_images import snapshot_image
from ..sparse_file import data_extents

amendments = Amendments()
apply = amendments.apply

BLOCK_BYTES = 512 * 1024
PAGE_SIZES = range(100, 10001)
DEFAULT_PAGE = 10000
TOKEN_SECONDS = 7 * 24 * 3600


@amendments.add(EBSResponse)
def list_snapshot_blocks(self: EBSResponse) -> ActionResult:
    snapshot = _readable(self, self._get_param("SnapshotId"))
    indexes = written_blocks(snapshot_image(snapshot.id))
    page, next_token = _page(self, indexes, snapshot.id)
    blocks = [{"BlockIndex": index, "BlockToken": _token(snapshot.id, index)} for index in page]
    return ActionResult({"Blocks": blocks, **_described(snapshot), "NextToken": next_token})


@amendments.add(EBSResponse)
def list_changed_blocks(self: EBSResponse) -> ActionResult:
    """The blocks that differ; without a first snapshot, all of the second."""
    second = _readable(self, self._get_param("SecondSnapshotId"))
    first_id = self._get_param("FirstSnapshotId")
    first = _readable(self, first_id) if first_id else None
    after = set(written_blocks(snapshot_image(second.id)))
    before = set(written_blocks(snapshot_image(first.id))) if first else set()
    indexes = sorted(index for index in after | before if _differs(first, second, index))
    page, next_token = _page(self, indexes, f"{first_id}:{second.id}")
    blocks = [
        {
            "BlockIndex": index,
            "FirstBlockToken": _token(first.id, index) if first and index in before else None,
            "SecondBlockToken": _token(second.id, index) if index in after else None,
        }
        for index in page
    ]
    return ActionResult({"ChangedBlocks": blocks, **_described(second), "NextToken": next_token})


@amendments.add(EBSResponse)
def get_snapshot_block(self: EBSResponse) -> ActionResult:
    snapshot, index = _readable(self, self._get_param("SnapshotId")), int(self._get_param("BlockIndex"))
    _check_token(self._get_param("BlockToken"), snapshot.id, index)
    data = _block(snapshot_image(snapshot.id), index)
    if not data.strip(b"\0"):
        raise _invalid("INVALID_BLOCK_TOKEN", f"Block {index} of {snapshot.id} was never written.")
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return ActionResult({"DataLength": len(data), "BlockData": data, "Checksum": checksum, "ChecksumAlgorithm": "SHA256"})


def written_blocks(image: Path) -> list[int]:
    """The indexes of the blocks that hold anything but zeros, ascending."""
    with image.open("rb") as file:
        candidates = sorted(
            {
                index
                for start, end in data_extents(file.fileno())
                for index in range(start // BLOCK_BYTES, (end - 1) // BLOCK_BYTES + 1)
            }
        )
        return [index for index in candidates if os.pread(file.fileno(), BLOCK_BYTES, index * BLOCK_BYTES).strip(b"\0")]


def _block(image: Path, index: int) -> bytes:
    with image.open("rb") as file:
        return os.pread(file.fileno(), BLOCK_BYTES, index * BLOCK_BYTES).ljust(BLOCK_BYTES, b"\0")


def _differs(first: Any, second: Any, index: int) -> bool:
    return first is None or _block(snapshot_image(first.id), index) != _block(snapshot_image(second.id), index)


def _readable(request: EBSResponse, snapshot_id: str) -> Any:
    backend = ec2_backends[request.current_account][request.region]
    try:
        snapshot = backend.get_snapshot(snapshot_id)
    except EC2ClientError:
        raise _not_found(snapshot_id) from None
    if snapshot.status != "completed":
        raise _invalid("INVALID_SNAPSHOT_STATE", f"The snapshot '{snapshot_id}' is not in the 'completed' state.")
    return snapshot


def _described(snapshot: Any) -> dict[str, Any]:
    return {"VolumeSize": snapshot.volume_size, "BlockSize": BLOCK_BYTES, "ExpiryTime": time.time() + TOKEN_SECONDS}


def _page(request: EBSResponse, indexes: list[int], listing: str) -> tuple[list[int], str | None]:
    size = request._get_int_param("MaxResults", DEFAULT_PAGE)
    if size not in PAGE_SIZES:
        raise _invalid("INVALID_PARAMETER_VALUE", "maxResults must be between 100 and 10000.")
    start = request._get_int_param("StartingBlockIndex", 0)
    if token := request._get_param("NextToken"):
        of_listing, _, position = _decode(token).rpartition("@")
        if of_listing != listing:
            raise _invalid("INVALID_PAGE_TOKEN", "The page token is not valid.")
        start = int(position)
    rest = [index for index in indexes if index >= start]
    next_token = _encode(f"{listing}@{rest[size]}") if len(rest) > size else None
    return rest[:size], next_token


def _token(snapshot_id: str, index: int) -> str:
    return _encode(f"{snapshot_id}#{index}#{int(time.time()) + TOKEN_SECONDS}")


def _check_token(token: str, snapshot_id: str, index: int) -> None:
    of_snapshot, _, rest = _decode(token).partition("#")
    of_index, _, expiry = rest.partition("#")
    if of_snapshot != snapshot_id or of_index != str(index):
        raise _invalid("INVALID_BLOCK_TOKEN", "The block token is not valid for this block.")
    if int(expiry) < time.time():
        raise _invalid("INVALID_BLOCK_TOKEN", "The block token has expired.")


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        return ""


def _invalid(reason: str, message: str) -> SandboxError:
    error = SandboxError("ValidationException", message)
    error.Reason = reason  # type: ignore[attr-defined]
    return error


def _not_found(snapshot_id: str) -> SandboxError:
    error = SandboxError("ResourceNotFoundException", f"The snapshot '{snapshot_id}' does not exist.")
    error.Reason = "SNAPSHOT_NOT_FOUND"  # type: ignore[attr-defined]
    return error
