"""GetResources finds every kind of resource that the sandbox's stacks tag.

moto leaves out VPC endpoints, network ACLs, launch templates, DHCP options, elastic addresses, instance profiles and policies,
and keeps naming what is gone. AWS: Resource Groups Tagging API Reference, "GetResources", "Services that support the Resource
Groups Tagging API" (which does not have IAM's roles and users).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import moto.resourcegroupstaggingapi.models
from moto.core.resource_tagging import TaggedResource, iter_taggable_backends
from moto.ec2.models import EC2Backend
from moto.iam.models import iam_backends

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

# Resource types that moto spells in its own way.
TYPES = {"ec2:flow-logs": "ec2:vpc-flow-log"}
GONE = {"terminated", "deleted"}
US_EAST_1 = "us-east-1"


@amendments.method(EC2Backend, "iter_tagged_resources")
def ec2_resources(original: Any, self: EC2Backend) -> Iterator[TaggedResource]:
    gone = {
        instance.id
        for reservation in list(self.reservations.values())
        for instance in reservation.instances
        if instance.state == "terminated"
    }
    for resource in original(self):
        resource_id = resource.arn.rpartition("/")[2]
        if resource_id in gone:
            continue
        kind = TYPES.get(resource.resource_type)
        if kind:
            resource = TaggedResource(
                resource.arn.replace(f":{resource.resource_type[4:]}/", f":{kind[4:]}/"), resource.tags, kind, resource.extra
            )
        yield resource
    left_out = {
        "vpc-endpoint": [endpoint for endpoint in list(self.vpc_end_points.values()) if endpoint.state not in GONE],
        "network-acl": list(self.network_acls.values()),
        "launch-template": list(self.launch_templates.values()),
        "dhcp-options": list(self.dhcp_options_sets.values()),
        "elastic-ip": list(self.addresses),
    }
    for kind, resources in left_out.items():
        for resource in resources:
            identifier = getattr(resource, "allocation_id", None) or resource.id
            arn = f"arn:{self.partition}:ec2:{self.region_name}:{self.account_id}:{kind}/{identifier}"
            yield TaggedResource(arn, dict(self.tags.get(identifier, {})), f"ec2:{kind}")


class IamResources:
    """Instance profiles and policies: IAM is global, and its tags are found in us-east-1."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def owns_arn(self, arn: str) -> bool:
        return False

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        kinds = {"instance-profile": self._backend.instance_profiles, "policy": self._backend.managed_policies}
        for kind, resources in kinds.items():
            for resource in list(resources.values()):
                yield TaggedResource(resource.arn, _tags(resource.tags), f"iam:{kind}")


def taggable_backends(account_id: str, region_name: str) -> Iterator[Any]:
    yield from iter_taggable_backends(account_id, region_name)
    if region_name == US_EAST_1:
        yield IamResources(iam_backends[account_id]["aws"])


amendments.attribute(moto.resourcegroupstaggingapi.models, "iter_taggable_backends", taggable_backends)  # type: ignore[arg-type]


def _tags(tags: Any) -> dict[str, str]:
    """moto keeps IAM tags as a list of pairs or as a dictionary of them."""
    pairs = tags.values() if isinstance(tags, dict) else tags or []
    return {pair["Key"]: pair["Value"] for pair in pairs if isinstance(pair, dict)}
