"""Of two uploads that both want to be the first, one is.

moto looks and writes in two steps. AWS: S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

from __future__ import annotations

import threading
from typing import Any

from moto.s3.responses import S3Response

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

_one_at_a_time = threading.RLock()


@amendments.method(S3Response, "put_object")
def put_object(original: Any, self: S3Response) -> Any:
    with _one_at_a_time:
        return original(self)


@amendments.method(S3Response, "_key_response_post")
def key_response_post(original: Any, self: S3Response, *args: Any) -> Any:
    with _one_at_a_time:
        return original(self, *args)
