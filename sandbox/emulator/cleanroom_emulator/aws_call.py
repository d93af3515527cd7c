"""Who calls what: the AWS call in an HTTP request, read from its signature, form, target header or path."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.ec2.models import ec2_backends
from moto.iam.models import get_account_id_from, iam_backends
from moto.sts.models import sts_backends

from .settings import DEFAULT_REGION

# The body is read only where it names the action or the resource; object bodies stay a stream.
READABLE_TYPES = ("application/x-www-form-urlencoded", "application/x-amz-json")
CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
UNSIGNED_SERVICES = {"AssumeRoleWithWebIdentity": "sts", "AssumeRoleWithSAML": "sts"}
# Request members that name the resource a call is about, in order of preference.
RESOURCE_MEMBERS = (
    "VolumeId", "SnapshotId", "SourceSnapshotId", "NetworkInterfaceId", "VpcEndpointId", "GroupId", "NetworkAclId",
    "RouteTableId", "InternetGatewayId", "FlowLogId", "InstanceId", "InstanceIds", "InstanceSpecification.InstanceId",
    "ResourceId", "SubnetId", "VpcId", "ImageId", "AllocationId", "AssociationId", "TargetGroupArn",
    "FirewallRuleGroupAssociationId", "FirewallRuleGroupId", "FirewallDomainListId",
    "LoadBalancerName", "LoadBalancerArn", "AutoScalingGroupName", "RoleName", "InstanceProfileName", "UserName",
    "PolicyArn", "RoleArn", "KeyId", "AliasName", "QueueUrl", "QueueName", "TopicArn", "CommandId", "Name",
)  # fmt: skip


@dataclass
class AwsCall:
    """One AWS call. `service` is the signing name (`ec2`, `elasticloadbalancing`, …)."""

    service: str
    action: str
    region: str
    account: str
    principal: str
    access_key: str = ""
    params: dict[str, Any] = field(default_factory=dict, repr=False)
    path_params: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def resource(self) -> str | None:
        """The main resource's id, name or ARN, where the request names one."""
        if bucket := self.path_params.get("Bucket"):
            key = self.path_params.get("Key")
            return f"{bucket}/{key}" if key else str(bucket)
        for name in RESOURCE_MEMBERS:
            for candidate in (name, f"{name}.1", f"{name}.member.1", f"{name.removesuffix('s')}.1"):
                value = self.path_params.get(candidate) or self.params.get(candidate)
                if isinstance(value, list):
                    value = value[0] if value else None
                if isinstance(value, str) and value:
                    return value
        return None

    def names(self, value: str) -> bool:
        """Whether this is the value of a member of the request, at any depth, its resource, or a tag's value on that."""
        return value == self.resource or value in _values([self.params, self.path_params, self._tags()])

    def _tags(self) -> dict[str, str]:
        if self.service != "ec2" or self.resource is None:
            return {}
        return ec2_backends[self.account][self.region].tags.get(self.resource, {}).copy()


def _values(member: Any) -> Iterator[str]:
    if isinstance(member, (dict, list)):
        for inner in member.values() if isinstance(member, dict) else member:
            yield from _values(inner)
    elif member is not None:
        yield str(member)


def identify(environ: dict[str, Any]) -> AwsCall:
    """Reads the call in a WSGI request; leaves the request's body readable."""
    params = _form_or_json(environ)
    signature = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signature is None:
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        signature = CREDENTIAL.search("Credential=" + query.get("X-Amz-Credential", ""))
    # The header first: a JSON request may have a member of its own called Action.
    action = environ.get("HTTP_X_AMZ_TARGET", "").split(".")[-1] or str(params.get("Action", ""))
    service = signature["service"] if signature else UNSIGNED_SERVICES.get(action, "s3")
    region = signature["region"] if signature else DEFAULT_REGION
    access_key = signature["key"] if signature else ""
    path_params: dict[str, Any] = {}
    if not action:
        action, path_params = _rest_action(service, environ)
    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or get_account_id_from(access_key)
    return AwsCall(service, action, region, account, _principal(access_key, account), access_key, params, path_params)


def _form_or_json(environ: dict[str, Any]) -> dict[str, Any]:
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type.startswith(READABLE_TYPES):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        text = body.decode("utf-8", "replace")
        if content_type.startswith(READABLE_TYPES[0]):
            return dict(parse_qsl(text, keep_blank_values=True))
        try:
            parsed = json.loads(text or "{}")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def _rest_action(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    # Routing must not consume the body, so the look-up sees a copy without one.
    without_body = {**environ, "wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
    try:
        operation, path_params = get_service_router(service).match(Request(without_body))
    except Exception:  # an unknown service or path has no action; moto answers it
        return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '/')}", {}
    return operation.name, {name[0].upper() + name[1:]: value for name, value in path_params.items()}


def _principal(access_key: str, account: str) -> str:
    """The ARN of the caller's role session or user, or of the account where the key is not known."""
    role = sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)
    if role is not None:
        return role.arn
    for user in iam_backends[account]["aws"].users.copy().values():
        if any(key.access_key_id == access_key for key in user.access_keys):
            return user.arn
    return f"arn:aws:iam::{account}:root"
