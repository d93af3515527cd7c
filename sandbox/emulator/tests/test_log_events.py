"""Searching log events. CloudWatch Logs API Reference, "FilterLogEvents"; User Guide, "Filter pattern syntax"."""

from __future__ import annotations

import time

import pytest

NOW = int(time.time() * 1000)
# Time in milliseconds from NOW, stream, message.
EVENTS = [
    (0, "eni-1-all", "2 111122223333 eni-1 10.0.0.1 10.0.0.2 443 55 6 10 840 1 2 ACCEPT OK"),
    (2, "eni-1-all", "2 111122223333 eni-1 10.0.0.1 10.0.0.9 443 55 6 10 840 1 2 REJECT OK"),
    (1, "eni-2-all", "2 111122223333 eni-2 10.0.0.3 10.0.0.2 443 55 6 10 840 1 2 ACCEPT OK"),
    (3, "other", "no traffic here"),
]


@pytest.fixture(scope="module")
def logs(emulator):
    client = emulator.client("logs")
    client.create_log_group(logGroupName="flows")
    for stream in dict.fromkeys(stream for _, stream, _ in EVENTS):
        client.create_log_stream(logGroupName="flows", logStreamName=stream)
        mine = [{"timestamp": NOW + at, "message": message} for at, name, message in EVENTS if name == stream]
        client.put_log_events(logGroupName="flows", logStreamName=stream, logEvents=mine)
    return client


def found(logs, **request):
    """The events' times from NOW, in the order they came in."""
    answer = logs.filter_log_events(**({"logGroupName": "flows"} | request))
    assert answer["searchedLogStreams"] == []
    return [event["timestamp"] - NOW for event in answer["events"]]


def test_events_come_in_order_of_time_whatever_their_stream(logs):
    assert found(logs) == [0, 1, 2, 3]
    assert found(logs, startFromHead=False) == [3, 2, 1, 0]
    [event] = logs.filter_log_events(logGroupName="flows", logStreamNames=["other"])["events"]
    assert (event["logStreamName"], event["message"]) == ("other", "no traffic here") and event["ingestionTime"] >= NOW


def test_streams_are_chosen_by_name_or_prefix_and_events_by_time(logs, refused):
    assert found(logs, logStreamNames=["eni-2-all", "other"]) == [1, 3]
    assert found(logs, logStreamNamePrefix="eni-") == [0, 1, 2]
    assert found(logs, logStreamNamePrefix="eni-9") == []
    assert found(logs, startTime=NOW + 1, endTime=NOW + 2) == [1, 2]
    group = {"logGroupName": None, "logGroupIdentifier": "arn:aws:logs:eu-central-1:123456789012:log-group:flows"}
    assert len(logs.filter_log_events(**{name: value for name, value in group.items() if value})["events"]) == 4
    with refused("InvalidParameterException"):
        found(logs, logStreamNames=["other"], logStreamNamePrefix="eni-")
    for unknown in ({"logStreamNames": ["nowhere"]}, {"logGroupName": "nowhere"}):
        with refused("ResourceNotFoundException"):
            found(logs, **unknown)


@pytest.mark.parametrize(
    ("pattern", "times"),
    [
        ("ACCEPT", [0, 1]),
        ('ACCEPT "10.0.0.1 "', [0]),
        ("OK -REJECT", [0, 1]),
        ("?REJECT ?here", [2, 3]),
        ("accept", []),
        ("%10\\.0\\.0\\.[39]%", [1, 2]),
        ('"10.0.0.3 10.0.0.2"', [1]),
        ("", [0, 1, 2, 3]),
    ],
)
def test_a_pattern_asks_for_all_its_terms(logs, pattern, times):
    assert found(logs, filterPattern=pattern) == times


def test_more_events_than_fit_come_in_pages_each_once(logs, refused):
    for direction, expected in ((True, [0, 1, 2, 3]), (False, [3, 2, 1, 0])):
        seen, more = [], {}
        for _ in range(4):
            answer = logs.filter_log_events(logGroupName="flows", limit=1, startFromHead=direction, **more)
            seen += [event["timestamp"] - NOW for event in answer["events"]]
            more = {"nextToken": answer.get("nextToken")}
        assert seen == expected and more == {"nextToken": None}
    with refused("InvalidParameterException"):
        found(logs, nextToken="bogus")
