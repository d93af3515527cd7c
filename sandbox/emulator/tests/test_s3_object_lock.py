"""Object Lock. S3 User Guide, "Locking objects with Object Lock", "Object Lock considerations"."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

PART = b"p" * (5 << 20)


@pytest.fixture(scope="module")
def s3(emulator: Any) -> Any:
    return emulator.client("s3")


def bucket(s3: Any, default: str | None = None, lock: bool = True) -> str:
    name = f"lock-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}, ObjectLockEnabledForBucket=lock)
    if default:
        rule = {"DefaultRetention": {"Mode": default, "Days": 30}}
        s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    return name


def days(number: int) -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=number)


def code_of(call: Any, **kwargs: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**kwargs)
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def put_locked(s3: Any, name: str, mode: str, until: datetime) -> dict[str, str]:
    put = s3.put_object(Bucket=name, Key="evidence", Body=b"e", ObjectLockMode=mode, ObjectLockRetainUntilDate=until)
    return {"Bucket": name, "Key": "evidence", "VersionId": put["VersionId"]}


def test_compliance_retention_can_only_grow(s3: Any) -> None:
    version = put_locked(s3, bucket(s3), "COMPLIANCE", days(30))
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": days(60)}
    for retention in ({"Mode": "COMPLIANCE", "RetainUntilDate": days(1)}, {"Mode": "GOVERNANCE", "RetainUntilDate": days(60)}, {}):
        for bypass in (False, True):
            assert code_of(s3.put_object_retention, **version, Retention=retention, BypassGovernanceRetention=bypass) == (
                "AccessDenied",
                403,
            )
    assert code_of(s3.delete_object, **version, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    s3.put_object_retention(**version, Retention=longer)
    assert s3.get_object_retention(**version)["Retention"] == longer


def test_governance_retention_yields_to_the_bypass_only(s3: Any) -> None:
    version = put_locked(s3, bucket(s3), "GOVERNANCE", days(30))
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": days(1)}
    assert code_of(s3.put_object_retention, **version, Retention=shorter) == ("AccessDenied", 403)
    assert code_of(s3.delete_object, **version) == ("AccessDenied", 403)
    s3.put_object_retention(**version, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": days(40)})
    s3.put_object_retention(**version, Retention=shorter, BypassGovernanceRetention=True)
    s3.delete_object(**version, BypassGovernanceRetention=True)
    assert code_of(s3.get_object, **version) == ("NoSuchVersion", 404)


def test_a_legal_hold_holds_until_it_is_lifted(s3: Any) -> None:
    name = bucket(s3)
    version = {
        "Bucket": name,
        "Key": "k",
        "VersionId": s3.put_object(Bucket=name, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")["VersionId"],
    }
    assert s3.get_object_legal_hold(**version)["LegalHold"]["Status"] == "ON"
    assert code_of(s3.delete_object, **version, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    s3.delete_object(**version)


def test_an_object_without_a_lock_says_so(s3: Any) -> None:
    name = bucket(s3)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    for call in (s3.get_object_retention, s3.get_object_legal_hold):
        assert code_of(call, Bucket=name, Key="k") == ("NoSuchObjectLockConfiguration", 404)
        assert code_of(call, Bucket=name, Key="none") == ("NoSuchKey", 404)
    plain = bucket(s3, lock=False)
    s3.put_object(Bucket=plain, Key="k", Body=b"x")
    assert code_of(s3.put_object_retention, Bucket=plain, Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": days(1)}) == (
        "InvalidRequest",
        400,
    )


def test_the_default_retention_holds_however_an_object_came(s3: Any) -> None:
    name = bucket(s3, "COMPLIANCE")
    put = s3.put_object(Bucket=name, Key="put", Body=b"x")["VersionId"]
    copy = s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "put", "VersionId": put})
    upload = s3.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert copy["CopyObjectResult"]["ETag"]
    for key in ("put", "copy", "parts"):
        head = s3.head_object(Bucket=name, Key=key)
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert days(29) < head["ObjectLockRetainUntilDate"] <= days(30)
        assert code_of(s3.delete_object, Bucket=name, Key=key, VersionId=head["VersionId"]) == ("AccessDenied", 403)


def test_a_multipart_upload_takes_the_lock_it_asked_for(s3: Any) -> None:
    name = bucket(s3, "GOVERNANCE")
    asked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": days(90), "ObjectLockLegalHoldStatus": "ON"}
    upload = s3.create_multipart_upload(Bucket=name, Key="parts", **asked)["UploadId"]
    etag = s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    head = s3.head_object(Bucket=name, Key="parts")
    assert {key: head[key] for key in asked} == asked


def test_locked_versions_survive_a_delete_of_many(s3: Any) -> None:
    name = bucket(s3)
    locked = put_locked(s3, name, "COMPLIANCE", days(30))["VersionId"]
    free = s3.put_object(Bucket=name, Key="free", Body=b"x")["VersionId"]
    answer = s3.delete_objects(
        Bucket=name, Delete={"Objects": [{"Key": "evidence", "VersionId": locked}, {"Key": "free", "VersionId": free}]}
    )
    assert [(error["Key"], error["VersionId"], error["Code"]) for error in answer["Errors"]] == [("evidence", locked, "AccessDenied")]
    assert [(deleted["Key"], deleted["VersionId"]) for deleted in answer["Deleted"]] == [("free", free)]
    marker = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "evidence"}]})["Deleted"][0]
    assert marker["DeleteMarker"] and marker["DeleteMarkerVersionId"]
    assert s3.get_object(Bucket=name, Key="evidence", VersionId=locked)["Body"].read() == b"e"
    assert code_of(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)


def test_locks_are_refused_where_they_make_no_sense(s3: Any) -> None:
    name = bucket(s3)
    put = {"Bucket": name, "Key": "k", "Body": b"x"}
    assert code_of(s3.put_object, **put, ObjectLockMode="COMPLIANCE") == ("InvalidArgument", 400)
    assert code_of(s3.put_object, **put, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=days(-1)) == ("InvalidArgument", 400)
    assert code_of(
        s3.put_object, **{**put, "Bucket": bucket(s3, lock=False)}, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=days(1)
    ) == ("InvalidRequest", 400)


def test_versioning_of_a_bucket_with_object_lock_cannot_be_suspended(s3: Any) -> None:
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    assert code_of(s3.put_bucket_versioning, Bucket=bucket(s3), **suspended) == ("InvalidBucketState", 409)
    plain = bucket(s3, lock=False)
    rule = {"ObjectLockEnabled": "Enabled"}
    assert code_of(s3.put_object_lock_configuration, Bucket=plain, ObjectLockConfiguration=rule) == ("InvalidBucketState", 409)


def test_the_default_retention_of_a_bucket_in_use_can_be_changed(s3: Any) -> None:
    name = bucket(s3, "GOVERNANCE")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}}
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    assert s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"] == rule
