"""Who makes a call, with the names a policy may know it by and the condition keys it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from .machines import find_instance

PARTITION = "aws"


@dataclass(frozen=True)
class Caller:
    """`names` are what a policy's Principal may say: session, role or user, account."""

    account: str
    arn: str
    names: frozenset[str]
    context: dict[str, str | list[str]]


def caller_of(access_key: str, account: str) -> Caller:
    """The role session or user the key belongs to; the account's root where the key is not known."""
    root = f"arn:{PARTITION}:iam::{account}:root"
    session = sts_backends[account][PARTITION].get_assumed_role_from_access_key(access_key)
    if session is not None:
        return _caller(account, root, session.arn, session.role_arn, _network(session))
    user = iam_backends[account][PARTITION].get_user_from_access_key_id(access_key)
    arn = user.arn if user else root
    return _caller(account, root, arn, arn, {})


def _caller(account: str, root: str, arn: str, principal_arn: str, network: dict[str, str | list[str]]) -> Caller:
    context: dict[str, str | list[str]] = {
        "aws:PrincipalArn": principal_arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": "AssumedRole" if ":assumed-role/" in arn else "User" if ":user/" in arn else "Account",
        # The sandbox's own loopback stands for TLS, so that policies which demand it can be used as they are.
        "aws:SecureTransport": "true",
        **network,
    }
    return Caller(account, arn, frozenset({arn, principal_arn, account, root}), context)


def _network(session: Any) -> dict[str, str | list[str]]:
    """VPC and S3 endpoint that a machine's call comes through: its session is named after the instance."""
    instance = find_instance(session.account_id, session.region_name, session.session_name)
    if instance is None:
        return {}
    endpoints = ec2_backends[session.account_id][session.region_name].vpc_end_points.copy().values()
    through = [
        endpoint.id
        for endpoint in endpoints
        if endpoint.vpc_id == instance.vpc_id and endpoint.service_name.endswith(".s3") and endpoint.state == "available"
    ]
    return {"aws:SourceVpc": instance.vpc_id, "aws:SourceVpce": through[0]} if through else {}
