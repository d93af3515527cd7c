"""An upload whose bytes are not what its checksum says is refused; the checksum S3 keeps is of the bytes it has.

moto stores any checksum it is given and verifies none. AWS: S3 User Guide, "Checking object integrity in Amazon S3";
API Reference, "PutObject", "CompleteMultipartUpload", "GetObjectAttributes".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import moto.s3.models
import moto.s3.responses
import xmltodict
from awscrt import checksums as crt
from moto.s3.models import FakeKey, FakeMultipart, MultipartChecksumBuilder, S3Backend
from moto.s3.responses import S3Response

from ..amendments import Amendments
from ..s3_requests import key_of, operation_of, refuse, with_headers

amendments = Amendments()
apply = amendments.apply

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC32C": lambda data: crt.crc32c(data).to_bytes(4, "big"),
    "CRC64NVME": lambda data: crt.crc64nvme(data).to_bytes(8, "big"),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}
# What S3 computes for an upload that brings no checksum.
DEFAULT_ALGORITHM = "CRC64NVME"
HEADER = "x-amz-checksum-"
STREAMED = ("STREAMING-", "UNSIGNED-")
OBJECT_OPERATIONS = {"PutObject", "UploadPart"}


def compute_checksum(body: bytes, algorithm: str, encode_base64: bool = True) -> bytes:
    digest = DIGESTS[algorithm.upper()](body)
    return base64.b64encode(digest) if encode_base64 else digest


amendments.attribute(moto.s3.models, "compute_checksum", compute_checksum)  # type: ignore[arg-type]
amendments.attribute(moto.s3.responses, "compute_checksum", compute_checksum)  # type: ignore[arg-type]


@amendments.method(S3Response, "_key_response_put")
def key_response_put(original: Any, self: S3Response, *args: Any) -> Any:
    verify(self)
    return original(self, *args)


@amendments.method(S3Response, "_bucket_response_put")
def bucket_response_put(original: Any, self: S3Response, *args: Any) -> Any:
    verify(self)
    return original(self, *args)


@amendments.method(S3Response, "_bucket_response_post")
def bucket_response_post(original: Any, self: S3Response, *args: Any) -> Any:
    verify(self)
    return original(self, *args)


def verify(self: S3Response) -> None:
    """Compares the body with each digest the request brings.

    Raises InvalidDigest, InvalidRequest (a value that can be no digest), BadDigest or XAmzContentSHA256Mismatch.
    """
    body = self.body or b""
    body = body.encode() if isinstance(body, str) else body
    signed = self.headers.get("x-amz-content-sha256", "")
    if signed and not signed.startswith(STREAMED) and signed != hashlib.sha256(body).hexdigest():
        raise refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
    md5 = self.headers.get("Content-MD5")
    if md5 is not None:
        expected = _decoded(md5)
        if expected is None or len(expected) != 16:
            raise refuse("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if expected != hashlib.md5(body, usedforsecurity=False).digest():
            raise refuse("BadDigest", "The Content-MD5 you specified did not match what we received.")
    for algorithm, value in claimed(self).items():
        actual = DIGESTS[algorithm](body)
        expected = _decoded(value)
        if expected is None or len(expected) != len(actual):
            raise refuse("InvalidRequest", f"Value for {HEADER}{algorithm.lower()} header is invalid.")
        if expected != actual:
            raise refuse("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def claimed(self: S3Response) -> dict[str, str]:
    """The checksums the request brings, in headers or in the trailer of an aws-chunked body, by algorithm."""
    found = {name: self.headers[HEADER + name.lower()] for name in DIGESTS if HEADER + name.lower() in self.headers}
    trailer = self.headers.get("x-amz-trailer", "").lower()
    if trailer.startswith(HEADER) and isinstance(self.raw_body, bytes):
        line = self.raw_body.rpartition(trailer.encode() + b":")[2]
        found[trailer.removeprefix(HEADER).upper()] = line.split(b"\r\n")[0].strip().decode("ascii", "replace")
    return {name: value for name, value in found.items() if name in DIGESTS}


@amendments.add(S3Response, "_get_checksum")
def get_checksum(self: S3Response, response_headers: dict[str, Any]) -> tuple[str, str | None]:
    """Algorithm and value to keep and to answer: those of the request, else S3's own."""
    given = claimed(self)
    asked = self.headers.get("x-amz-sdk-checksum-algorithm", "").upper()
    if operation_of(self) not in OBJECT_OPERATIONS and not given:
        return asked, None
    algorithm = next(iter(given), asked if asked in DIGESTS else DEFAULT_ALGORITHM)
    value = compute_checksum(self.body or b"", algorithm).decode()
    response_headers[HEADER + algorithm.lower()] = value
    if operation_of(self) == "PutObject":
        response_headers["x-amz-checksum-type"] = "FULL_OBJECT"
    return algorithm, value


