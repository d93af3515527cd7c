"""Who is in an Auto Scaling group, and what it does about that. Amazon EC2 Auto Scaling API Reference and User Guide."""

from __future__ import annotations

import time

import pytest
from test_load_balanced_groups import Web


@pytest.fixture(scope="module")
def clients(emulator):
    return {name: emulator.client(name) for name in ("autoscaling", "elbv2", "elb")}


@pytest.fixture
def web(cloud, clients):
    """A group of two to four instances."""
    return Web(cloud, clients, desired=2, smallest=1)


def states(web):
    return {instance["InstanceId"]: instance["LifecycleState"] for instance in web.group()["Instances"]}


def serving(web):
    """The instances that get traffic from both balancers."""
    healthy = {target for target, state in web.targets().items() if state == "healthy"}
    assert healthy == web.classic()
    return healthy


def enter(web, *ids, decrement):
    request = {"AutoScalingGroupName": web.name, "InstanceIds": list(ids), "ShouldDecrementDesiredCapacity": decrement}
    return web.scaling.enter_standby(**request)


def leave(web, *ids):
    return web.scaling.exit_standby(AutoScalingGroupName=web.name, InstanceIds=list(ids))


def attach(web, *ids):
    return web.scaling.attach_instances(AutoScalingGroupName=web.name, InstanceIds=list(ids))


def stranger(cloud, web):
    return cloud.instance(SubnetId=cloud.described(web.members()[0])["SubnetId"])


def until(holds):
    for _ in range(100):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to that")


def test_a_member_on_standby_gets_no_traffic_and_does_not_count(web, refused):
    victim, other = web.members()
    enter(web, victim, decrement=True)
    assert states(web) == {victim: "Standby", other: "InService"} and web.group()["DesiredCapacity"] == 1
    assert serving(web) == {other}
    with refused("ValidationError") as refusal:
        enter(web, other, decrement=True)
    assert "To place into standby 1 instance, please update the AutoScalingGroup sizes appropriately." in refusal.message
    with refused("ValidationError") as refusal:
        enter(web, victim, decrement=False)
    assert refusal.message == f"The instance {victim} is not in InService."
    leave(web, victim)
    assert states(web) == {victim: "InService", other: "InService"} and web.group()["DesiredCapacity"] == 2
    assert serving(web) == {victim, other}
    with refused("ValidationError") as refusal:
        leave(web, victim)
    assert refusal.message == f"The instance {victim} is not in Standby." and web.group()["DesiredCapacity"] == 2


def test_without_decrement_standby_is_made_up_for_and_coming_back_makes_one_more(web, refused):
    victim, other = web.members()
    enter(web, victim, decrement=False)
    assert web.group()["DesiredCapacity"] == 2 and len(web.members()) == 3
    assert serving(web) == set(web.members()) - {victim}
    leave(web, victim)
    assert web.group()["DesiredCapacity"] == 3 and serving(web) == set(web.members())
    enter(web, victim, decrement=False)
    enter(web, other, decrement=False)
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=4)
    with refused("ValidationError") as refusal:
        leave(web, victim)
    assert "max-size=4, and desired-size=4" in refusal.message and states(web)[victim] == "Standby"
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=1)
    assert sorted(states(web).values()) == ["InService", "Standby", "Standby"]


def test_a_member_on_standby_can_be_detached_and_is_not_made_up_for(web):
    victim, other = web.members()
    enter(web, victim, decrement=True)
    web.detach(victim, decrement=False)
    assert states(web) == {other: "InService"} and web.group()["DesiredCapacity"] == 1


def test_an_attached_instance_serves_and_raises_the_desired_capacity(cloud, web, refused):
    added, more = stranger(cloud, web), [stranger(cloud, web) for _ in range(2)]
    attach(web, added)
    assert web.group()["DesiredCapacity"] == 3 and added in serving(web)
    for code, call in {
        f"Instance {added} is already part of AutoScalingGroup:{web.name}": lambda: attach(web, added),
        f"AutoScalingGroup {web.name} has min-size=1, max-size=4, and desired-size=3. To attach 2 instances, "
        "please update the AutoScalingGroup sizes appropriately.": lambda: attach(web, *more),
        "Invalid Instance ID(s): [i-00000000000000000] specified": lambda: attach(web, "i-00000000000000000"),
    }.items():
        with refused("ValidationError") as refusal:
            call()
        assert refusal.message == code
    assert web.group()["DesiredCapacity"] == 3 and len(web.members()) == 3
    web.ec2.stop_instances(InstanceIds=[more[0]])
    with refused("ValidationError") as refusal:
        attach(web, more[0])
    assert refusal.message == f"Instance {more[0]} is not in correct state."


