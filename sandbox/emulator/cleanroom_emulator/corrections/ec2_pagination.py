"""Describe calls answer in pages of MaxResults, with a NextToken.

moto answers everything at once. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination
"""

from __future__ import annotations

import base64
import binascii
import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import get_pagination_model
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.responses.instances import InstanceResponse

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

# Calls with a smallest page of 5 and a largest of 1,000, and the ids that cannot be asked for together with a page size.
BOUNDED_PAGES = {
    "DescribeInstances": "InstanceIds",
    "DescribeNetworkInterfaces": "NetworkInterfaceIds",
    "DescribeSecurityGroups": None,
    "DescribeSnapshots": None,
    "DescribeVolumes": "VolumeIds",
}


@amendments.add(InstanceResponse)
def describe_instances(self: InstanceResponse) -> ActionResult:
    """moto's own pages of 100 reservations give way to the pages made below."""
    filters, instance_ids = self._filters_from_querystring(), self._get_param("InstanceIds", [])
    if instance_ids:
        reservations = self.ec2_backend.get_reservations_by_instance_ids(instance_ids, filters=filters)
    else:
        reservations = self.ec2_backend.describe_instances(filters=filters)
    return ActionResult({"Reservations": reservations})


@amendments.method(EC2BaseResponse, "serialized")
def serialized(original: Any, self: EC2BaseResponse, action_result: ActionResult) -> Any:
    paging = get_pagination_model("ec2").get(self._get_action())
    result = action_result.result
    if paging is None or not isinstance(result, dict) or "NextToken" in result:
        return original(self, action_result)
    try:
        page = _page(self, str(paging["result_key"]), result)
    except Exception as error:  # answered like any other refusal of the action
        if not hasattr(error, "code"):
            raise
        return original(self, ActionResult(error))
    return original(self, ActionResult(page))


def _page(response: EC2BaseResponse, key: str, result: dict[str, Any]) -> dict[str, Any]:
    size, token = response._get_int_param("MaxResults"), response._get_param("NextToken")
    if size is None and token is None:
        return result
    _check(response, size)
    # A page of DescribeInstances is counted in instances, not in reservations.
    items = _single_instances(result[key]) if key == "Reservations" else list(result[key])
    start = _offset(token) if token else 0
    end = len(items) if size is None else start + size
    page = items[start:end]
    next_token = base64.b64encode(f"offset={end}".encode()).decode() if end < len(items) else None
    return {**result, key: _reservations(page) if key == "Reservations" else page, "NextToken": next_token}


def _check(response: EC2BaseResponse, size: int | None) -> None:
    action = response._get_action()
    if action not in BOUNDED_PAGES or size is None:
        return
    if not 5 <= size <= 1000:
        raise refuse(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    ids = BOUNDED_PAGES[action]
    if ids and response._get_param(ids):
        raise refuse("InvalidParameterCombination", f"The parameter {ids} cannot be used with the parameter maxResults")


def _offset(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("offset="))
    except (binascii.Error, ValueError):
        raise refuse("InvalidNextToken", "The token is not valid.") from None


def _single_instances(reservations: list[Any]) -> list[tuple[Any, Any]]:
    return [(reservation, instance) for reservation in reservations for instance in reservation.instances]


def _reservations(page: list[tuple[Any, Any]]) -> list[Any]:
    by_id: dict[str, Any] = {}
    for reservation, instance in page:
        if reservation.id not in by_id:
            by_id[reservation.id] = copy.copy(reservation)
            by_id[reservation.id].instances = []
        by_id[reservation.id].instances.append(instance)
    return list(by_id.values())
