"""SSE-KMS. S3 User Guide, "Using server-side encryption with AWS KMS keys (SSE-KMS)"."""

from __future__ import annotations

import uuid
from typing import Any

import pytest


@pytest.fixture(scope="module")
def s3(emulator: Any) -> Any:
    return emulator.client("s3")


@pytest.fixture(scope="module")
def kms(emulator: Any) -> Any:
    return emulator.client("kms")


def bucket(s3: Any, key_id: str | None = None) -> str:
    name = f"sse-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if key_id:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_id}, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    return name


def test_every_object_is_encrypted(s3: Any) -> None:
    name = bucket(s3)
    assert s3.put_object(Bucket=name, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_buckets_key_encrypts_uploads_of_every_kind(s3: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    name = bucket(s3, key["KeyId"])
    s3.put_object(Bucket=name, Key="put", Body=b"x")
    s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "put"})
    upload = s3.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    for object_key in ("put", "copy", "parts"):
        head = s3.head_object(Bucket=name, Key=object_key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])


def test_an_object_cannot_be_read_or_written_while_its_key_is_disabled(s3: Any, kms: Any, refused: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    name = bucket(s3, key)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    kms.disable_key(KeyId=key)
    with refused("KMS.DisabledException"):
        s3.get_object(Bucket=name, Key="k")
    with refused("KMS.DisabledException"):
        s3.put_object(Bucket=name, Key="new", Body=b"x")
    with refused("KMS.DisabledException"):
        s3.copy_object(Bucket=bucket(s3), Key="copy", CopySource={"Bucket": name, "Key": "k"})
    assert s3.head_object(Bucket=name, Key="k")["ContentLength"] == 1
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with refused("KMS.KMSInvalidStateException"):
        s3.get_object(Bucket=name, Key="k")


def test_a_key_that_does_not_exist_is_refused(s3: Any, refused: Any) -> None:
    with refused("KMS.NotFoundException"):
        s3.put_object(Bucket=bucket(s3), Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=str(uuid.uuid4()))
