"""A bucket policy's Deny holds for the calls it describes, with its conditions; other accounts need an Allow.

moto ignores conditions and principals, so that the usual TLS-only policy refuses everything, and ignores ExpectedBucketOwner.
AWS: S3 User Guide, "Policies and permissions in Amazon S3", "Amazon S3 condition key examples", "Verifying bucket ownership".
"""

from __future__ import annotations

import re
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.kms.models import kms_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, s3_backends
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

from .. import policies
from ..amendments import Amendments
from ..callers import Caller, caller_of
from ..s3_requests import operation_of, refuse

amendments = Amendments()
apply = amendments.apply

# Operations whose action has another name; all others are `s3:` and their own name.
ACTIONS = {
    "HeadBucket": "ListBucket", "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads", "ListParts": "ListMultipartUploadParts", "HeadObject": "GetObject",
    "CopyObject": "PutObject", "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject", "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration", "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration", "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration", "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock", "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls", "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration", "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketCors": "GetBucketCORS", "PutBucketCors": "PutBucketCORS", "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging", "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification", "DeleteBucketWebsite": "DeleteBucketWebsite",
}  # fmt: skip
VERSIONED_ACTIONS = {
    "GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion", "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging", "GetObjectAcl": "GetObjectVersionAcl",
}  # fmt: skip
# Headers that need an action of their own.
HEADER_ACTIONS = {
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-acl": "PutObjectAcl",
}
WRITES = {"PutObject", "CopyObject", "CreateMultipartUpload"}
CONTEXT_HEADERS = {
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-acl": "s3:x-amz-acl",
    "x-amz-storage-class": "s3:x-amz-storage-class",
    "x-amz-content-sha256": "s3:x-amz-content-sha256",
    "x-amz-copy-source": "s3:x-amz-copy-source",
    "x-amz-metadata-directive": "s3:x-amz-metadata-directive",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
}
CONTEXT_QUERY = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "versionId": "s3:VersionId"}
KMS_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
CREDENTIAL = re.compile(r"^([^/]+)/")


@amendments.add(FakeBucket)
def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """moto's own reading of the policy, which knows no conditions, is left out."""
    return PermissionResult.NEUTRAL


@amendments.method(S3Response, "_key_response")
def key_response(original: Any, self: S3Response, request: Any, full_url: str) -> Any:
    authorise(self, self.parse_key_name())
    return original(self, request, full_url)


@amendments.method(S3Response, "_bucket_response")
def bucket_response(original: Any, self: S3Response, request: Any, full_url: str) -> Any:
    if self.bucket_name in s3_backends.bucket_accounts:
        authorise(self, None)
    return original(self, request, full_url)


@amendments.method(S3Response, "_bucket_response_put")
def bucket_response_put(original: Any, self: S3Response, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
    if "policy" in querystring:
        try:
            policies.parse(self.body)
        except policies.InvalidPolicy as error:
            raise refuse("MalformedPolicy", str(error)) from error
        block = self.backend.get_bucket(bucket_name).public_access_block
        if block and block.block_public_policy and bucket_policy_is_public(self.body):
            raise refuse("AccessDenied", "The bucket policy is public, and public policies are blocked by the BlockPublicPolicy setting.")
    return original(self, request, bucket_name, querystring)


def authorise(self: S3Response, key_name: str | None) -> None:
    """Refuses the request when its bucket belongs to another than was expected, or when a policy does."""
    operation = operation_of(self)
    bucket = _bucket(self.bucket_name)
    if bucket is None or operation in ("", "CreateBucket"):
        return
    expected = self.headers.get("x-amz-expected-bucket-owner")
    if expected and expected != bucket.account_id:
        raise _denied(operation, bucket)
    caller = _caller(self)
    for action in _actions(self, operation):
        resource = f"{bucket.arn}/{key_name}" if key_name else bucket.arn
        check(self, caller, bucket, action, resource)
    if source := self.headers.get("x-amz-copy-source"):
        _authorise_source(self, caller, source)


def check(self: S3Response, caller: Caller, bucket: FakeBucket, action: str, resource: str) -> None:
    """Refuses what the bucket's policy denies, and what another account may not do without being allowed."""
    statements = policies.parse(bucket.policy) if bucket.policy else []
    request = policies.PolicyRequest(f"s3:{action}", resource, caller.names, {**caller.context, **_context(self)})
    if policies.is_denied(statements, request) or (caller.account != bucket.account_id and not policies.is_allowed(statements, request)):
        raise _denied(action, bucket)


def _authorise_source(self: S3Response, caller: Caller, source: str) -> None:
    path, _, query = source.partition("?versionId=")
    bucket_name, _, key_name = path.lstrip("/").partition("/")
    bucket = _bucket(bucket_name)
    if bucket is None:
        return
    expected = self.headers.get("x-amz-source-expected-bucket-owner")
    if expected and expected != bucket.account_id:
        raise _denied("GetObject", bucket)
    check(self, caller, bucket, "GetObjectVersion" if query else "GetObject", f"{bucket.arn}/{key_name}")


def _actions(self: S3Response, operation: str) -> list[str]:
    if operation == "DeleteObjects":  # each object is checked on its own
        return []
    action = ACTIONS.get(operation, operation)
    if "versionId" in self.querystring:
        action = VERSIONED_ACTIONS.get(action, action)
    actions = [action]
    if operation in WRITES:
        actions += sorted({extra for header, extra in HEADER_ACTIONS.items() if header in self.headers})
    if self.headers.get("x-amz-bypass-governance-retention", "").lower() == "true":
        actions.append("BypassGovernanceRetention")
    return actions


def _context(self: S3Response) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {"aws:RequestedRegion": self.region or "us-east-1", "s3:signatureversion": "AWS4-HMAC-SHA256"}
    context |= {key: self.headers[header] for header, key in CONTEXT_HEADERS.items() if header in self.headers}
    context |= {key: self.querystring[name][0] for name, key in CONTEXT_QUERY.items() if name in self.querystring}
    if key := self.headers.get(KMS_HEADER):
        context[f"s3:{KMS_HEADER}"] = _key_arn(self, key)
    return context


def _key_arn(self: S3Response, key: str) -> str:
    """Policies compare a key's ARN, however the request names it."""
    if key.startswith("arn:") and ":alias/" not in key:
        return key
    kms = kms_backends[self.current_account][self.region]
    found = kms.keys.get(kms.any_id_to_key_id(key))
    return found.arn if found else key


def _bucket(name: str | None) -> FakeBucket | None:
    if name not in s3_backends.bucket_accounts:
        return None
    partition, account = s3_backends.bucket_accounts[name]
    return s3_backends[account][partition].buckets.get(name)


def _caller(self: S3Response) -> Caller:
    access_key, account = self.access_key, self.current_account
    presigned = CREDENTIAL.match(self.querystring.get("X-Amz-Credential", [""])[0])
    if presigned:
        from moto.iam.models import get_account_id_from

        access_key = presigned.group(1)
        account = get_account_id_from(access_key)
    return caller_of(access_key, account)


def _denied(action: str, bucket: FakeBucket) -> S3ClientError:
    return refuse("AccessDenied", f"Access Denied: {action} on {bucket.arn}")
