"""Bucket policies. S3 User Guide, "Policies and permissions in Amazon S3", "Amazon S3 condition key examples"."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"


@pytest.fixture(scope="module")
def s3(emulator: Any) -> Any:
    return emulator.client("s3")


@pytest.fixture(scope="module")
def key_arn(emulator: Any) -> str:
    return emulator.client("kms").create_key()["KeyMetadata"]["Arn"]


def bucket(s3: Any, *statements: dict[str, Any]) -> str:
    name = f"policy-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if statements:
        text = json.dumps({"Version": "2012-10-17", "Statement": statements}).replace("BUCKET", f"arn:aws:s3:::{name}")
        s3.put_bucket_policy(Bucket=name, Policy=text)
    return name


def deny(actions: Any, condition: dict[str, Any] | None = None, resource: str = "BUCKET/*") -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resource, **({"Condition": condition} if condition else {})}


def role(emulator: Any, name: str, account: str = ACCOUNT) -> dict[str, str]:
    """Credentials of a new role, in this account or another."""
    iam = emulator.client("iam")
    if account != ACCOUNT:
        iam.meta.events.register("before-sign.iam.*", lambda request, **_: request.headers.add_header("x-moto-account-id", account))
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=f"{name}-{uuid.uuid4()}", Path="/cleanroom/", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    return {**emulator.as_role(arn), "Arn": arn}


def test_a_policy_for_tls_only_lets_the_sandbox_in(s3: Any) -> None:
    name = bucket(
        s3, deny("s3:*", {"Bool": {"aws:SecureTransport": "false"}}), deny("s3:*", {"Bool": {"aws:SecureTransport": "false"}}, "BUCKET")
    )
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_only_the_named_key_may_encrypt(s3: Any, key_arn: str, refused: Any) -> None:
    name = bucket(
        s3,
        deny("s3:PutObject", {"Null": {"s3:x-amz-server-side-encryption": "true"}}),
        deny("s3:PutObject", {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}),
        deny("s3:PutObject", {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn}}),
    )
    put = {"Bucket": name, "Key": "k", "Body": b"x"}
    for wrong in ({}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": str(uuid.uuid4())}):
        with refused("AccessDenied"):
            s3.put_object(**put, **wrong)
    with refused("AccessDenied"):
        s3.create_multipart_upload(Bucket=name, Key="k", ServerSideEncryption="AES256")
    stored = s3.put_object(**put, ServerSideEncryption="aws:kms", SSEKMSKeyId=key_arn.split("/")[1])
    assert stored["SSEKMSKeyId"] == key_arn
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_a_denial_is_of_its_actions_and_resources_only(s3: Any, refused: Any) -> None:
    name = bucket(s3, deny(["s3:DeleteObject", "s3:DeleteObjectVersion"], resource="BUCKET/evidence/*"))
    for key in ("evidence/1", "scratch/1"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    with refused("AccessDenied"):
        s3.delete_object(Bucket=name, Key="evidence/1")
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "evidence/1"}, {"Key": "scratch/1"}]})
    assert ([error["Key"] for error in answer["Errors"]], [deleted["Key"] for deleted in answer["Deleted"]]) == (
        ["evidence/1"],
        ["scratch/1"],
    )
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_the_bypass_of_a_governance_lock_can_be_denied_to_all_but_one_role(emulator: Any, refused: Any) -> None:
    break_glass, responder = role(emulator, "break-glass"), role(emulator, "responder")
    s3 = emulator.client("s3")
    name = f"policy-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}, ObjectLockEnabledForBucket=True)
    statement = deny("s3:BypassGovernanceRetention", {"ArnNotLike": {"aws:PrincipalArn": break_glass["Arn"]}})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}).replace("BUCKET", f"arn:aws:s3:::{name}"))
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01T00:00:00Z"}
    version = s3.put_object(Bucket=name, Key="k", Body=b"x", **lock)["VersionId"]
    with refused("AccessDenied"):
        emulator.client("s3", credentials=responder).delete_object(Bucket=name, Key="k", VersionId=version, BypassGovernanceRetention=True)
    emulator.client("s3", credentials=break_glass).delete_object(Bucket=name, Key="k", VersionId=version, BypassGovernanceRetention=True)


def test_the_buckets_own_settings_can_be_denied_by_role_path(emulator: Any, s3: Any, refused: Any) -> None:
    responder = emulator.client("s3", credentials=role(emulator, "responder"))
    condition = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/cleanroom/*"}}
    name = bucket(s3, deny(["s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:DeleteBucket"], condition, "BUCKET"))
    enabled = {"VersioningConfiguration": {"Status": "Enabled"}}
    for call, more in ((responder.put_bucket_versioning, enabled), (responder.delete_bucket_encryption, {}), (responder.delete_bucket, {})):
        with refused("AccessDenied"):
            call(Bucket=name, **more)
    s3.put_bucket_versioning(Bucket=name, **enabled)


def test_another_account_needs_to_be_allowed(emulator: Any, s3: Any, refused: Any) -> None:
    stranger = role(emulator, "stranger", OTHER_ACCOUNT)
    theirs = emulator.client("s3", credentials=stranger)
    name = bucket(s3)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    with refused("AccessDenied"):
        theirs.get_object(Bucket=name, Key="k")
    allow = {"Effect": "Allow", "Principal": {"AWS": stranger["Arn"]}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    assert theirs.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
    with refused("AccessDenied"):
        theirs.put_object(Bucket=name, Key="k", Body=b"y")


def test_a_bucket_of_another_owner_than_expected_is_refused(s3: Any, refused: Any) -> None:
    name = bucket(s3)
    s3.put_object(Bucket=name, Key="k", Body=b"x", ExpectedBucketOwner=ACCOUNT)
    for call, more in (
        (s3.put_object, {"Key": "k", "Body": b"y"}),
        (s3.get_object, {"Key": "k"}),
        (s3.list_objects_v2, {}),
        (s3.delete_bucket, {}),
    ):
        with refused("AccessDenied"):
            call(Bucket=name, ExpectedBucketOwner=OTHER_ACCOUNT, **more)
    with refused("AccessDenied"):
        s3.copy_object(Bucket=name, Key="c", CopySource={"Bucket": name, "Key": "k"}, ExpectedSourceBucketOwner=OTHER_ACCOUNT)


def test_a_policy_that_is_none_or_public_is_refused(s3: Any, refused: Any) -> None:
    name = bucket(s3)
    with refused("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=name, Policy="not a policy")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    with refused("AccessDenied"):
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [public]}))
