"""Faults by script: which calls are delayed or refused, which lose their answer, and how often."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aws_call import AwsCall

SERVICE_ALIASES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "auto-scaling": "autoscaling"}
FIELDS = {"service", "action", "resource", "parameter", "rate", "times", "after", "when", "error", "delayMs"}
MOMENTS = ("before", "after")


class InvalidFaults(ValueError):
    """The rules are not a list of
    `{service?, action?, resource?, parameter?, rate?, times?, after?, when?, error?: {code, status, message?}, delayMs?}`."""


@dataclass
class Fault:
    """What to do to a call: hold it up, then answer it with an error if there is a code.

    With `takes_effect` it happens to the answer, once the call has done its work; else to the call before it does any.
    """

    code: str | None
    status: int
    message: str
    delay_ms: float
    takes_effect: bool


@dataclass
class _Rule:
    service: str | None
    action: str | None
    resource: str | None
    parameter: str | None
    rate: float
    times: int | None
    after: int
    fault: Fault
    seen: int = 0
    done: int = 0

    def matches(self, call: AwsCall) -> bool:
        return (
            self.service in (None, call.service)
            and self.action in (None, call.action)
            and (self.resource is None or call.names(self.resource))
            and (self.parameter is None or self.parameter in call.params)
        )


class FaultScript:
    """The first rule that matches a call applies.

    `after: N` lets the first N matching calls through, `times: N` stops after N faults, `rate` is the share of calls
    hit (0 to 1), `resource` is one of the values the call must bear, itself or as a tag of its resource, `parameter` the
    name of a member it must have. A rule that is not yet or no longer in force lets the next rules have the call.
    """

    def __init__(self, rules: Any = None) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self.replace(rules or [])

    def replace(self, rules: Any) -> None:
        if not isinstance(rules, list):
            raise InvalidFaults("faults must be a list of rules")
        parsed = [_parse(rule, index) for index, rule in enumerate(rules)]
        with self._lock:
            self._rules = parsed

    def counts(self) -> list[dict[str, int]]:
        """For each rule the calls that matched it and those that it struck, also those that are being held up."""
        with self._lock:
            return [{"seen": rule.seen, "done": rule.done} for rule in self._rules]

    def next_for(self, call: AwsCall) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if not rule.matches(call):
                    continue
                rule.seen += 1
                if rule.seen <= rule.after or (rule.times is not None and rule.done >= rule.times):
                    continue
                if rule.rate < 1 and random.random() >= rule.rate:
                    continue
                rule.done += 1
                return rule.fault
        return None


def _parse(rule: Any, index: int) -> _Rule:
    if not isinstance(rule, dict) or (unknown := set(rule) - FIELDS):
        raise InvalidFaults(f"faults[{index}]: unknown field {', '.join(sorted(unknown)) if isinstance(rule, dict) else rule!r}")
    error = rule.get("error")
    if error is None and rule.get("delayMs") is None:
        raise InvalidFaults(f"faults[{index}]: needs error or delayMs")
    if error is not None and (not isinstance(error, dict) or not error.get("code")):
        raise InvalidFaults(f"faults[{index}]: error needs a code")
    if rule.get("when", "before") not in MOMENTS:
        raise InvalidFaults(f"faults[{index}]: when must be one of {', '.join(MOMENTS)}, not {rule['when']!r}")
    error = error or {}
    service = rule.get("service")
    return _Rule(
        service=SERVICE_ALIASES.get(service, service),
        action=rule.get("action"),
        resource=rule.get("resource"),
        parameter=rule.get("parameter"),
        rate=float(rule.get("rate", 1)),
        times=None if rule.get("times") is None else int(rule["times"]),
        after=int(rule.get("after", 0)),
        fault=Fault(
            code=error.get("code"),
            status=int(error.get("status", 400)),
            message=str(error.get("message", "Injected by the sandbox's fault script.")),
            delay_ms=float(rule.get("delayMs") or 0),
            takes_effect=rule.get("when") == "after",
        ),
    )
