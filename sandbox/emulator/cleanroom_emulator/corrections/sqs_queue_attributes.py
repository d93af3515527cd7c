"""SetQueueAttributes changes the attributes it names and no others.

moto drops the queue's policy whenever a call does not name it. AWS:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

from typing import Any

from moto.sqs.models import SQSBackend

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply


@amendments.method(SQSBackend, "set_queue_attributes")
def set_queue_attributes(original: Any, self: Any, queue_name: str, attributes: dict[str, Any]) -> Any:
    return original(self, queue_name, {"Policy": self.get_queue(queue_name).policy, **attributes})
