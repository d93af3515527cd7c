"""Objects under a KMS key need that key: it must exist to write and be enabled to read; every object is encrypted.

moto keeps the headers only. AWS: S3 User Guide, "Using server-side encryption with AWS KMS keys (SSE-KMS)",
"Amazon S3 now automatically encrypts all new objects"; KMS Developer Guide, "Key states of AWS KMS keys".
"""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends
from moto.s3.models import FakeBucket, FakeKey, S3Backend
from moto.s3.responses import S3Response

from ..amendments import Amendments
from ..s3_requests import key_of, refuse

amendments = Amendments()
apply = amendments.apply

KMS = ("aws:kms", "aws:kms:dsse")
SSE_S3 = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}}
STATE_CODES = {"Disabled": "KMS.DisabledException", "PendingDeletion": "KMS.KMSInvalidStateException"}


@amendments.method(S3Backend, "create_bucket")
def create_bucket(original: Any, self: S3Backend, *args: Any, **kwargs: Any) -> FakeBucket:
    bucket = original(self, *args, **kwargs)
    bucket.encryption = SSE_S3
    return bucket


@amendments.add(S3Backend)
def delete_bucket_encryption(self: S3Backend, bucket_name: str) -> None:
    self.get_bucket(bucket_name).encryption = SSE_S3


@amendments.method(S3Backend, "put_object")
def put_object(original: Any, self: S3Backend, bucket_name: str, *args: Any, **kwargs: Any) -> FakeKey:
    chosen = _encryption(self.get_bucket(bucket_name), kwargs.get("encryption"), kwargs.get("kms_key_id"))
    return original(self, bucket_name, *args, **{**kwargs, **chosen})


@amendments.method(S3Backend, "create_multipart_upload")
def create_multipart_upload(original: Any, self: S3Backend, bucket_name: str, *args: Any) -> Any:
    *others, algorithm, key = args
    chosen = _encryption(self.get_bucket(bucket_name), algorithm, key)
    return original(self, bucket_name, *others, chosen["encryption"], chosen["kms_key_id"])


@amendments.method(S3Response, "get_object")
def get_object(original: Any, self: S3Response) -> Any:
    key = key_of(self)
    if key is not None:
        readable(key)
    return original(self)


@amendments.method(S3Backend, "copy_object")
def copy_object(original: Any, self: S3Backend, src_key: FakeKey, *args: Any, **kwargs: Any) -> None:
    readable(src_key)
    original(self, src_key, *args, **kwargs)


def readable(key: FakeKey) -> None:
    """Refuses an object whose KMS key cannot be used now."""
    if key.encryption in KMS and key.kms_key_id:
        _require_enabled(_find(key.kms_key_id), key.kms_key_id)


def _encryption(bucket: FakeBucket, algorithm: str | None, key_id: str | None) -> dict[str, Any]:
    """How a new object is encrypted: as asked, else as the bucket says. The key is named by its ARN."""
    default = ((bucket.encryption or SSE_S3)["Rule"])["ApplyServerSideEncryptionByDefault"]
    if algorithm is None:
        algorithm, key_id = default["SSEAlgorithm"], default.get("KMSMasterKeyID")
    if algorithm not in KMS:
        return {"encryption": algorithm, "kms_key_id": None}
    key_id = key_id or "alias/aws/s3"
    backend = kms_backends[bucket.account_id][bucket.region_name]
    key = _find(key_id) if key_id.startswith("arn:") else backend.keys.get(backend.any_id_to_key_id(key_id))
    _require_enabled(key, key_id)
    return {"encryption": algorithm, "kms_key_id": key.arn}


def _find(arn: str) -> Any:
    _, _, _, region, account, _ = arn.split(":", 5)
    backend = kms_backends[account][region]
    return backend.keys.get(backend.any_id_to_key_id(arn))


def _require_enabled(key: Any, name: str) -> None:
    if key is None:
        raise refuse("KMS.NotFoundException", f"Key '{name}' does not exist")
    if key.key_state != "Enabled":
        raise refuse(STATE_CODES.get(key.key_state, "KMS.KMSInvalidStateException"), f"{key.arn} is {key.key_state.lower()}.")
