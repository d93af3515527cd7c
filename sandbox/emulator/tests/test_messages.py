"""Topics, queues and rules. SNS Developer Guide, "Raw message delivery"; EventBridge User Guide, "Event bus targets"."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest


@pytest.fixture
def queue(emulator: Any) -> dict[str, str]:
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=f"intake-{uuid.uuid4()}")["QueueUrl"]
    return {"url": url, "arn": sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]}


def received(emulator: Any, queue: dict[str, str]) -> str:
    return emulator.client("sqs").receive_message(QueueUrl=queue["url"], WaitTimeSeconds=2)["Messages"][0]["Body"]


def test_a_topic_delivers_the_bare_message_when_told_so(emulator: Any, queue: dict[str, str]) -> None:
    sns = emulator.client("sns")
    topic = sns.create_topic(Name=f"intake-{uuid.uuid4()}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue["arn"], Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="i-0123456789abcdef0")
    assert received(emulator, queue) == "i-0123456789abcdef0"


def test_a_topic_delivers_an_envelope_otherwise(emulator: Any, queue: dict[str, str]) -> None:
    sns = emulator.client("sns")
    topic = sns.create_topic(Name=f"intake-{uuid.uuid4()}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue["arn"])
    sns.publish(TopicArn=topic, Message="i-0123456789abcdef0")
    envelope = json.loads(received(emulator, queue))
    assert (envelope["Type"], envelope["TopicArn"], envelope["Message"]) == ("Notification", topic, "i-0123456789abcdef0")


def test_a_rule_sends_the_events_it_matches_to_its_queue(emulator: Any, queue: dict[str, str]) -> None:
    events, rule = emulator.client("events"), f"findings-{uuid.uuid4()}"
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}]}}))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue["arn"]}])
    for severity in (2, 8):
        entry = {"Source": "aws.guardduty", "DetailType": "GuardDuty Finding", "Detail": json.dumps({"severity": severity})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert json.loads(received(emulator, queue))["detail"] == {"severity": 8}


def test_a_queue_keeps_its_policy_until_another_one_is_set(emulator: Any, queue: dict[str, str]) -> None:
    sqs = emulator.client("sqs")

    def policy() -> str | None:
        return sqs.get_queue_attributes(QueueUrl=queue["url"], AttributeNames=["All"])["Attributes"].get("Policy")

    def allow(principal: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sqs:SendMessage", "Resource": queue["arn"]}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    first, second = allow("sns.amazonaws.com"), allow("events.amazonaws.com")
    sqs.set_queue_attributes(QueueUrl=queue["url"], Attributes={"Policy": first})
    sqs.set_queue_attributes(QueueUrl=queue["url"], Attributes={"VisibilityTimeout": "60"})
    assert policy() == first
    sqs.set_queue_attributes(QueueUrl=queue["url"], Attributes={"Policy": second})
    assert policy() == second
    sqs.set_queue_attributes(QueueUrl=queue["url"], Attributes={"Policy": ""})
    assert not policy()
