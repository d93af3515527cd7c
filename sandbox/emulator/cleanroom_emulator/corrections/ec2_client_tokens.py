"""A create repeated with its ClientToken is the same create.

moto ignores the token; AWS answers the first result again, and refuses other parameters under the same token:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses._base_response import EC2BaseResponse

from ..amendments import Amendments
from ..aws_error import SandboxError

amendments = Amendments()
apply = amendments.apply

IDEMPOTENT_ACTIONS = {
    "CreateFlowLogs", "CreateLaunchTemplate", "CreateNatGateway", "CreateNetworkInterface", "CreateRouteTable",
    "CreateVolume", "CreateVpcEndpoint", "RunInstances",
}  # fmt: skip
_answers: dict[tuple[str, str, str, str], tuple[str, Any]] = {}


@amendments.method(EC2BaseResponse, "call_action")
def call_action(original: Any, self: EC2BaseResponse) -> Any:
    action, token = self._get_action(), self._get_param("ClientToken")
    if action not in IDEMPOTENT_ACTIONS or not token:
        return original(self)
    key = (self.current_account, self.region, action, token)
    parameters = json.dumps(self.params, sort_keys=True, default=str)
    if key in _answers:
        first_parameters, answer = _answers[key]
        if parameters != first_parameters:
            mismatch = SandboxError("IdempotentParameterMismatch", f"The client token {token} was used with other parameters.")
            return self.serialized(ActionResult(mismatch))
        return answer
    answer = original(self)
    if answer[0] < 300:
        _answers[key] = (parameters, answer)
    return answer
