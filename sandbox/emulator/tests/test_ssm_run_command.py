"""Run Command. Systems Manager User Guide, "AWS Systems Manager Run Command", "Understanding command statuses"."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_emulator.command_documents import Step
from cleanroom_emulator.run_command import Invocation

ACCOUNT = "123456789012"
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def ec2(emulator: Any) -> Any:
    return emulator.client("ec2")


@pytest.fixture(scope="module")
def ssm(emulator: Any) -> Any:
    return emulator.client("ssm")


@pytest.fixture(scope="module")
def place(emulator: Any, ec2: Any) -> dict[str, Any]:
    """A subnet, an image, and an instance profile named after its role."""
    iam = emulator.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="run-command", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="run-command")
    iam.add_role_to_instance_profile(InstanceProfileName="run-command", RoleName="run-command")
    vpc = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.60.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.register_image(Name="run-command", RootDeviceName="/dev/xvda", Architecture="x86_64")["ImageId"]
    return {"vpc": vpc, "subnet": subnet, "image": image}


@pytest.fixture
def launch(ec2: Any, place: dict[str, Any]) -> Iterator[Any]:
    launched: list[str] = []

    def launch_one(profile: bool = True, **more: Any) -> str:
        if profile:
            more["IamInstanceProfile"] = {"Name": "run-command"}
        answer = ec2.run_instances(
            ImageId=place["image"], MinCount=1, MaxCount=1, SubnetId=place["subnet"], InstanceType="t3.small", **more
        )
        launched.append(answer["Instances"][0]["InstanceId"])
        return launched[-1]

    yield launch_one
    if launched:
        ec2.terminate_instances(InstanceIds=launched)


def run(ssm: Any, instance: str, *commands: str, **more: Any) -> str:
    request = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": list(commands)}, **more}
    return ssm.send_command(InstanceIds=[instance], **request)["Command"]["CommandId"]


def ended(ssm: Any, command: str, instance: str, within: float = 10, **more: Any) -> dict[str, Any]:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            found = ssm.get_command_invocation(CommandId=command, InstanceId=instance, **more)
        except ssm.exceptions.InvocationDoesNotExist:
            found = {"Status": "Pending"}
        if found["Status"] not in ("Pending", "Delayed", "InProgress", "Cancelling"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"the command has not ended: {found}")


def directory(emulator: Any, instance: str) -> Path:
    return emulator.state_dir / "machines" / instance


def document(ssm: Any, steps: list[dict[str, Any]], parameters: dict[str, Any] | None = None) -> str:
    name = f"doc-{uuid.uuid4()}"
    content = {"schemaVersion": "2.2", "parameters": parameters or {}, "mainSteps": steps}
    ssm.create_document(Name=name, DocumentType="Command", Content=json.dumps(content))
    return name


def shell(name: str, *commands: str, **inputs: Any) -> dict[str, Any]:
    return {"action": "aws:runShellScript", "name": name, "inputs": {"runCommand": list(commands), **inputs}}


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(*args, **kwargs)
    return raised.value.response["Error"]["Code"]


def test_a_command_runs_on_the_named_instance_and_no_other(ssm: Any, launch: Any) -> None:
    named, other = launch(), launch()
    command = run(ssm, named, 'echo "I am $AWS_SSM_INSTANCE_ID"')
    assert ended(ssm, command, named)["StandardOutputContent"] == f"I am {named}\n"
    assert code_of(ssm.get_command_invocation, CommandId=command, InstanceId=other) == "InvocationDoesNotExist"
    assert [found["InstanceId"] for found in ssm.list_command_invocations(CommandId=command)["CommandInvocations"]] == [named]


def test_the_exit_code_and_both_streams_are_the_scripts_own(ssm: Any, launch: Any) -> None:
    instance = launch()
    found = ended(ssm, run(ssm, instance, "echo out", "echo err >&2", "exit 3"), instance)
    assert (found["Status"], found["StatusDetails"], found["ResponseCode"]) == ("Failed", "Failed", 3)
    assert found["StandardOutputContent"] == "out\n"
    assert found["StandardErrorContent"].splitlines() == ["err", "failed to run commands: exit status 3"]
    assert found["ExecutionStartDateTime"] <= found["ExecutionEndDateTime"]


def test_sending_does_not_wait_for_the_script(emulator: Any, ssm: Any, launch: Any) -> None:
    instance = launch()
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["while [ ! -e go ]; do sleep 0.05; done"]}
    )
    command = sent["Command"]["CommandId"]
    assert sent["Command"]["Status"] == "Pending"
    total = sent["Command"]["ExpiresAfter"] - sent["Command"]["RequestedDateTime"]
    assert total.total_seconds() == pytest.approx(2 * 3600, abs=1)  # an hour for the delivery, one for the script
    while ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Pending":
        time.sleep(0.02)
    running = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
    assert (running["Status"], running["ResponseCode"], running["ExecutionEndDateTime"]) == ("InProgress", -1, "")
    (directory(emulator, instance) / "go").touch()
    assert ended(ssm, command, instance)["Status"] == "Success"


def test_targets_by_tag_reach_the_tagged_instances_only(ssm: Any, ec2: Any, launch: Any) -> None:
    tagged, other = launch(), launch()
    ec2.create_tags(Resources=[tagged], Tags=[{"Key": "Role", "Value": "web"}])
    target = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    command = ssm.send_command(Targets=[{"Key": "tag:Role", "Values": ["web"]}], **target)["Command"]["CommandId"]
    assert ended(ssm, command, tagged)["Status"] == "Success"
    assert code_of(ssm.get_command_invocation, CommandId=command, InstanceId=other) == "InvocationDoesNotExist"
    nobody = ssm.send_command(Targets=[{"Key": "tag:Role", "Values": ["nobody"]}], **target)["Command"]["CommandId"]
    assert ssm.list_commands(CommandId=nobody)["Commands"][0]["StatusDetails"] == "NoInstancesInTag"


def test_an_instance_systems_manager_does_not_know_is_refused(emulator: Any, ssm: Any, ec2: Any, launch: Any) -> None:
    without_agent, without_profile, gone = launch(), launch(profile=False), launch()
    emulator.control("PUT", f"instances/{without_agent}", {"ssmAgent": "absent"})
    ec2.terminate_instances(InstanceIds=[gone])
    elsewhere = emulator.client("ssm", region="us-east-1")
    for instance in (without_agent, without_profile, gone, "i-0123456789abcdef0"):
        assert code_of(run, ssm, instance, "true") == "InvalidInstanceId"
    assert code_of(run, elsewhere, launch(), "true") == "InvalidInstanceId"
    assert code_of(run, ssm, "not-an-id", "true") == "ValidationException"


def test_documents_and_parameters_are_checked_before_anything_runs(ssm: Any, launch: Any) -> None:
    instance = launch()
    name = document(ssm, [shell("only", "echo {{ Name }}")], {"Name": {"type": "String", "allowedPattern": "^[a-z]+$"}})

    def send(parameters: dict[str, list[str]], **more: Any) -> Any:
        return ssm.send_command(**{"InstanceIds": [instance], "DocumentName": name, "Parameters": parameters, **more})

    assert code_of(send, {"Name": ["x"]}, DocumentName="no-such-document") == "InvalidDocument"
    assert code_of(send, {"Name": ["x"]}, DocumentVersion="7") == "InvalidDocumentVersion"
    for parameters in ({}, {"Name": ["x"], "Other": ["y"]}, {"Name": ["x; reboot"]}, {"Name": ["x", "y"]}):
        assert code_of(send, parameters) == "InvalidParameters"
    assert code_of(send, {"Name": ["x"]}, TimeoutSeconds=5) == "ValidationException"
    assert code_of(send, {"Name": ["x"]}, InstanceIds=[instance, instance]) == "DuplicateInstanceId"
    assert ssm.list_commands(InstanceId=instance)["Commands"] == []


def test_parameters_are_put_in_as_text_and_lists_as_lines(ssm: Any, launch: Any) -> None:
    instance = launch()
    parameters = {
        "Lines": {"type": "StringList"},
        "Greeting": {"type": "String", "default": "hello"},
        "Count": {"type": "Integer", "default": 2},
    }
    name = document(ssm, [shell("say", "echo '{{ Greeting }} {{Count}} {{ Unknown }}'", "{{ Lines }}")], parameters)
    sent = ssm.send_command(InstanceIds=[instance], DocumentName=name, Parameters={"Lines": ["echo one", "echo two"]})
    found = ended(ssm, sent["Command"]["CommandId"], instance)
    assert found["StandardOutputContent"].splitlines() == ["hello 2 {{ Unknown }}", "one", "two"]


def test_steps_run_in_order_where_their_precondition_holds(ssm: Any, launch: Any) -> None:
    instance = launch()
    windows = {
        "action": "aws:runPowerShellScript",
        "name": "windows",
        "inputs": {"runCommand": ["exit 1"]},
        "precondition": {"StringEquals": ["platformType", "Windows"]},
    }
    name = document(
        ssm,
        [windows, shell("first", "echo 1 >> order"), {**shell("second", "cat order; exit 1"), "onFailure": "exit"}, shell("third", "true")],
    )
    command = ssm.send_command(InstanceIds=[instance], DocumentName=name)["Command"]["CommandId"]
    assert ended(ssm, command, instance)["Status"] == "Failed"
    assert ended(ssm, command, instance, PluginName="second")["StandardOutputContent"] == "1\n"
    plugins = ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"][0]["CommandPlugins"]
    assert [(plugin["Name"], plugin["ResponseCode"]) for plugin in plugins] == [("first", 0), ("second", 1), ("third", -1)]
    assert code_of(ssm.get_command_invocation, CommandId=command, InstanceId=instance, PluginName="windows") == "InvalidPluginName"


def test_a_script_over_its_time_is_killed_with_all_it_started(emulator: Any, ssm: Any, launch: Any) -> None:
    instance = launch()
    name = document(ssm, [shell("slow", "setsid sleep 300 & echo $! > away", "sleep 300 & echo $! > near", "wait", timeoutSeconds=1)])
    found = ended(ssm, ssm.send_command(InstanceIds=[instance], DocumentName=name)["Command"]["CommandId"], instance)
    assert (found["Status"], found["StatusDetails"], found["ResponseCode"]) == ("TimedOut", "ExecutionTimedOut", 137)
    for file in ("away", "near"):
        assert not alive(int((directory(emulator, instance) / file).read_text()))


def test_a_cancelled_command_stops_and_says_so(emulator: Any, ssm: Any, launch: Any) -> None:
    instance = launch()
    command = run(ssm, instance, "echo $$ > pid", "exec sleep 300")
    pid = directory(emulator, instance) / "pid"
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.02)
    ssm.cancel_command(CommandId=command)
    found = ended(ssm, command, instance)
    assert (found["Status"], found["StatusDetails"]) == ("Cancelled", "Cancelled")
    assert ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Cancelled"
    assert not alive(int(pid.read_text()))
    assert code_of(ssm.cancel_command, CommandId=str(uuid.uuid4())) == "InvalidCommandId"


def test_a_script_ends_with_its_machine_which_reports_nothing_more(emulator: Any, ssm: Any, ec2: Any, launch: Any) -> None:
    instance = launch()
    command = run(ssm, instance, "echo $$ > pid", "exec sleep 300")
    pid = directory(emulator, instance) / "pid"
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.02)
    process = int(pid.read_text())
    ec2.stop_instances(InstanceIds=[instance])
    while alive(process):
        time.sleep(0.05)
    assert ssm.get_command_invocation(CommandId=command, InstanceId=instance)["Status"] == "InProgress"
    ssm.cancel_command(CommandId=command)
    assert ended(ssm, command, instance)["Status"] == "Cancelled"


def test_a_command_that_cannot_be_delivered_in_time_never_runs() -> None:
    stopped = SimpleNamespace(id="i-0123456789abcdef0", image_id="ami-1", state="stopped", iam_instance_profile={"Arn": "arn"}, nics={})
    late = Invocation("late", stopped, [Step("only", "aws:runShellScript", "true", "", 60)], 0.1, None)
    late.thread.start()
    late.thread.join()
    assert (late.details, [plugin.details for plugin in late.plugins]) == ("DeliveryTimedOut", ["DeliveryTimedOut"])


def test_an_offline_agent_gets_the_command_when_it_is_back(emulator: Any, ssm: Any, launch: Any) -> None:
    instance = launch()
    emulator.control("PUT", f"instances/{instance}", {"ssmAgent": "offline"})
    command = run(ssm, instance, "true")
    assert ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Pending"
    while ssm.list_command_invocations(CommandId=command, Filters=[{"key": "Status", "value": "Delayed"}])["CommandInvocations"] == []:
        time.sleep(0.05)
    emulator.control("PUT", f"instances/{instance}", {"ssmAgent": "online"})
    assert ended(ssm, command, instance)["Status"] == "Success"


def test_long_output_is_cut_in_the_answer_and_whole_in_the_bucket(emulator: Any, ssm: Any, launch: Any) -> None:
    instance, s3 = launch(), emulator.client("s3")
    s3.create_bucket(Bucket="command-output", CreateBucketConfiguration={"LocationConstraint": REGION})
    name = document(ssm, [shell("talk", "head -c 30000 /dev/zero | tr '\\0' x", "head -c 9000 /dev/zero | tr '\\0' y >&2")])
    output = {"OutputS3BucketName": "command-output", "OutputS3KeyPrefix": "runs"}
    command = ssm.send_command(InstanceIds=[instance], DocumentName=name, **output)["Command"]["CommandId"]
    found = ended(ssm, command, instance)
    assert (len(found["StandardOutputContent"]), len(found["StandardErrorContent"])) == (24_000, 8_000)
    key = f"runs/{command}/{instance}/awsrunShellScript/talk/stdout"
    assert s3.get_object(Bucket="command-output", Key=key)["Body"].read() == b"x" * 30_000
    assert found["StandardOutputUrl"].endswith(f"/command-output/{key}")
    assert code_of(run, ssm, instance, "true", OutputS3BucketName="no-such-bucket-here") == "InvalidOutputFolder"
    put = [
        entry
        for entry in emulator.control("GET", "calls?since=0")
        if entry["action"] == "PutObject" and entry.get("resource") == f"command-output/{key}"
    ]
    assert [entry["principal"] for entry in put] == [f"arn:aws:sts::{ACCOUNT}:assumed-role/run-command/{instance}"]


def test_a_machine_sees_its_own_world_only(emulator: Any, ssm: Any, ec2: Any, launch: Any, place: dict[str, Any], tmp_path: Any) -> None:
    tool = tmp_path / "forensic-tool"
    tool.write_text("#!/bin/sh\necho from the image\n")
    tool.chmod(0o755)
    image = ec2.register_image(Name=f"tools-{uuid.uuid4()}", RootDeviceName="/dev/xvda", Architecture="x86_64")["ImageId"]
    emulator.control("PUT", f"machine-images/{image}", {"path": [str(tmp_path)], "env": {"TOOLS": "yes"}, "ssmAgent": "online"})
    answer = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=place["subnet"], InstanceType="t3.small", IamInstanceProfile={"Name": "run-command"}
    )
    instance = answer["Instances"][0]["InstanceId"]
    emulator.control("PUT", f"instances/{instance}", {"memory": "/memory/web1.lime"})
    found = ended(ssm, run(ssm, instance, "forensic-tool", "pwd", "env"), instance)["StandardOutputContent"].splitlines()
    home = str(directory(emulator, instance))
    assert found[:2] == ["from the image", home]
    env = dict(line.split("=", 1) for line in found[2:])
    assert (env["HOME"], env["CLEANROOM_DEVICE_DIR"], env["CLEANROOM_MEMORY_SOURCE"], env["TOOLS"]) == (
        home,
        f"{home}/dev",
        "/memory/web1.lime",
        "yes",
    )
    assert (env["AWS_ENDPOINT_URL"], env["AWS_REGION"]) == (emulator.endpoint, REGION)
    assert "PYTHONPATH" not in env  # the emulator's own environment has it
    caller = emulator.client(
        "sts",
        credentials={
            "AccessKeyId": env["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": env["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": env["AWS_SESSION_TOKEN"],
        },
    )
    assert caller.get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/run-command/{instance}"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # a killed child of ours stays a zombie until its new parent reaps it
        return stat.read().rpartition(")")[2].split()[0] != "Z"
