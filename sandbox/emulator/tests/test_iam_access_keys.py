"""Access keys and their owners. IAM User Guide, "Update access keys"; IAM API Reference, "GetAccessKeyLastUsed"."""

from __future__ import annotations

import uuid
from typing import Any

import pytest


@pytest.fixture(scope="module")
def iam(emulator: Any) -> Any:
    return emulator.client("iam")


@pytest.fixture
def key(iam: Any) -> Any:
    name = f"user-{uuid.uuid4()}"
    iam.create_user(UserName=name)
    return iam.create_access_key(UserName=name)["AccessKey"]


def test_a_key_is_found_by_its_id_whether_it_was_used_or_not(emulator: Any, iam: Any, key: Any) -> None:
    unused = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert unused["UserName"] == key["UserName"]
    assert unused["AccessKeyLastUsed"] == {"Region": "N/A", "ServiceName": "N/A"}
    emulator.client("ec2", credentials={**key, "SessionToken": None}).describe_vpcs()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("ec2", "eu-central-1") and used["LastUsedDate"]


def test_a_key_of_nobody_in_the_account_tells_nothing(iam: Any, refused: Any) -> None:
    with refused("AccessDenied"):
        iam.get_access_key_last_used(AccessKeyId="AKIAABCDEFGHIJKLMNOP")
    with refused("NoSuchEntity"):
        iam.list_access_keys(UserName="nobody")


def test_an_inactive_key_opens_nothing_until_it_is_active_again(emulator: Any, iam: Any, key: Any, refused: Any) -> None:
    named = {"UserName": key["UserName"], "AccessKeyId": key["AccessKeyId"]}
    calls = {
        "ec2": ("AuthFailure", lambda client: client.describe_vpcs()),
        "s3": ("InvalidAccessKeyId", lambda client: client.list_buckets()),
        "iam": ("InvalidClientTokenId", lambda client: client.list_roles()),
        "sts": ("InvalidClientTokenId", lambda client: client.get_caller_identity()),
        "ssm": ("UnrecognizedClientException", lambda client: client.describe_parameters()),
    }

    def signed(service: str) -> Any:
        return emulator.client(service, credentials={**key, "SessionToken": None})

    iam.update_access_key(**named, Status="Inactive")
    assert [known["Status"] for known in iam.list_access_keys(UserName=key["UserName"])["AccessKeyMetadata"]] == ["Inactive"]
    for service, (code, call) in calls.items():
        with refused(code):
            call(signed(service))
    iam.update_access_key(**named, Status="Active")
    for service, (_, call) in calls.items():
        call(signed(service))


def test_a_key_is_switched_only_to_what_it_can_be_and_only_in_its_owners_name(iam: Any, key: Any, refused: Any) -> None:
    with refused("ValidationError"):
        iam.update_access_key(UserName=key["UserName"], AccessKeyId=key["AccessKeyId"], Status="Off")
    with refused("NoSuchEntity"):
        iam.update_access_key(UserName=key["UserName"], AccessKeyId="AKIAABCDEFGHIJKLMNOP", Status="Inactive")
    [known] = iam.list_access_keys(UserName=key["UserName"])["AccessKeyMetadata"]
    assert known["Status"] == "Active"
