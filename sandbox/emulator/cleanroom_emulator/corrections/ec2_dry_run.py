"""DryRun changes nothing, whatever the action.

moto runs a third of its actions despite DryRun; AWS answers DryRunOperation (412) for every action that takes it:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html
"""

from __future__ import annotations

from typing import Any

import moto.core.responses
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.exceptions import DryRunClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply


@amendments.method(EC2BaseResponse, "call_action")
def call_action(original: Any, self: EC2BaseResponse) -> Any:
    implemented = camelcase_to_underscores(self._get_action()) in moto.core.responses.method_names_from_class(self.__class__)
    if implemented and self._get_param("DryRun", False):
        return self.serialized(ActionResult(DryRunClientError()))
    return original(self)
