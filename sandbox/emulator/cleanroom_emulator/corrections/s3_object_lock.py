"""What Object Lock has locked stays locked, however it was uploaded, and says so when asked.

moto lets PutObjectRetention shorten or drop a lock, answers GetObjectRetention with the object, locks no multipart upload,
and lets versioning be suspended. AWS: S3 User Guide, "Locking objects with Object Lock", "Object Lock considerations".
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from moto.s3.exceptions import MalformedXML
from moto.s3.models import FakeBucket, FakeKey, FakeMultipart, S3Backend
from moto.s3.responses import S3Response

from ..amendments import Amendments
from ..s3_requests import LOCK_HEADER, refuse

amendments = Amendments()
apply = amendments.apply

MODES = ("GOVERNANCE", "COMPLIANCE")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# The lock that CreateMultipartUpload asks for, on its way from the request to the upload.
_asked: ContextVar[dict[str, str] | None] = ContextVar("asked", default=None)


def parse_time(text: str | None) -> datetime:
    """A time as XML or headers carry it.

    Raises InvalidArgument.
    """
    try:
        time = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError as error:
        raise refuse("InvalidArgument", "The retain until date must be provided in ISO 8601 format") from error
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def now() -> datetime:
    return datetime.now(timezone.utc)


def is_retained(key: FakeKey) -> bool:
    return key.lock_mode in MODES and parse_time(key.lock_until) > now()


@amendments.add(FakeKey)
def is_locked(self: FakeKey, governance_bypass: bool | str | None) -> bool:
    if self.lock_legal_status == "ON":
        return True
    bypassed = self.lock_mode == "GOVERNANCE" and str(governance_bypass).lower() == "true"
    return is_retained(self) and not bypassed


@amendments.add(S3Response)
def put_object_retention(self: S3Response) -> Any:
    key = _lockable(self)
    mode, until = _retention(self)
    bypass = self.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    if is_retained(key) and not _may_become(key, mode, until, bypass):
        raise refuse("AccessDenied", "Access Denied because object protected by object lock.")
    key.lock_mode, key.lock_until = mode, until
    return 200, {}, ""


@amendments.add(S3Response)
def put_object_legal_hold(self: S3Response) -> Any:
    key = _lockable(self)
    status = _xml(self.body, "LegalHold").get("Status")
    if status not in ("ON", "OFF"):
        raise MalformedXML()
    key.lock_legal_status = status
    return 200, {}, ""


@amendments.method(S3Response, "_key_response_get")
def key_response_get(original: Any, self: S3Response, query: dict[str, Any], key_name: str) -> Any:
    if "retention" not in query and "legal-hold" not in query:
        return original(self, query, key_name)
    key = _lockable(self)
    if "retention" in query:
        answer = {"Mode": key.lock_mode, "RetainUntilDate": key.lock_until} if key.lock_mode else None
        element = "Retention"
    else:
        answer = {"Status": key.lock_legal_status} if key.lock_legal_status else None
        element = "LegalHold"
    if answer is None:
        raise refuse("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
    return 200, {"content-type": "application/xml"}, xmltodict.unparse({element: {"@xmlns": NAMESPACE, **answer}})


@amendments.add(S3Response, "_get_lock_details")
def get_lock_details(self: S3Response, bucket: FakeBucket, lock_enabled: bool) -> Any:
    """The lock of an upload or copy: that of its headers, each half else from the bucket's default."""
    return _lock(bucket, {name: self.headers.get(LOCK_HEADER + name) for name in ("legal-hold", "mode", "retain-until-date")})


@amendments.method(S3Response, "_key_response_post")
def key_response_post(
    original: Any, self: S3Response, request: Any, body: bytes, bucket_name: str, query: dict[str, Any], key_name: str
) -> Any:
    if "uploads" not in query:
        return original(self, request, body, bucket_name, query, key_name)
    asked = {name: self.headers.get(LOCK_HEADER + name) for name in ("legal-hold", "mode", "retain-until-date")}
    _lock(self.backend.get_bucket(bucket_name), asked)
    token = _asked.set(asked)
    try:
        return original(self, request, body, bucket_name, query, key_name)
    finally:
        _asked.reset(token)


