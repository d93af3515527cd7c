"""What several S3 corrections need: S3's errors by code, and which call a request is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.routing import get_service_router
from moto.s3.exceptions import S3ClientError

# The prefix of the S3 headers that Object Lock reads.
LOCK_HEADER = "x-amz-object-lock-"


def refuse(code: str, message: str) -> S3ClientError:
    """An S3 error for `raise`; its HTTP status follows from the code."""
    return S3ClientError(code, message)


def operation_of(response: Any) -> str:
    """The S3 operation of the request a moto response object answers; empty for none."""
    try:
        operation, _ = get_service_router("s3").match(response.normalized_request)
    except Exception:  # moto answers what S3 does not know
        return ""
    return str(operation.name)


def with_headers(response: Any, changes: Mapping[str, str]) -> None:
    """Lets moto see these request headers, too."""
    for name, value in changes.items():
        response.headers.environ["HTTP_" + name.upper().replace("-", "_")] = value


def key_of(response: Any) -> Any:
    """The object version the request is about; None if there is none, or only a delete marker."""
    return response.backend.get_object(
        response.bucket_name, response.parse_key_name(), version_id=response.querystring.get("versionId", [None])[0]
    )
