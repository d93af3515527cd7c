"""IAM's policy language: whether a policy's statements match a request. Pure.

IAM User Guide, "IAM JSON policy elements: Condition operators", "Policy evaluation logic".
"""

from __future__ import annotations

import fnmatch
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class InvalidPolicy(ValueError):
    """The document is not a policy."""


@dataclass(frozen=True)
class PolicyRequest:
    """One action on one resource. `principals` are all names of the caller, `context` the condition keys it comes with."""

    action: str
    resource: str
    principals: frozenset[str] = frozenset()
    context: dict[str, str | list[str]] = field(default_factory=dict)


def parse(text: str | bytes) -> list[dict[str, Any]]:
    """The statements of a policy document.

    Raises InvalidPolicy.
    """
    try:
        document = json.loads(text)
        statements = document["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidPolicy("Policies must be valid JSON and the first byte must be '{'") from error
    statements = statements if isinstance(statements, list) else [statements]
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise InvalidPolicy("Invalid effect")
        if not {"Action", "NotAction"} & set(statement):
            raise InvalidPolicy("Missing required field Action")
    return statements


def matches(statement: dict[str, Any], request: PolicyRequest) -> bool:
    """Whether the statement is about this request, whatever its effect.

    Raises NotImplementedError for a condition operator that is not known here.
    """
    return concerns(statement, request) and all(
        _holds(operator, key, values, request)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def concerns(statement: dict[str, Any], request: PolicyRequest) -> bool:
    """Whether the statement names the request's action, resource and caller; its conditions are not looked at."""
    return (
        _listed(statement, "Action", lambda pattern: _like(pattern.lower(), request.action.lower()), absent=False)
        and _listed(statement, "Resource", lambda pattern: _like(pattern, request.resource), absent=True)
        and _is_principal(statement, request)
    )


def missing_keys(statement: dict[str, Any], request: PolicyRequest) -> list[str]:
    """The condition keys of the statement that the request does not come with."""
    given = {name.lower() for name in request.context}
    return [key for keys in statement.get("Condition", {}).values() for key in keys if key.lower() not in given]


def is_denied(statements: Iterable[dict[str, Any]], request: PolicyRequest) -> bool:
    return any(statement["Effect"] == "Deny" and matches(statement, request) for statement in statements)


def is_allowed(statements: Iterable[dict[str, Any]], request: PolicyRequest) -> bool:
    """Whether a statement allows it; a Deny is not looked at here."""
    return any(statement["Effect"] == "Allow" and matches(statement, request) for statement in statements)


def _listed(statement: dict[str, Any], element: str, is_match: Callable[[str], bool], absent: bool) -> bool:
    if element in statement:
        return any(is_match(pattern) for pattern in _several(statement[element]))
    if f"Not{element}" in statement:
        return not any(is_match(pattern) for pattern in _several(statement[f"Not{element}"]))
    return absent


def _is_principal(statement: dict[str, Any], request: PolicyRequest) -> bool:
    for element, wanted in (("Principal", True), ("NotPrincipal", False)):
        if element in statement:
            named = statement[element]
            listed = _several(named) if not isinstance(named, dict) else _several(named.get("AWS", []))
            return (("*" in listed) or bool(request.principals & set(listed))) is wanted
    return True


def _holds(operator: str, key: str, values: Any, request: PolicyRequest) -> bool:
    context = {name.lower(): value for name, value in request.context.items()}
    actual = context.get(key.lower())
    if operator == "Null":
        return (actual is None) is (str(_several(values)[0]).lower() == "true")
    quantifier, _, name = operator.rpartition(":")
    if name.endswith("IfExists"):
        if actual is None:
            return True
        name = name.removesuffix("IfExists")
    negated = name not in OPERATORS and name.replace("Not", "") in OPERATORS
    compare = OPERATORS.get(name.replace("Not", "") if negated else name)
    if compare is None:
        raise NotImplementedError(f"policy condition {operator}")
    if actual is None:
        return quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    every = [any(compare(str(value), one) for value in _several(values)) is not negated for one in _several(actual)]
    return all(every) if quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue") else any(every)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@functools.lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    # fnmatch takes brackets for sets of characters, which policies do not have.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _like(pattern: str, text: str) -> bool:
    return _pattern(pattern).match(text) is not None


def _arn_like(pattern: str, text: str) -> bool:
    expected, actual = pattern.split(":", 5), text.split(":", 5)
    return len(expected) == len(actual) and all(_like(one, other) for one, other in zip(expected, actual))


def _in_network(network: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


def _numeric(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda expected, actual: compare(float(actual), float(expected))


def _date(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda expected, actual: compare(_time(actual), _time(expected))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda actual, expected: actual == expected,
    "LessThan": lambda actual, expected: actual < expected,
    "LessThanEquals": lambda actual, expected: actual <= expected,
    "GreaterThan": lambda actual, expected: actual > expected,
    "GreaterThanEquals": lambda actual, expected: actual >= expected,
}
# Each compares the policy's value with the request's; their `Not…` forms are made from them.
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "IpAddress": _in_network,
    **{f"Numeric{name}": _numeric(compare) for name, compare in COMPARISONS.items()},
    **{f"Date{name}": _date(compare) for name, compare in COMPARISONS.items()},
}
