"""GenerateServiceLastAccessedDetails names the services that an entity's policies grant, and when it last used each.

moto lacks it. AWS: IAM User Guide, "Refine permissions in AWS using last accessed information".
"""

from __future__ import annotations

import functools
import threading
import uuid
from datetime import datetime, timezone
from typing import Any

import moto.iam.models
from botocore.exceptions import UnknownServiceError
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from ..amendments import Amendments
from ..callers import caller_of
from ..iam_entities import documents_of
from ..policies import parse

amendments = Amendments()
apply = amendments.apply

# When and in which Region a role or user last called a service: by ARN, then by service.
_used: dict[str, dict[str, tuple[datetime, str]]] = {}
_jobs: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()
_mark_account_as_visited = moto.iam.models.mark_account_as_visited


def mark_account_as_visited(account_id: str, access_key: str, service: str, region: str) -> None:
    """moto calls this for every request it answers."""
    _mark_account_as_visited(account_id, access_key, service, region)
    principal = str(caller_of(access_key, account_id).context["aws:PrincipalArn"])
    with _lock:
        _used.setdefault(principal, {})[service] = (datetime.now(timezone.utc), region)


amendments.attribute(moto.iam.models, "mark_account_as_visited", mark_account_as_visited)  # type: ignore[arg-type]


@amendments.add(IamResponse)
def generate_service_last_accessed_details(self: IamResponse) -> ActionResult:
    arn = self._get_param("Arn")
    if self._get_param("Granularity") == "ACTION_LEVEL":
        raise NotImplementedError("Granularity ACTION_LEVEL")
    entity = _entity(self.backend, arn)
    job_id, now = str(uuid.uuid4()), datetime.now(timezone.utc)
    with _lock:
        used = dict(_used.get(arn, {}))
    services = [_service(namespace, arn, used.get(namespace)) for namespace in sorted(_granted(self.backend, entity))]
    _jobs[job_id] = {
        "JobStatus": "COMPLETED",
        "JobType": "SERVICE_LEVEL",
        "JobCreationDate": now,
        "JobCompletionDate": now,
        "ServicesLastAccessed": services,
    }
    return ActionResult({"JobId": job_id})


@amendments.add(IamResponse)
def get_service_last_accessed_details(self: IamResponse) -> ActionResult:
    job = _jobs.get(self._get_param("JobId"))
    if job is None:
        raise NotFoundException(f"Job {self._get_param('JobId')} does not exist.")
    return ActionResult({**job, "IsTruncated": False})


def _entity(backend: IAMBackend, arn: str) -> Any:
    entities = [*backend.roles.values(), *backend.users.values(), *backend.groups.values()]
    found = next((entity for entity in entities if entity.arn == arn), None)
    if found is None:
        raise NotFoundException(f"ARN {arn} not found.")
    return found


def _granted(backend: IAMBackend, entity: Any) -> set[str]:
    """The namespaces of the services in the Allow statements of the entity's own and attached policies."""
    statements = [statement for _, text in documents_of(entity) for statement in parse(text) if statement["Effect"] == "Allow"]
    actions = [action for statement in statements for action in _several(statement.get("Action", []))]
    return {action.partition(":")[0].lower() for action in actions if ":" in action}


def _service(namespace: str, arn: str, used: tuple[datetime, str] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "ServiceName": _name(namespace),
        "ServiceNamespace": namespace,
        "TotalAuthenticatedEntities": 1 if used else 0,
    }
    if used:
        answer |= {"LastAuthenticated": used[0], "LastAuthenticatedEntity": arn, "LastAuthenticatedRegion": used[1]}
    return answer


@functools.cache
def _name(namespace: str) -> str:
    try:
        return str(get_service_model(namespace).metadata["serviceFullName"])
    except UnknownServiceError:
        return namespace


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