@amendments.method(FakeKey, "__init__")
def new_key(original: Any, self: FakeKey, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.checksum_type = self.checksum_type or "FULL_OBJECT"


@amendments.method(S3Response, "get_object")
def get_object(original: Any, self: S3Response) -> Any:
    status, headers, body = original(self)
    return status, {**headers, **_checksum_headers(self)} if status == 200 and "Range" not in self.headers else headers, body


@amendments.method(S3Response, "head_object")
def head_object(original: Any, self: S3Response, *args: Any, **kwargs: Any) -> Any:
    status, headers, body = original(self, *args, **kwargs)
    return status, {**headers, **_checksum_headers(self)} if status == 200 else headers, body


def _checksum_headers(self: S3Response) -> dict[str, str]:
    key = key_of(self)
    if self.headers.get("x-amz-checksum-mode", "").upper() != "ENABLED" or not key or not key.checksum_algorithm:
        return {}
    return {HEADER + key.checksum_algorithm.lower(): _shown(key), "x-amz-checksum-type": key.checksum_type}


def _shown(key: FakeKey) -> str:
    """A checksum of checksums carries the number of parts."""
    return f"{key.checksum_value}-{key.checksum_parts}" if key.checksum_type == "COMPOSITE" else str(key.checksum_value)


@amendments.method(MultipartChecksumBuilder, "__init__")
def new_builder(original: Any, self: MultipartChecksumBuilder, algorithm: str | None, checksum_type: str | None) -> None:
    original(self, (algorithm or DEFAULT_ALGORITHM).upper(), checksum_type)


@amendments.method(S3Response, "_key_response_post")
def key_response_post(
    original: Any, self: S3Response, request: Any, body: bytes, bucket_name: str, query: dict[str, Any], key_name: str
) -> Any:
    if "uploads" in query:
        algorithm = self.headers.get("x-amz-checksum-algorithm")
        status, headers, text = original(self, request, body, bucket_name, query, key_name)
        if algorithm:
            headers["x-amz-checksum-algorithm"] = algorithm.upper()
        return status, headers, text
    if "uploadId" not in query:
        return original(self, request, body, bucket_name, query, key_name)
    _verify_parts(self, bucket_name, query["uploadId"][0], body)
    status, headers, text = original(self, request, body, bucket_name, query, key_name)
    key = self.backend.get_object(bucket_name, key_name, version_id=headers.get("x-amz-version-id")) if status == 200 else None
    if key is not None and key.checksum_algorithm:
        shown = f"<Checksum{key.checksum_algorithm}>{_shown(key)}</Checksum{key.checksum_algorithm}><ChecksumType>{key.checksum_type}</ChecksumType>"
        text = text.replace("</CompleteMultipartUploadResult>", f"{shown}</CompleteMultipartUploadResult>")
    return status, headers, text


@amendments.method(S3Backend, "complete_multipart_upload")
def complete_multipart_upload(original: Any, self: S3Backend, *args: Any, **kwargs: Any) -> Any:
    key = original(self, *args, **kwargs)
    if key is not None:
        key.checksum_algorithm = (key.checksum_algorithm or DEFAULT_ALGORITHM).upper()
    return key


def _verify_parts(self: S3Response, bucket_name: str, upload_id: str, body: bytes) -> None:
    """Each part's checksum in CompleteMultipartUpload is that of the part S3 has; COMPOSITE needs one for each.

    Raises InvalidPart.
    """
    upload: FakeMultipart | None = self.backend.get_bucket(bucket_name).multiparts.get(upload_id)
    if upload is None:
        return
    parts = xmltodict.parse(body, force_list=("Part",))["CompleteMultipartUpload"].get("Part") or []
    for part in parts:
        stored = upload.parts.get(int(part["PartNumber"]))
        for name in DIGESTS:
            value = part.get(f"Checksum{name}")
            if stored is not None and value is not None and value != compute_checksum(stored.value, name).decode():
                raise refuse(
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part might not have been uploaded, or its checksum differs.",
                )


@amendments.method(S3Backend, "get_object_attributes")
def get_object_attributes(original: Any, self: S3Backend, key: FakeKey, attributes_to_get: list[str]) -> dict[str, Any]:
    return original(self, key, [attribute.strip() for attribute in attributes_to_get])


@amendments.method(S3Response, "_key_response_put")
def needs_a_checksum(original: Any, self: S3Response, query: dict[str, Any], key_name: str) -> Any:
    """Any checksum will do for an upload under Object Lock, and only an upload needs one: not a copy, nor a lock's own change."""
    if operation_of(self) != "PutObject" or claimed(self):
        algorithm = next(iter(claimed(self)), DEFAULT_ALGORITHM)
        with_headers(self, {"x-amz-sdk-checksum-algorithm": self.headers.get("x-amz-sdk-checksum-algorithm") or algorithm})
    return original(self, query, key_name)


def _decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
