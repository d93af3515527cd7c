"""FilterLogEvents searches the streams it is asked for, in order of time, for patterns of terms.

moto passes over the prefix, the ARN, the direction and all but the simplest patterns, and answers stream by stream. AWS:
CloudWatch Logs API Reference, "FilterLogEvents" ("always interleaves events from multiple log streams"; "sorted by event
timestamp"); CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events"
(terms, exact phrases, `?` optional, `-` excluded, `%` regular expressions).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.models import LogEvent, LogGroup, LogStream
from moto.logs.responses import LogsResponse

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

LARGEST_PAGE = 10_000
TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%(.*?)%|(\S+))')

Matcher = Callable[[str], bool]


@amendments.add(LogsResponse)
def filter_log_events(self: LogsResponse) -> str:
    group = _group(self)
    limit, token = self._get_param("limit") or LARGEST_PAGE, self._get_param("nextToken")
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidParameterException(
            constraint=f"Member must have value between 1 and {LARGEST_PAGE}", parameter="limit", value=limit
        )
    ascending, last = _read(token) if token else (self._get_param("startFromHead", True), None)
    start, end = self._get_param("startTime"), self._get_param("endTime")
    is_match = matcher(self._get_param("filterPattern") or "")
    found = [
        (stream.log_stream_name, event)
        for stream in _streams(self, group)
        for event in stream.events
        if (start is None or event.timestamp >= start) and (end is None or event.timestamp <= end) and is_match(event.message)
    ]
    found.sort(key=lambda item: _order(item[1]), reverse=not ascending)
    if last is not None:
        found = [item for item in found if (_order(item[1]) > last if ascending else _order(item[1]) < last)]
    page = found[:limit]
    more = {"nextToken": _token(ascending, page[-1][1])} if len(found) > limit else {}
    events = [{**event.to_filter_dict(), "logStreamName": name} for name, event in page]
    return json.dumps({"events": events, "searchedLogStreams": [], **more})


def _group(request: LogsResponse) -> LogGroup:
    name, identifier = request._get_param("logGroupName"), request._get_param("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise InvalidParameterException("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    name = name or identifier.split(":log-group:")[-1].removesuffix(":*")
    group = request.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException()
    return group


def _streams(request: LogsResponse, group: LogGroup) -> list[LogStream]:
    names, prefix = request._get_param("logStreamNames"), request._get_param("logStreamNamePrefix")
    if names and prefix:
        raise InvalidParameterException("LogStreamNamePrefix and LogStreamNames cannot both be specified.")
    if any(name not in group.streams for name in names or []):
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return [stream for name, stream in group.streams.items() if (name in names if names else name.startswith(prefix or ""))]


def _order(event: LogEvent) -> tuple[int, int, int]:
    return event.timestamp, event.ingestion_time, event.event_id


def _token(ascending: bool, event: LogEvent) -> str:
    return base64.urlsafe_b64encode(json.dumps([ascending, *_order(event)]).encode()).decode()


def _read(token: str) -> tuple[bool, tuple[int, int, int]]:
    try:
        ascending, timestamp, ingested, event_id = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise InvalidParameterException("The specified nextToken is invalid.") from None
    return ascending, (timestamp, ingested, event_id)


def matcher(pattern: str) -> Matcher:
    """What a filter pattern asks of a message.

    Raises NotImplementedError for the patterns for JSON and space-delimited events.
    """
    if pattern.lstrip()[:1] in ("{", "["):
        raise NotImplementedError("filter patterns for JSON and space-delimited events")
    terms: dict[str, list[Matcher]] = {"": [], "?": [], "-": []}
    for sign, phrase, expression, word in TERM.findall(pattern):
        terms[sign].append(_term(phrase.replace('\\"', '"') or word, expression))
    needed, optional, excluded = terms[""], terms["?"], terms["-"]
    # "If you combine ? with other terms, ? is ignored."
    if needed or excluded:
        return lambda message: all(is_in(message) for is_in in needed) and not any(is_in(message) for is_in in excluded)
    return lambda message: not optional or any(is_in(message) for is_in in optional)


def _term(text: str, expression: str) -> Matcher:
    if expression:
        compiled = re.compile(expression)
        return lambda message: compiled.search(message) is not None
    return lambda message: text in message
