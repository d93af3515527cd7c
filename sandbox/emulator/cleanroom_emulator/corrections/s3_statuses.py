"""S3's errors have the HTTP status that AWS lists for their code.

moto answers 400 for codes that its model of S3 leaves out. AWS: S3 API Reference, "Error responses".
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.s3.responses import S3Response

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

STATUSES = {"InvalidBucketState": 409, "NoSuchObjectLockConfiguration": 404}


@amendments.method(S3Response, "serialized")
def serialized(original: Any, self: S3Response, action_result: ActionResult) -> Any:
    status, headers, body = original(self, action_result)
    code = getattr(action_result.result, "code", None)
    return STATUSES.get(str(code), status), headers, body
