"""What several EC2 corrections need: AWS's errors by code, and look-ups over moto's EC2 state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError


def refuse(code: str, message: str) -> EC2ClientError:
    """An EC2 error (HTTP 400) for `raise`."""
    return EC2ClientError(code, message)


def refuse_several_interfaces(instance_id: str) -> EC2ClientError:
    """What AWS answers to a change of the instance's only interface where it has several."""
    message = f"There are multiple interfaces attached to instance '{instance_id}'."
    return refuse("InvalidInstanceID", f"{message} Please specify an interface ID for the operation instead.")


def groups_in_vpc(backend: Any, group_ids: Iterable[str], vpc_id: str, message: str | None = None) -> list[Any]:
    """The groups with these ids, all in `vpc_id`.

    Raises InvalidGroup.NotFound for an unknown group and InvalidParameter for one of another VPC.
    """
    groups = []
    for group_id in group_ids:
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if group.vpc_id != vpc_id:
            raise refuse("InvalidParameter", message or "You have specified two resources that belong to different networks.")
        groups.append(group)
    return groups


def interfaces_in(
    backend: Any, *, subnet_id: str | None = None, vpc_id: str | None = None, group_id: str | None = None
) -> list[Any]:
    """The network interfaces in a subnet, in a VPC, or with a security group."""
    return [
        interface
        for interface in backend.enis.values()
        if (subnet_id is None or interface.subnet.id == subnet_id)
        and (vpc_id is None or interface.subnet.vpc_id == vpc_id)
        and (group_id is None or group_id in [group.id for group in interface.group_set])
    ]
