"""An access key is active or inactive, and one that is not the account's is nobody's to ask about.

moto takes any word for the status and answers NoSuchEntity. AWS: IAM API Reference, "UpdateAccessKey", and
"GetAccessKeyLastUsed", which names no error but the common ones: a key of another account, or none, is AccessDenied.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import IAMException, NotFoundException, ValidationError
from moto.iam.responses import IamResponse

from ..amendments import Amendments
from ..callers import caller_of

amendments = Amendments()
apply = amendments.apply

STATUSES = ("Active", "Inactive")


class AccessDenied(IAMException):
    code = "AccessDenied"
    status_code = 403


@amendments.method(IamResponse, "update_access_key")
def update_access_key(original: Any, self: IamResponse) -> ActionResult:
    status = self._get_param("Status")
    if status not in STATUSES:
        raise ValidationError(
            f"1 validation error detected: Value '{status}' at 'status' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(STATUSES)}]"
        )
    return original(self)


@amendments.method(IamResponse, "get_access_key_last_used")
def get_access_key_last_used(original: Any, self: IamResponse) -> ActionResult:
    try:
        return original(self)
    except NotFoundException:
        caller, key = caller_of(self.access_key, self.current_account), self._get_param("AccessKeyId")
        raise AccessDenied(
            f"User: {caller.arn} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key {key}"
        ) from None
