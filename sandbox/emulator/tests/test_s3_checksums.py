"""Checksums and conditional writes. S3 User Guide, "Checking object integrity in Amazon S3", "Conditional writes"."""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

BODY = b"evidence " * 100
PART = b"p" * (5 << 20)


@pytest.fixture(scope="module")
def s3(emulator: Any) -> Any:
    """A client that adds no checksum of its own accord."""
    config = Config(request_checksum_calculation="when_required", parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3", endpoint_url=emulator.endpoint, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x", config=config
    )


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    name = f"sums-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def code_of(call: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**kwargs)
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ChecksumSHA256": sha256(b"other")}, "BadDigest"),
        ({"ChecksumCRC32": crc32(b"other")}, "BadDigest"),
        ({"ChecksumSHA256": "bm90IDMyIGJ5dGVz"}, "InvalidRequest"),
        ({"ContentMD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
        ({"ContentMD5": "nonsense"}, "InvalidDigest"),
    ],
)
def test_an_upload_that_is_not_what_it_claims_is_not_stored(s3: Any, bucket: str, wrong: dict[str, str], code: str) -> None:
    key = str(uuid.uuid4())
    assert code_of(s3.put_object, Bucket=bucket, Key=key, Body=BODY, **wrong) == code
    assert code_of(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"


def test_the_checksum_given_is_kept_and_shown(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="given", Body=BODY, ChecksumSHA256=sha256(BODY))
    assert (put["ChecksumSHA256"], put["ChecksumType"]) == (sha256(BODY), "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="given", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(BODY), "FULL_OBJECT")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="given")
    got = s3.get_object(Bucket=bucket, Key="given", ChecksumMode="ENABLED")
    assert (got["ChecksumSHA256"], got["Body"].read()) == (sha256(BODY), BODY)
    attributes = s3.get_object_attributes(Bucket=bucket, Key="given", ObjectAttributes=["Checksum", "ObjectSize", "ETag"])
    assert (attributes["Checksum"], attributes["ObjectSize"]) == (
        {"ChecksumSHA256": sha256(BODY), "ChecksumType": "FULL_OBJECT"},
        len(BODY),
    )


def test_an_upload_without_a_checksum_gets_s3s_own(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="none", Body=b"123456789")
    head = s3.head_object(Bucket=bucket, Key="none", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumCRC64NVME"]).hex() == "ae8b14860a799888"  # the algorithm's published check value


def test_a_streamed_upload_is_checked_by_its_trailer(emulator: Any, s3: Any, bucket: str) -> None:
    def put(key: str, trailer: str) -> int:
        body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(BODY), BODY, trailer.encode())
        headers = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=x",
            "Content-Encoding": "aws-chunked",
            "Content-Type": "application/octet-stream",
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": str(len(BODY)),
            "x-amz-trailer": "x-amz-checksum-crc32",
        }
        request = urllib.request.Request(f"{emulator.endpoint}/{bucket}/{key}", data=body, headers=headers, method="PUT")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            assert b"<Code>BadDigest</Code>" in error.read()
            return error.code

    assert (put("streamed", crc32(BODY)), put("spoilt", crc32(b"other"))) == (200, 400)
    got = s3.get_object(Bucket=bucket, Key="streamed", ChecksumMode="ENABLED")
    assert (got["ChecksumCRC32"], got["Body"].read()) == (crc32(BODY), BODY)
    assert code_of(s3.get_object, Bucket=bucket, Key="spoilt") == "NoSuchKey"


def test_a_multipart_checksum_is_one_of_its_parts_and_says_how_many(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    at = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    assert code_of(s3.upload_part, **at, PartNumber=1, Body=PART, ChecksumSHA256=sha256(b"other")) == "BadDigest"
    parts = []
    for number, body in ((1, PART), (2, b"end")):
        answer = s3.upload_part(**at, PartNumber=number, Body=body, ChecksumSHA256=sha256(body))
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    wrong = [{**parts[0], "ChecksumSHA256": sha256(b"other")}, parts[1]]
    assert code_of(s3.complete_multipart_upload, **at, MultipartUpload={"Parts": wrong}) == "InvalidPart"
    done = s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    both = hashlib.sha256(PART).digest() + hashlib.sha256(b"end").digest()
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (f"{sha256(both)}-2", "COMPOSITE")
    assert s3.head_object(Bucket=bucket, Key="parts", ChecksumMode="ENABLED")["ChecksumSHA256"] == f"{sha256(both)}-2"


def test_what_exists_is_not_overwritten_by_an_upload_that_wants_to_be_first(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="first", Body=b"1", IfNoneMatch="*")
    assert code_of(s3.put_object, Bucket=bucket, Key="first", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="first")["UploadId"]
    at = {"Bucket": bucket, "Key": "first", "UploadId": upload}
    etag = s3.upload_part(**at, PartNumber=1, Body=b"3")["ETag"]
    complete = {**at, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    assert code_of(s3.complete_multipart_upload, **complete, IfNoneMatch="*") == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="first")["Body"].read() == b"1"


def test_of_many_first_uploads_at_once_one_wins(s3: Any, bucket: str) -> None:
    def put(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="race", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(24))) == 1
