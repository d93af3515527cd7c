"""Roles and their sessions. STS API Reference, "AssumeRole"; IAM User Guide, "Methods to assume a role", "Deleting roles"."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

ACCOUNT = "123456789012"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
PERMISSION = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})


@pytest.fixture(scope="module")
def iam(emulator: Any) -> Any:
    return emulator.client("iam")


@pytest.fixture(scope="module")
def sts(emulator: Any) -> Any:
    return emulator.client("sts")


def role(iam: Any, **more: Any) -> Any:
    return iam.create_role(RoleName=f"role-{uuid.uuid4()}", AssumeRolePolicyDocument=TRUST, **more)["Role"]


def test_a_role_that_does_not_exist_cannot_be_assumed(sts: Any, refused: Any) -> None:
    with refused("AccessDenied") as refusal:
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody", RoleSessionName="test")
    assert "sts:AssumeRole on resource" in refusal.message


def test_a_session_acts_in_the_name_of_its_role(emulator: Any, iam: Any, sts: Any) -> None:
    made = role(iam, Path="/cleanroom/")
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{made['RoleName']}/incident-1"
    assumed = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="incident-1")
    identity = emulator.client("sts", credentials=assumed["Credentials"]).get_caller_identity()
    assert (assumed["AssumedRoleUser"]["Arn"], identity["Arn"], identity["Account"]) == (arn, arn, ACCOUNT)
    assert identity["UserId"] == f"{made['RoleId']}:incident-1"
    emulator.client("s3", credentials=assumed["Credentials"]).list_buckets()
    logged = [entry for entry in emulator.control("GET", "calls?since=0") if entry["principal"] == arn]
    assert {entry["action"] for entry in logged} == {"GetCallerIdentity", "ListBuckets"}


def test_an_unknown_key_is_the_accounts_root(sts: Any) -> None:
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_a_session_has_a_proper_name_and_is_no_longer_than_its_role_allows(emulator: Any, iam: Any, sts: Any, refused: Any) -> None:
    long_lived = role(iam, MaxSessionDuration=7200)["Arn"]
    for wrong in ({"RoleSessionName": "has space"}, {"RoleSessionName": "x"}, {"DurationSeconds": 7201}, {"DurationSeconds": 60}):
        with refused("ValidationError"):
            sts.assume_role(**{"RoleArn": long_lived, "RoleSessionName": "test", **wrong})
    session = sts.assume_role(RoleArn=long_lived, RoleSessionName="test", DurationSeconds=7200)["Credentials"]
    chained = emulator.client("sts", credentials=session)
    with refused("ValidationError"):
        chained.assume_role(RoleArn=long_lived, RoleSessionName="test", DurationSeconds=3601)
    chained.assume_role(RoleArn=long_lived, RoleSessionName="test", DurationSeconds=3600)


def test_a_role_or_profile_in_use_cannot_be_deleted(iam: Any, refused: Any) -> None:
    name = role(iam)["RoleName"]
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    for call, named in ((iam.delete_role, {"RoleName": name}), (iam.delete_instance_profile, {"InstanceProfileName": name})):
        with refused("DeleteConflict"):
            call(**named)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=PERMISSION)
    with refused("DeleteConflict"):
        iam.delete_role(RoleName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    iam.delete_role(RoleName=name)


def test_last_accessed_details_name_what_is_granted_and_what_was_used(emulator: Any, iam: Any, sts: Any, refused: Any) -> None:
    made = role(iam)
    statement = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    attached = iam.create_policy(PolicyName=made["RoleName"], PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=made["RoleName"], PolicyArn=attached)
    iam.put_role_policy(RoleName=made["RoleName"], PolicyName="inline", PolicyDocument=PERMISSION)
    credentials = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="test")["Credentials"]
    emulator.client("s3", credentials=credentials).list_buckets()
    details = iam.get_service_last_accessed_details(JobId=iam.generate_service_last_accessed_details(Arn=made["Arn"])["JobId"])
    kms, s3 = details["ServicesLastAccessed"]
    assert (details["JobStatus"], kms["ServiceNamespace"], kms["TotalAuthenticatedEntities"]) == ("COMPLETED", "kms", 0)
    assert (s3["ServiceNamespace"], s3["LastAuthenticatedEntity"], s3["LastAuthenticatedRegion"]) == ("s3", made["Arn"], "eu-central-1")
    assert "LastAuthenticated" not in kms
    with refused("NoSuchEntity"):
        iam.generate_service_last_accessed_details(Arn=f"arn:aws:iam::{ACCOUNT}:role/nobody")


def test_a_service_linked_role_is_changed_by_its_service_only(iam: Any, refused: Any) -> None:
    name = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]["RoleName"]
    for call, request in (
        (iam.put_role_policy, {"PolicyName": "inline", "PolicyDocument": PERMISSION}),
        (iam.delete_role_policy, {"PolicyName": "inline"}),
        (iam.attach_role_policy, {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        (iam.update_assume_role_policy, {"PolicyDocument": TRUST}),
    ):
        with refused("UnmodifiableEntity"):
            call(RoleName=name, **request)
    assert not iam.list_role_policies(RoleName=name)["PolicyNames"]


def test_a_role_keeps_its_id_and_knows_the_profiles_it_is_in(iam: Any, refused: Any) -> None:
    made = role(iam)
    named = {"RoleName": made["RoleName"]}
    for suffix in "ab":
        profile = {"InstanceProfileName": f"{made['RoleName']}-{suffix}"}
        iam.create_instance_profile(**profile)
        iam.add_role_to_instance_profile(**profile, **named)
    iam.put_role_policy(**named, PolicyName="inline", PolicyDocument=PERMISSION)
    assert iam.get_role(**named)["Role"]["RoleId"] == made["RoleId"]
    profiles = iam.list_instance_profiles_for_role(**named)["InstanceProfiles"]
    assert [profile["InstanceProfileName"][-1] for profile in profiles] == ["a", "b"]
    assert {profile["Roles"][0]["RoleId"] for profile in profiles} == {made["RoleId"]}
    with refused("NoSuchEntity"):
        iam.list_instance_profiles_for_role(RoleName="nobody")
