"""SimulatePrincipalPolicy decides what a role's or user's policies let it do, resource by resource.

moto lacks it. AWS: IAM API Reference, "SimulatePrincipalPolicy", "EvaluationResult" ("a single EvaluationResult per action";
its decision is "the most restrictive decision across all resources"), "ResourceSpecificResult" (the decision on each).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import InvalidInput, NotFoundException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from .. import policies
from ..amendments import Amendments
from ..iam_entities import default_document, documents_of
from ..policies import PolicyRequest

amendments = Amendments()
apply = amendments.apply

ENTITY_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:(?P<kind>user|role|group)/(?:.*/)?(?P<name>[^/]+)")
ACTION = re.compile(r"[a-z0-9-]+:\w+", re.IGNORECASE)
STATEMENTS = re.compile(r'"Statement"\s*:\s*(\[)?')
BETWEEN_STATEMENTS = re.compile(r"[\s,]*")
DEFAULT_PAGE = 100
# Decisions from the most to the least restrictive.
DECISIONS = ("explicitDeny", "implicitDeny", "allowed")


@dataclass(frozen=True)
class _Statement:
    """A statement, and how a result refers to it: by its policy and where it stands in it."""

    rule: dict[str, Any]
    reference: dict[str, Any]


@dataclass(frozen=True)
class _Outcome:
    decision: str
    matched: list[dict[str, Any]]
    missing: list[str]
    within_boundary: bool | None


@amendments.add(IamResponse)
def simulate_principal_policy(self: IamResponse) -> ActionResult:
    unsupported = [name for name in ("ResourcePolicy", "PolicyExclusionList", "ResourceHandlingOption") if self._get_param(name)]
    if unsupported:
        raise NotImplementedError(f"the parameter {unsupported[0]}")
    entity, kind = _entity(self.backend, self._get_param("PolicySourceArn") or "")
    own = [*_policies_of(self.backend, entity, kind), *_given(self._get_param("PolicyInputList", []), "PolicyInputList")]
    boundary = _boundary(self.backend, entity, self._get_param("PermissionsBoundaryPolicyInputList", []))
    context, resources = _context(self._get_param("ContextEntries", [])), self._get_param("ResourceArns") or ["*"]
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise InvalidInput(f"Invalid input: the resource {resource} is not an ARN")
    results = [_result(action, resources, own, boundary, context) for action in _actions(self._get_param("ActionNames", []))]
    start = int(self._get_param("Marker") or 0)
    end = start + (self._get_int_param("MaxItems") or DEFAULT_PAGE)
    more = {"IsTruncated": True, "Marker": str(end)} if end < len(results) else {"IsTruncated": False}
    return ActionResult({"EvaluationResults": results[start:end], **more})


def _result(
    action: str, resources: list[str], own: list[_Statement], boundary: list[_Statement] | None, context: dict[str, Any]
) -> dict[str, Any]:
    """An EvaluationResult: over all resources, and on each where the request names any."""
    outcomes = {resource: _evaluate(PolicyRequest(action, resource, context=context), own, boundary) for resource in resources}
    decision = min((outcome.decision for outcome in outcomes.values()), key=DECISIONS.index)
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": "*",
        "EvalDecision": decision,
        "MatchedStatements": _union(outcome.matched for outcome in outcomes.values() if outcome.decision == decision),
        "MissingContextValues": _union(outcome.missing for outcome in outcomes.values()),
    }
    if boundary is not None:
        allowed = all(outcome.within_boundary for outcome in outcomes.values())
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    if resources != ["*"]:
        result["EvalDecisionDetails"] = {}
        result["ResourceSpecificResults"] = [_specific(resource, outcome) for resource, outcome in outcomes.items()]
    return result


def _specific(resource: str, outcome: _Outcome) -> dict[str, Any]:
    result: dict[str, Any] = {
        "EvalResourceName": resource,
        "EvalResourceDecision": outcome.decision,
        "MatchedStatements": outcome.matched,
        "MissingContextValues": outcome.missing,
    }
    if outcome.within_boundary is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": outcome.within_boundary}
    return result


def _evaluate(request: PolicyRequest, own: list[_Statement], boundary: list[_Statement] | None) -> _Outcome:
    """An explicit deny wins, then an allow; a boundary must allow as well."""
    decision, matched = _decide(request, own)
    limit, limiting = _decide(request, boundary) if boundary is not None else ("allowed", [])
    if DECISIONS.index(limit) < DECISIONS.index(decision):
        decision, matched = limit, limiting
    concerned = [statement.rule for statement in [*own, *(boundary or [])] if policies.concerns(statement.rule, request)]
    missing = _union(policies.missing_keys(rule, request) for rule in concerned)
    return _Outcome(decision, matched, missing, None if boundary is None else limit == "allowed")


def _decide(request: PolicyRequest, statements: list[_Statement]) -> tuple[str, list[dict[str, Any]]]:
    matching = [statement for statement in statements if policies.matches(statement.rule, request)]
    for effect, decision in (("Deny", "explicitDeny"), ("Allow", "allowed")):
        if matched := [statement.reference for statement in matching if statement.rule["Effect"] == effect]:
            return decision, matched
    return "implicitDeny", []


def _entity(backend: IAMBackend, arn: str) -> tuple[Any, str]:
    named = ENTITY_ARN.fullmatch(arn)
    if named is None:
        raise InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    entities = {"user": backend.users, "role": {role.name: role for role in backend.roles.values()}, "group": backend.groups}
    entity = entities[named["kind"]].get(named["name"])
    if entity is None or entity.arn != arn:
        raise NotFoundException(f"{arn} does not exist.")
    return entity, named["kind"]


def _policies_of(backend: IAMBackend, entity: Any, kind: str) -> list[_Statement]:
    """The statements of its own and its attached policies, and for a user of its groups'."""
    statements = []
    for name, document in documents_of(entity):
        policy_id = f"{kind}_{entity.name}_{name}" if name in entity.policies else name
        statements += _located(document, policy_id)
    if kind == "user":
        for group in backend.get_groups_for_user(entity.name):
            statements += _policies_of(backend, group, "group")
    return statements


