"""The KMS keys EC2 encrypts with, as its volumes and snapshots refer to them."""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends


def key_arn(backend: Any, key: str) -> str:
    """The ARN of a key given by id, alias or ARN; what cannot be resolved is returned as it came."""
    found = _find(backend, key)
    return found.arn if found else key


def default_key_arn(backend: Any) -> str:
    """The account's EBS default key in the region, made when first needed, as AWS does."""
    return backend.default_kms_key_id or backend._create_default_encryption_key()


def is_aws_managed(backend: Any, arn: str | None) -> bool:
    """Whether this is the AWS managed key `aws/ebs`, whose policy cannot be changed."""
    kms = kms_backends[backend.account_id][backend.region_name]
    return bool(arn) and kms.alias_exists("alias/aws/ebs") and _find(backend, "alias/aws/ebs").arn == arn


def is_usable(backend: Any, arn: str | None) -> bool:
    """Whether EBS can encrypt with the key: it exists and is enabled. No key is no obstacle."""
    if not arn:
        return True
    found = _find(backend, arn)
    return found is not None and found.key_state == "Enabled"


def _find(backend: Any, key: str) -> Any:
    account, region = backend.account_id, backend.region_name
    if key.startswith("arn:"):
        _, _, _, region, account, _ = key.split(":", 5)
    if region != backend.region_name:
        return None
    kms = kms_backends[account][region]
    try:
        return kms.describe_key(key)
    except Exception:  # moto raises one of several errors for what does not exist
        return None
