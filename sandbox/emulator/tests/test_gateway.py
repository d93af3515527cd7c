"""Every call is logged, can be delayed or failed by script, and is always answered in AWS's form."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error

import pytest
from botocore.exceptions import ReadTimeoutError
from emulator_process import PACKAGE_ROOT, REGION


def calls_after(emulator, act):
    seen = emulator.control("GET", "calls")
    act()
    return emulator.control("GET", f"calls?since={seen[-1]['seq'] if seen else 0}")


def failing(call):
    try:
        call()
    except Exception as error:
        return error.response
    raise AssertionError("the call succeeded")


def test_the_log_says_who_called_what_where_when_and_how_it_ended(emulator, cloud):
    volume_id = cloud.volume()
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    emulator.client("iam").create_role(RoleName="contain", AssumeRolePolicyDocument=json.dumps(trust))
    role = emulator.as_role("arn:aws:iam::123456789012:role/contain", "incident-1")
    ec2 = emulator.client("ec2", credentials=role)
    [entry] = calls_after(emulator, lambda: ec2.describe_volumes(VolumeIds=[volume_id]))
    assert (entry["service"], entry["action"], entry["status"]) == ("ec2", "DescribeVolumes", 200)
    assert (entry["account"], entry["region"]) == ("123456789012", REGION)
    assert entry["principal"] == "arn:aws:sts::123456789012:assumed-role/contain/incident-1"
    assert entry["resource"] == volume_id
    assert 0 <= entry["end"] - entry["start"] and abs(entry["end"] - time.time() * 1000) < 60_000
    assert "error" not in entry
    assert entry in [json.loads(line) for line in emulator.log.read_text().splitlines()]


def test_the_log_names_what_was_made(emulator, cloud, ec2):
    made = []
    [entry] = calls_after(
        emulator,
        lambda: made.append(
            ec2.create_security_group(GroupName="logged", Description="x", VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])[
                "GroupId"
            ]
        ),
    )[1:]
    assert (entry["action"], entry["resource"]) == ("CreateSecurityGroup", made[0])
    image = cloud.image()
    [entry] = calls_after(emulator, lambda: made.append(cloud.instance(ImageId=image)))
    assert (entry["action"], entry["resource"]) == ("RunInstances", made[1])


def test_the_log_names_actions_errors_and_resources_of_every_protocol(emulator):
    s3, ssm, sqs, ebs = (emulator.client(name) for name in ("s3", "ssm", "sqs", "ebs"))
    s3.create_bucket(Bucket="logged-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})

    def act():
        s3.put_object(Bucket="logged-bucket", Key="incidents/a b", Body=b"x")
        failing(lambda: s3.get_object(Bucket="logged-bucket", Key="absent"))
        failing(lambda: ssm.get_parameter(Name="/absent"))
        failing(lambda: sqs.get_queue_url(QueueName="absent"))
        failing(lambda: ebs.list_snapshot_blocks(SnapshotId="snap-00000000000000000"))

    entries = [(e["service"], e["action"], e.get("error"), e.get("resource")) for e in calls_after(emulator, act)]
    assert entries == [
        ("s3", "PutObject", None, "logged-bucket/incidents/a b"),
        ("s3", "GetObject", "NoSuchKey", "logged-bucket/absent"),
        ("ssm", "GetParameter", "ParameterNotFound", "/absent"),
        ("sqs", "GetQueueUrl", "QueueDoesNotExist", "absent"),
        ("ebs", "ListSnapshotBlocks", "ResourceNotFoundException", "snap-00000000000000000"),
    ]


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("ec2", lambda client: client.describe_vpcs()),
        ("iam", lambda client: client.list_roles()),
        ("sts", lambda client: client.get_caller_identity()),
        ("autoscaling", lambda client: client.describe_auto_scaling_groups()),
        ("elbv2", lambda client: client.describe_load_balancers()),
        ("sns", lambda client: client.list_topics()),
        ("sqs", lambda client: client.list_queues()),
        ("ssm", lambda client: client.describe_parameters()),
        ("kms", lambda client: client.list_keys()),
        ("s3", lambda client: client.list_buckets()),
        ("ebs", lambda client: client.list_snapshot_blocks(SnapshotId="snap-0123456789abcdef0")),
    ],
)
def test_a_scripted_error_reaches_the_client_as_the_services_own(emulator, service, call):
    emulator.control("PUT", "faults", [{"service": service, "error": {"code": "ThrottlingException", "status": 503}}])
    try:
        response = failing(lambda: call(emulator.client(service)))
    finally:
        emulator.control("PUT", "faults", [])
    assert response["Error"]["Code"] == "ThrottlingException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_the_first_matching_rule_applies_after_and_as_often_as_it_says(emulator, ec2):
    emulator.control(
        "PUT",
        "faults",
        [
            {
                "service": "ec2",
                "action": "DescribeVpcs",
                "after": 1,
                "times": 2,
                "error": {"code": "RequestLimitExceeded", "status": 503},
            },
            {"service": "ec2", "action": "DescribeSubnets", "error": {"code": "InternalError", "status": 500}},
        ],
    )
    outcomes = []
    for _ in range(4):
        try:
            ec2.describe_vpcs()
            outcomes.append("ok")
        except Exception as error:
            outcomes.append(error.response["Error"]["Code"])
    other = failing(ec2.describe_subnets)["Error"]["Code"]
    emulator.control("PUT", "faults", [])
    assert outcomes == ["ok", "RequestLimitExceeded", "RequestLimitExceeded", "ok"]
    assert other == "InternalError"


def test_calls_delayed_by_script_run_side_by_side(emulator):
    emulator.control("PUT", "faults", [{"service": "ec2", "action": "DescribeVpcs", "delayMs": 400}])

    def act():
        clients = [emulator.client("ec2") for _ in range(3)]
        threads = [threading.Thread(target=client.describe_vpcs) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    entries = calls_after(emulator, act)
    emulator.control("PUT", "faults", [])
    assert all(entry["end"] - entry["start"] >= 400 for entry in entries)
    assert max(entry["start"] for entry in entries) < min(entry["end"] for entry in entries)


def test_a_rule_for_one_resource_leaves_the_others_alone(emulator, cloud, ec2):
    subnet = cloud.subnet(cloud.vpc())
    struck, spared = cloud.interface(subnet), cloud.interface(subnet)
    parameter = emulator.client("ssm").put_parameter
    refusal = {"error": {"code": "InternalError", "status": 500}}
    emulator.control("PUT", "faults", [{"resource": struck, **refusal}, {"resource": "/struck", **refusal}])
    try:
        for call in (
            lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=[spared, struck]),
            lambda: ec2.describe_network_interfaces(Filters=[{"Name": "network-interface-id", "Values": [struck]}]),
            lambda: parameter(Name="/struck", Value="x", Type="String"),
            lambda: parameter(Name="/spared", Value="x", Type="String", Tags=[{"Key": "of", "Value": "/struck"}]),
        ):
            assert failing(call)["Error"]["Code"] == "InternalError"
        ec2.describe_network_interfaces(NetworkInterfaceIds=[spared])
        parameter(Name="/spared", Value="x", Type="String")
    finally:
        emulator.control("PUT", "faults", [])


def test_a_rule_can_name_a_tag_of_the_resource_or_a_member_of_the_request(emulator, cloud, ec2):
    tagged, other = (ec2.create_security_group(GroupName=name, Description="x", VpcId=cloud.vpc())["GroupId"] for name in "ab")
    ec2.create_tags(Resources=[tagged], Tags=[{"Key": "Name", "Value": "struck-by-tag"}])
    instance = cloud.instance()
    refusal = {"error": {"code": "InternalError", "status": 500}}
    rules = [
        {"action": "DeleteSecurityGroup", "resource": "struck-by-tag", **refusal},
        {"action": "ModifyInstanceAttribute", "resource": instance, "parameter": "DisableApiStop.Value", **refusal},
        {"action": "DescribeVpcs", "parameter": "Filter.1.Name", **refusal},
    ]
    emulator.control("PUT", "faults", rules)
    try:
        assert failing(lambda: ec2.delete_security_group(GroupId=tagged))["Error"]["Code"] == "InternalError"
        ec2.delete_security_group(GroupId=other)
        for _ in range(2):
            failing(lambda: ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": True}))
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
        assert emulator.control("GET", "faults") == [{"seen": 1, "done": 1}, {"seen": 2, "done": 2}, {"seen": 0, "done": 0}]
    finally:
        emulator.control("PUT", "faults", [])


def test_a_call_that_is_held_up_counts_as_struck(emulator, ec2):
    emulator.control("PUT", "faults", [{"action": "DescribeVpcs", "delayMs": 1000}])
    call = threading.Thread(target=ec2.describe_vpcs)
    call.start()
    deadline = time.monotonic() + 0.9
    while emulator.control("GET", "faults")[0]["done"] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert call.is_alive() and emulator.control("GET", "faults") == [{"seen": 1, "done": 1}]
    emulator.control("PUT", "faults", [])
    call.join()


def test_the_log_tells_the_members_of_a_request_when_asked(emulator, cloud, ec2):
    group = ec2.create_security_group(GroupName="members", Description="x", VpcId=cloud.vpc())["GroupId"]
    seen = emulator.control("GET", "calls")[-1]["seq"]
    ec2.describe_security_groups(GroupIds=[group])
    [entry] = emulator.control("GET", f"calls?since={seen}&parameters")
    assert entry["parameters"]["GroupId.1"] == group
    assert "parameters" not in emulator.control("GET", f"calls?since={seen}")[0]


def test_an_answer_can_be_lost_after_the_call_took_effect(emulator, cloud, ec2):
    subnet, made = cloud.subnet(cloud.vpc()), []
    rule = {"service": "ec2", "action": "CreateNetworkInterface", "error": {"code": "RequestTimeout", "status": 503}}
    for when, count in (("before", 0), ("after", 1)):
        emulator.control("PUT", "faults", [{**rule, "when": when}])
        [entry] = calls_after(emulator, lambda: made.append(failing(lambda: cloud.interface(subnet))))
        emulator.control("PUT", "faults", [])
        assert made.pop()["Error"]["Code"] == entry["error"] == "RequestTimeout"
        assert (entry["status"], entry.get("lostStatus")) == (503, 200 if when == "after" else None)
        found = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"]
        assert len(found) == count


@pytest.mark.parametrize(
    ("fault", "at_once", "at_last"),
    [
        ({"when": "before"}, 0, 1),
        ({"when": "after"}, 1, 1),
        ({"when": "before", "error": {"code": "RequestTimeout", "status": 503}}, 0, 0),
    ],
)
def test_a_client_that_gives_up_on_a_call_held_up_does_not_stop_it(emulator, cloud, ec2, fault, at_once, at_last):
    subnet = cloud.subnet(cloud.vpc())

    def made():
        return len(ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"])

    def act():
        emulator.control("PUT", "faults", [{"action": "CreateNetworkInterface", "delayMs": 1500, **fault}])
        with pytest.raises(ReadTimeoutError):
            emulator.client("ec2", read_timeout=0.5).create_network_interface(SubnetId=subnet)
        emulator.control("PUT", "faults", [])
        assert made() == at_once
        time.sleep(1.5)
        assert made() == at_last

    # Logged when it was over, after the calls that others made meanwhile.
    assert [entry["action"] for entry in calls_after(emulator, act)][:2] == ["DescribeNetworkInterfaces", "CreateNetworkInterface"]


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ({"action": "DescribeVpcs", "eror": {"code": "X"}}, "eror"),
        ({"action": "DescribeVpcs", "error": {"code": "X"}, "when": "later"}, "later"),
        ({"action": "DescribeVpcs"}, "delayMs"),
    ],
)
def test_rules_that_are_not_understood_are_refused_and_change_nothing(emulator, ec2, rule, wrong):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        emulator.control("PUT", "faults", [rule])
    assert refusal.value.code == 400 and wrong in refusal.value.read().decode()
    ec2.describe_vpcs()


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("ec2", lambda client: client.describe_store_image_tasks()),
        ("ec2", lambda client: client.describe_security_groups(Filters=[{"Name": "bogus", "Values": ["x"]}])),
        ("ssm", lambda client: client.start_automation_execution(DocumentName="x")),
        ("lambda", lambda client: client.get_account_settings()),
        ("imagebuilder", lambda client: client.list_images()),
        ("iam", lambda client: client.generate_organizations_access_report(EntityPath="o-1234567890/r-1234")),
    ],
)
def test_what_the_sandbox_lacks_is_a_clients_error_that_says_so(emulator, service, call):
    response = failing(lambda: call(emulator.client(service)))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] == "UnsupportedOperation"
    assert "sandbox does not implement" in response["Error"]["Message"]


def test_every_answer_carries_the_request_id_of_the_log(emulator, ec2):
    answers = []
    [entry] = calls_after(emulator, lambda: answers.append(ec2.describe_vpcs()))
    assert answers[0]["ResponseMetadata"]["RequestId"] == entry["requestId"]


def test_wrong_options_are_told_before_anything_starts(tmp_path):
    command = [sys.executable, "-m", "cleanroom_emulator", "--state-dir", str(tmp_path / "state"), "--pending", "disk=5"]
    ended = subprocess.run(command, cwd=PACKAGE_ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "disk=5" in ended.stderr
    assert not (tmp_path / "state").exists()