def _boundary(backend: IAMBackend, entity: Any, given: list[str]) -> list[_Statement] | None:
    if given:
        return list(_given(given, "PermissionsBoundaryPolicyInputList"))
    arn = getattr(entity, "permissions_boundary_arn", None)
    policy = backend.managed_policies.get(arn) if arn else None
    return list(_located(default_document(policy), policy.name)) if policy else None


def _given(documents: list[str], parameter: str) -> Iterator[_Statement]:
    for number, document in enumerate(documents, 1):
        yield from _located(document, f"{parameter}.{number}")


def _located(text: str, policy_id: str) -> Iterator[_Statement]:
    """The statements of a policy with the line and column (from 1) where each begins and ends."""
    try:
        statements = policies.parse(text)
    except policies.InvalidPolicy as error:
        raise InvalidInput(str(error)) from error
    found = STATEMENTS.search(text)
    end = found.end() if found else 0
    for statement in statements:
        start = BETWEEN_STATEMENTS.match(text, end).end()  # type: ignore[union-attr]
        _, end = json.JSONDecoder().raw_decode(text, start)
        reference = {
            "SourcePolicyId": policy_id,
            "SourcePolicyType": "IAM Policy",
            "StartPosition": _position(text, start),
            "EndPosition": _position(text, end),
        }
        yield _Statement(statement, reference)


def _position(text: str, index: int) -> dict[str, int]:
    return {"Line": text.count("\n", 0, index) + 1, "Column": index - text.rfind("\n", 0, index)}


def _context(entries: list[dict[str, Any]]) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    for entry in entries:
        values, kind = entry.get("ContextKeyValues") or [], entry.get("ContextKeyType") or "string"
        if not kind.endswith("List") and len(values) != 1:
            raise InvalidInput(f"Context key {entry.get('ContextKeyName')} of type {kind} must have exactly one value")
        context[str(entry.get("ContextKeyName"))] = values if kind.endswith("List") else values[0]
    return context


def _actions(names: list[str]) -> list[str]:
    for name in names:
        if not ACTION.fullmatch(name):
            raise InvalidInput(f"Invalid input: {name} is not an action")
    return list(dict.fromkeys(names))


def _union(lists: Any) -> list[Any]:
    united: list[Any] = []
    for one in lists:
        united += [item for item in one if item not in united]
    return united
