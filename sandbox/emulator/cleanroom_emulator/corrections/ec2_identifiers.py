"""An id that cannot be one is malformed, not unknown.

moto answers NotFound for both. AWS: Invalid…ID.Malformed in
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses._base_response import EC2BaseResponse

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

# Request member, prefix, code. A well-formed id has 8 or 17 hexadecimal digits.
IDENTIFIERS = {
    "InstanceId": ("i", "InvalidInstanceID.Malformed"),
    "InstanceIds": ("i", "InvalidInstanceID.Malformed"),
    "NetworkInterfaceId": ("eni", "InvalidNetworkInterfaceId.Malformed"),
    "NetworkInterfaceIds": ("eni", "InvalidNetworkInterfaceId.Malformed"),
    "SnapshotId": ("snap", "InvalidSnapshotID.Malformed"),
    "SnapshotIds": ("snap", "InvalidSnapshotID.Malformed"),
    "VolumeId": ("vol", "InvalidVolumeID.Malformed"),
    "VolumeIds": ("vol", "InvalidVolumeID.Malformed"),
}


@amendments.method(EC2BaseResponse, "call_action")
def call_action(original: Any, self: EC2BaseResponse) -> Any:
    for member, (prefix, code) in IDENTIFIERS.items():
        given = self._get_param(member)
        for identifier in given if isinstance(given, list) else [given] if given else []:
            if not re.fullmatch(rf"{prefix}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", str(identifier)):
                return self.serialized(ActionResult(refuse(code, f'Invalid id: "{identifier}" (expecting "{prefix}-...")')))
    return original(self)