@amendments.method(FakeMultipart, "__init__")
def new_multipart(original: Any, self: FakeMultipart, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.lock = _asked.get() or {}  # type: ignore[attr-defined]


@amendments.method(S3Backend, "complete_multipart_upload")
def complete_multipart_upload(original: Any, self: S3Backend, bucket_name: str, multipart_id: str, body: Any) -> Any:
    bucket = self.get_bucket(bucket_name)
    upload = bucket.multiparts.get(multipart_id)
    key = original(self, bucket_name, multipart_id, body)
    if key is not None and upload is not None:
        key.lock_legal_status, key.lock_mode, key.lock_until = _lock(bucket, upload.lock)
    return key


@amendments.method(S3Backend, "put_bucket_versioning")
def put_bucket_versioning(original: Any, self: S3Backend, bucket_name: str, status: str) -> None:
    if status != "Enabled" and self.get_bucket(bucket_name).object_lock_enabled:
        raise refuse(
            "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        )
    original(self, bucket_name, status)


@amendments.add(S3Backend)
def put_object_lock_configuration(
    self: S3Backend, bucket_name: str, lock_enabled: bool, mode: str | None = None, days: int | None = None, years: int | None = None
) -> None:
    """Of a bucket with objects, too: a new default holds for what is uploaded afterwards."""
    bucket = self.get_bucket(bucket_name)
    if not bucket.is_versioned:
        raise refuse("InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    if not lock_enabled or (mode is not None and (mode not in MODES or bool(days) == bool(years))):
        raise MalformedXML()
    bucket.object_lock_enabled = True
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days or 0, years or 0


@amendments.method(S3Backend, "get_object_lock_configuration")
def get_object_lock_configuration(original: Any, self: S3Backend, bucket_name: str) -> Any:
    enabled, mode, days, years = original(self, bucket_name)
    return enabled, mode, days or None, years or None


def _lock(bucket: FakeBucket, asked: dict[str, str | None]) -> tuple[str | None, str | None, str | None]:
    """Legal hold, mode and time of a new version.

    Raises InvalidRequest and InvalidArgument.
    """
    hold, mode, until = asked.get("legal-hold"), asked.get("mode"), asked.get("retain-until-date")
    if (hold or mode or until) and not bucket.object_lock_enabled:
        raise refuse("InvalidRequest", "Bucket is missing Object Lock Configuration")
    if bool(mode) != bool(until):
        raise refuse("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
    if mode:
        _check_retention(mode, until)
        return hold, mode, until
    if bucket.has_default_lock:
        return hold, bucket.default_lock_mode, bucket.default_retention()
    return hold, None, None


def _check_retention(mode: str | None, until: str | None) -> None:
    if mode not in MODES:
        raise refuse("InvalidArgument", "Unknown wormMode directive.")
    if parse_time(until) <= now():
        raise refuse("InvalidArgument", "The retain until date must be in the future!")


def _may_become(key: FakeKey, mode: str | None, until: str | None, bypass: bool) -> bool:
    """Whether a retention in force may become this one: a longer one of the same mode always, in governance mode any by bypass."""
    longer = until is not None and mode == key.lock_mode and parse_time(until) >= parse_time(key.lock_until)
    return longer or (key.lock_mode == "GOVERNANCE" and bypass)


def _retention(self: S3Response) -> tuple[str | None, str | None]:
    given = _xml(self.body, "Retention")
    mode, until = given.get("Mode"), given.get("RetainUntilDate")
    if mode is None and until is None:
        return None, None
    if mode is None or until is None:
        raise MalformedXML()
    _check_retention(mode, until)
    return mode, until


def _lockable(self: S3Response) -> Any:
    """The version a lock call is about, in a bucket that has Object Lock."""
    if not self.backend.get_bucket(self.bucket_name).object_lock_enabled:
        raise refuse("InvalidRequest", "Bucket is missing Object Lock Configuration")
    version = self.querystring.get("versionId", [None])[0]
    key = self.backend.get_object(self.bucket_name, self.parse_key_name(), version_id=version, return_delete_marker=True)
    if key is None:
        raise refuse(
            "NoSuchVersion" if version else "NoSuchKey",
            "The specified version does not exist." if version else "The specified key does not exist.",
        )
    if not isinstance(key, FakeKey):
        raise refuse("MethodNotAllowed", "The specified method is not allowed against this resource.")
    return key


def _xml(body: bytes, root: str) -> dict[str, Any]:
    try:
        return xmltodict.parse(body)[root] or {}
    except (ExpatError, KeyError, TypeError) as error:
        raise MalformedXML() from error
