"""What several IAM corrections need: the policy documents of a role, user or group in moto's state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def documents_of(entity: Any) -> Iterator[tuple[str, str]]:
    """Name and text of its own policies, then of the attached ones as they now stand."""
    for name, document in entity.policies.items():
        yield name, document if isinstance(document, str) else json.dumps(document)
    for policy in entity.managed_policies.values():
        yield policy.name, default_document(policy)


def default_document(policy: Any) -> str:
    """The text of a managed policy's default version."""
    return str(next(version.document for version in policy.versions if version.version_id == policy.default_version_id))