def test_whether_there_is_room_is_a_question_of_the_desired_capacity(cloud, web, refused):
    victim, _ = web.members()
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=4)
    web.scaling.suspend_processes(AutoScalingGroupName=web.name, ScalingProcesses=["Launch"])
    web.detach(victim, decrement=False)
    assert len(web.members()) == 3 and web.group()["DesiredCapacity"] == 4
    with refused("ValidationError"):
        attach(web, victim)
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=3)
    enter(web, web.members()[0], decrement=True)
    attach(web, victim)
    assert web.group()["DesiredCapacity"] == 3 and len(web.members()) == 4


def test_a_protected_member_is_not_scaled_in(cloud, web, refused):
    kept, other = web.members()
    request = {"AutoScalingGroupName": web.name, "ProtectedFromScaleIn": True}
    web.scaling.set_instance_protection(**request, InstanceIds=[kept])
    web.ec2.modify_instance_attribute(InstanceId=other, DisableApiTermination={"Value": True})
    described = web.scaling.describe_auto_scaling_instances(InstanceIds=[kept, other])["AutoScalingInstances"]
    assert {instance["InstanceId"]: instance["ProtectedFromScaleIn"] for instance in described} == {kept: True, other: False}
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=1)
    assert web.members() == [kept] and cloud.described(other)["State"]["Name"] == "terminated"
    with refused("ValidationError"):
        web.scaling.set_instance_protection(**request, InstanceIds=[stranger(cloud, web)])


def test_suspended_processes_are_shown_do_nothing_and_catch_up(cloud, web, refused):
    def suspended():
        return {process["ProcessName"]: process["SuspensionReason"] for process in web.group()["SuspendedProcesses"]}

    request = {"AutoScalingGroupName": web.name}
    victim, other = web.members()
    web.scaling.suspend_processes(**request, ScalingProcesses=["Launch", "Terminate"])
    assert set(suspended()) == {"Launch", "Terminate"} and suspended()["Launch"].startswith("User suspended at 20")
    web.scaling.set_desired_capacity(**request, DesiredCapacity=1)
    assert web.members() == [victim, other]
    web.scaling.set_desired_capacity(**request, DesiredCapacity=2)
    web.detach(victim, decrement=False)
    assert web.members() == [other]
    with refused("ValidationError"):
        web.scaling.suspend_processes(**request, ScalingProcesses=["Lunch"])
    web.scaling.resume_processes(**request, ScalingProcesses=["Launch"])
    assert set(suspended()) == {"Terminate"} and len(web.members()) == 2
    web.scaling.suspend_processes(**request)
    assert len(suspended()) == 9
    web.scaling.resume_processes(**request)
    assert suspended() == {}


def test_a_stopped_or_unhealthy_member_is_replaced_unless_that_is_suspended_or_it_is_on_standby(cloud, web):
    request = {"AutoScalingGroupName": web.name}
    standing, stopped = web.members()
    enter(web, standing, decrement=False)
    web.scaling.suspend_processes(**request, ScalingProcesses=["ReplaceUnhealthy"])
    web.ec2.stop_instances(InstanceIds=[standing, stopped])
    until(lambda: {i["InstanceId"]: i["HealthStatus"] for i in web.group()["Instances"]}[stopped] == "Unhealthy")
    assert states(web)[stopped] == "InService" and states(web)[standing] == "Standby"
    web.scaling.resume_processes(**request)
    assert stopped not in web.members() and states(web)[standing] == "Standby" and len(web.members()) == 3
    assert cloud.described(stopped)["State"]["Name"] == "terminated"
    ill = next(member for member in web.members() if member != standing)
    web.scaling.set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
    assert ill not in web.members() and len(web.members()) == 3


def test_a_lifecycle_hook_holds_members_on_their_way_in_and_out(cloud, web, refused):
    hook = {"AutoScalingGroupName": web.name, "LifecycleHookName": "wait"}
    for transition in ("LAUNCHING", "TERMINATING"):
        web.scaling.put_lifecycle_hook(**{**hook, "LifecycleHookName": transition}, LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}")
    victim, other = web.members()
    web.scaling.terminate_instance_in_auto_scaling_group(InstanceId=victim, ShouldDecrementDesiredCapacity=False)
    [new] = set(web.members()) - {victim, other}
    assert states(web) == {victim: "Terminating:Wait", other: "InService", new: "Pending:Wait"}
    assert serving(web) == {other} and cloud.described(victim)["State"]["Name"] == "running"
    with refused("ValidationError") as refusal:
        web.detach(victim, decrement=False)
    assert refusal.message == f"The instance {victim} is not in InService or Standby."

    def complete(instance_id, transition):
        request = {**hook, "LifecycleHookName": transition, "InstanceId": instance_id, "LifecycleActionResult": "CONTINUE"}
        web.scaling.complete_lifecycle_action(**request)

    complete(new, "LAUNCHING")
    complete(victim, "TERMINATING")
    assert states(web) == {other: "InService", new: "InService"} and serving(web) == {other, new}
    assert cloud.described(victim)["State"]["Name"] == "terminated"
    with refused("ValidationError"):
        complete(victim, "TERMINATING")
