"""SSM documents and parameters. Systems Manager API Reference, "CreateDocument", "DescribeDocument", "PutParameter"."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "eu-central-1"

CONTENT = {
    "schemaVersion": "2.2",
    "parameters": {"Name": {"type": "String", "default": "x"}},
    "mainSteps": [{"action": "aws:runShellScript", "name": "only", "inputs": {"runCommand": ["echo {{ Name }}"]}}],
}


@pytest.fixture(scope="module")
def ssm(emulator: Any) -> Any:
    return emulator.client("ssm")


def make(ssm: Any, content: Any = None, **more: Any) -> str:
    name = f"doc-{uuid.uuid4()}"
    ssm.create_document(Name=name, DocumentType="Command", Content=json.dumps(content or CONTENT), **more)
    return name


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(*args, **kwargs)
    return raised.value.response["Error"]["Code"]


def test_a_document_is_described_with_its_hash_and_platforms(ssm: Any) -> None:
    name = make(ssm, Tags=[{"Key": "cleanroom:managed", "Value": "true"}])
    found = ssm.describe_document(Name=name)["Document"]
    assert (found["Status"], found["PlatformTypes"], found["DefaultVersion"]) == ("Active", ["Linux", "MacOS"], "1")
    assert found["Hash"] == hashlib.sha256(json.dumps(CONTENT).encode()).hexdigest()
    assert found["Tags"] == [{"Key": "cleanroom:managed", "Value": "true"}]
    assert json.loads(ssm.get_document(Name=name)["Content"]) == CONTENT
    listed = ssm.list_documents(Filters=[{"Key": "Name", "Values": [name]}, {"Key": "tag:cleanroom:managed", "Values": ["true"]}])
    assert [document["Name"] for document in listed["DocumentIdentifiers"]] == [name]


def test_a_new_version_becomes_the_default_only_when_told(ssm: Any) -> None:
    name = make(ssm)
    newer = {**CONTENT, "description": "newer"}
    ssm.update_document(Name=name, Content=json.dumps(newer), DocumentVersion="$LATEST")
    assert json.loads(ssm.get_document(Name=name)["Content"]) == CONTENT
    ssm.update_document_default_version(Name=name, DocumentVersion="2")
    assert json.loads(ssm.get_document(Name=name)["Content"]) == newer
    assert code_of(ssm.update_document, Name=name, Content=json.dumps(newer), DocumentVersion="$LATEST") == "DuplicateDocumentContent"


def test_a_document_that_exists_or_breaks_its_schema_is_refused(ssm: Any) -> None:
    name = make(ssm)
    assert code_of(ssm.create_document, Name=name, DocumentType="Command", Content=json.dumps(CONTENT)) == "DocumentAlreadyExists"
    step = CONTENT["mainSteps"][0]
    for broken in (
        {**CONTENT, "schemaVersion": "9"},
        {**CONTENT, "mainSteps": []},
        {**CONTENT, "mainSteps": [step, step]},
        {**CONTENT, "parameters": {"Name": {"type": "Text"}}},
        {**CONTENT, "parameters": {"Name": {"type": "String", "allowedPattern": "("}}},
    ):
        assert code_of(make, ssm, broken) == "InvalidDocumentContent"
    assert code_of(make, ssm, {**CONTENT, "description": "x" * 65_536}) == "MaxDocumentSizeExceeded"
    assert code_of(ssm.describe_document, Name="no-such-document") == "InvalidDocument"


def test_amazons_document_can_be_read_and_not_deleted(ssm: Any) -> None:
    found = ssm.describe_document(Name="AWS-RunShellScript")["Document"]
    assert (found["Owner"], [parameter["Name"] for parameter in found["Parameters"]]) == (
        "Amazon",
        ["commands", "workingDirectory", "executionTimeout"],
    )
    assert code_of(ssm.delete_document, Name="AWS-RunShellScript") == "InvalidDocument"


def test_a_document_is_seen_by_the_accounts_it_is_shared_with(emulator: Any, ssm: Any) -> None:
    name = make(ssm)
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/{name}"
    other = emulator.client("ssm")
    other.meta.events.register("before-sign.ssm.*", lambda request, **_: request.headers.add_header("x-moto-account-id", "222222222222"))
    assert code_of(other.describe_document, Name=arn) == "InvalidDocument"
    ssm.modify_document_permission(Name=name, PermissionType="Share", AccountIdsToAdd=["222222222222"])
    assert other.describe_document(Name=arn)["Document"]["Owner"] == ACCOUNT
    assert code_of(ssm.delete_document, Name=name) == "InvalidDocumentOperation"


def test_parameters_keep_versions_and_refuse_a_silent_overwrite(ssm: Any) -> None:
    name = f"/cleanroom/{uuid.uuid4()}"
    ssm.put_parameter(Name=name, Type="String", Value="one", Tags=[{"Key": "a", "Value": "b"}])
    assert code_of(ssm.put_parameter, Name=name, Type="String", Value="two") == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name=name, Type="String", Value="two", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"] == "one"
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "two"
    assert code_of(ssm.get_parameter, Name=f"{name}:9") == "ParameterVersionNotFound"
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"] == [{"Key": "a", "Value": "b"}]
    secret = f"{name}/secret"
    ssm.put_parameter(Name=secret, Type="SecureString", Value="hush")
    assert ssm.get_parameter(Name=secret)["Parameter"]["Value"] != "hush"
    assert ssm.get_parameter(Name=secret, WithDecryption=True)["Parameter"]["Value"] == "hush"


def test_the_newest_amazon_linux_image_is_a_public_parameter(ssm: Any) -> None:
    found = ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]
    assert found["Value"].startswith("ami-")
