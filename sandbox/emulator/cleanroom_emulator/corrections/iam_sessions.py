"""A role can be assumed only if it exists, under a proper name and no longer than it allows; the caller has its true name.

moto assumes roles that nobody made. Roles of other accounts than the sandbox's own stay open, for they are how a test reaches
another account at all. AWS: STS API Reference, "AssumeRole", "GetCallerIdentity"; IAM User Guide, "Methods to assume a role".
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError, STSValidationError
from moto.sts.models import STSBackend
from moto.sts.responses import TokenResponse

from ..amendments import Amendments
from ..callers import PARTITION, caller_of
from ..settings import ACCOUNT_ID

amendments = Amendments()
apply = amendments.apply

SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
ROLE_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/.+")
SHORTEST_SECONDS, CHAINED_SECONDS = 900, 3600


@amendments.method(TokenResponse, "assume_role")
def assume_role(original: Any, self: TokenResponse) -> ActionResult:
    role_arn, session_name = self._get_param("RoleArn"), self._get_param("RoleSessionName")
    seconds = self._get_int_param("DurationSeconds", CHAINED_SECONDS)
    arn = ROLE_ARN.fullmatch(role_arn or "")
    if not arn:
        raise STSValidationError(f"{role_arn} is invalid")
    if not SESSION_NAME.fullmatch(session_name or ""):
        raise STSValidationError(f"Value '{session_name}' at 'roleSessionName' failed to satisfy constraint: {SESSION_NAME.pattern}")
    caller = caller_of(self.access_key, self.current_account)
    role = _role(arn.group(1), role_arn)
    if role is None and arn.group(1) == ACCOUNT_ID:
        raise STSClientError("AccessDenied", f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")
    chained = ":assumed-role/" in caller.arn
    longest = CHAINED_SECONDS if chained else int((role and role.max_session_duration) or CHAINED_SECONDS)
    if not SHORTEST_SECONDS <= seconds <= longest:
        limit = "the 1 hour session limit for roles assumed by role chaining" if chained else "the MaxSessionDuration set for this role"
        raise STSValidationError(
            f"The requested DurationSeconds exceeds {limit}." if seconds > longest else "DurationSeconds is less than 900."
        )
    return original(self)


@amendments.add(STSBackend)
def get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
    """User id, ARN and account; an unknown key is the account's root, as in the call log."""
    caller = caller_of(access_key_id, self.account_id)
    session = self.get_assumed_role_from_access_key(access_key_id)
    user = iam_backends[self.account_id][PARTITION].get_user_from_access_key_id(access_key_id)
    user_id = session.user_id if session else user.id if user else self.account_id
    return user_id, caller.arn, self.account_id


def _role(account: str, role_arn: str) -> Any | None:
    try:
        return iam_backends[account][PARTITION].get_role_by_arn(role_arn)
    except NotFoundException:
        return None
