"""Command documents are checked when they are made, say what they run on, and Amazon's own are there.

moto takes any content, names no platform, has no AWS-RunShellScript and ignores filters it does not know. AWS:
Systems Manager API Reference, "CreateDocument", "DescribeDocument", "ListDocuments"; User Guide, "Sharing SSM documents".
"""

from __future__ import annotations

import json
from typing import Any

from moto.ssm.exceptions import InvalidDocument, InvalidDocumentContent, InvalidFilterKey, SSMException
from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend, ssm_backends

from .. import command_documents as schema
from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

FILTER_KEYS = {"Name", "Owner", "PlatformTypes", "DocumentType", "TargetType"}
AMAZON_CONTENT = {"AWS-RunShellScript": schema.AWS_RUN_SHELL_SCRIPT}


@amendments.method(Document, "__init__")
def new_document(original: Any, self: Document, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    if self.document_type != "Command":
        return
    if len(self.content.encode()) > schema.MAXIMUM_BYTES:
        raise SSMException("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    try:
        schema.check_content(self.content_json)
    except schema.InvalidContent as error:
        raise InvalidDocumentContent(str(error)) from error
    self.platform_types = schema.platform_types(self.content_json)


@amendments.method(SimpleSystemManagerBackend, "_get_documents")
def get_documents(original: Any, self: SimpleSystemManagerBackend, name: str) -> Documents:
    """By name in this account, by ARN also one that another account shares, by name also Amazon's own."""
    if name in AMAZON_CONTENT:
        return _amazon_document(name)
    if not name.startswith("arn:"):
        return original(self, name)
    _, _, _, region, owner, resource = name.split(":", 5)
    shared_name = resource.removeprefix("document/")
    if owner == self.account_id and region == self.region_name:
        return original(self, shared_name)
    documents = ssm_backends[owner][region]._documents.get(shared_name) if region == self.region_name else None
    if documents is None or not {self.account_id, "all"} & set(documents.permissions):
        raise InvalidDocument("The specified document does not exist.")
    return documents


@amendments.method(SimpleSystemManagerBackend, "delete_document")
def delete_document(original: Any, self: SimpleSystemManagerBackend, name: str, *args: Any, **kwargs: Any) -> None:
    if name in AMAZON_CONTENT:
        raise InvalidDocument(f"You can't delete the document {name}: it is Amazon's.")
    original(self, name, *args, **kwargs)


@amendments.method(SimpleSystemManagerBackend, "list_documents")
def list_documents(
    original: Any, self: SimpleSystemManagerBackend, document_filter_list: Any, filters: Any, *args: Any, **kwargs: Any
) -> Any:
    filters = filters or []
    for given in filters:
        if given["Key"] not in FILTER_KEYS and not given["Key"].startswith("tag:"):
            raise InvalidFilterKey(f"The filter key {given['Key']} is not valid.")
    tags = [given for given in filters if given["Key"].startswith("tag:")]
    found, token = original(self, document_filter_list, [given for given in filters if given not in tags], *args, **kwargs)
    return [document for document in found if all(_has_tag(document, given) for given in tags)], token


def _has_tag(document: dict[str, Any], given: dict[str, Any]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}
    return tags.get(given["Key"].removeprefix("tag:")) in given["Values"]


def _amazon_document(name: str) -> Documents:
    document = Document(
        account_id="Amazon",
        name=name,
        version_name="",
        content=json.dumps(AMAZON_CONTENT[name]),
        document_type="Command",
        document_format="JSON",
        requires=[],
        attachments=[],
        target_type="",
    )
    return Documents(document)
