"""Taking a machine out of service: out of its Auto Scaling group, target groups and classic load balancers."""

from __future__ import annotations

import itertools
import time

import pytest

_names = (f"web-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def clients(emulator):
    return {name: emulator.client(name) for name in ("autoscaling", "elbv2", "elb")}


class Web:
    """An Auto Scaling group behind an application load balancer and a classic one."""

    def __init__(self, cloud, clients, desired=2, smallest=1):
        self.ec2, self.scaling, self.elbv2, self.elb = cloud.ec2, clients["autoscaling"], clients["elbv2"], clients["elb"]
        self.name = next(_names)
        self.vpc = cloud.vpc()
        subnets = [cloud.subnet(self.vpc, "10.7.1.0/24", "eu-central-1a"), cloud.subnet(self.vpc, "10.7.2.0/24", "eu-central-1b")]
        balancer = self.elbv2.create_load_balancer(Name=self.name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        group = self.elbv2.create_target_group(Name=self.name, Protocol="HTTP", Port=80, VpcId=self.vpc)["TargetGroups"][0]
        self.target_group = group["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": self.target_group}]
        self.elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        listener = [{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}]
        self.elb.create_load_balancer(LoadBalancerName=self.name, Listeners=listener, Subnets=subnets)
        self.ec2.create_launch_template(
            LaunchTemplateName=self.name, LaunchTemplateData={"ImageId": cloud.image(), "InstanceType": "t3.micro"}
        )
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.name, MinSize=smallest, MaxSize=4, DesiredCapacity=desired,
            LaunchTemplate={"LaunchTemplateName": self.name}, VPCZoneIdentifier=subnets[0],
            TargetGroupARNs=[self.target_group], LoadBalancerNames=[self.name],
        )  # fmt: skip

    def group(self):
        return self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"][0]

    def members(self):
        return [instance["InstanceId"] for instance in self.group()["Instances"]]

    def targets(self):
        described = self.elbv2.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in described}

    def classic(self):
        return {state["InstanceId"] for state in self.elb.describe_instance_health(LoadBalancerName=self.name)["InstanceStates"]}

    def detach(self, *ids, decrement):
        request = {"AutoScalingGroupName": self.name, "InstanceIds": list(ids), "ShouldDecrementDesiredCapacity": decrement}
        return self.scaling.detach_instances(**request)["Activities"]

    def until_drained(self, instance_id):
        for _ in range(100):
            if instance_id not in self.targets():
                return
            time.sleep(0.1)
        raise AssertionError(f"{instance_id} still drains")


def test_a_detached_instance_leaves_every_balancer_of_its_group_and_keeps_running(cloud, clients):
    web = Web(cloud, clients)
    victim, other = web.members()
    assert web.targets() == {victim: "healthy", other: "healthy"} and web.classic() == {victim, other}
    [activity] = web.detach(victim, decrement=True)
    assert (activity["StatusCode"], victim in activity["Description"]) == ("InProgress", True)
    assert web.members() == [other] and web.group()["DesiredCapacity"] == 1
    assert web.classic() == {other}
    assert web.targets() == {victim: "draining", other: "healthy"}
    web.until_drained(victim)
    [unused] = web.elbv2.describe_target_health(TargetGroupArn=web.target_group, Targets=[{"Id": victim}])[
        "TargetHealthDescriptions"
    ]
    assert (unused["TargetHealth"]["State"], unused["TargetHealth"]["Reason"]) == ("unused", "Target.NotRegistered")
    assert cloud.described(victim)["State"]["Name"] == "running"
    assert web.scaling.describe_auto_scaling_instances(InstanceIds=[victim])["AutoScalingInstances"] == []


def test_without_decrement_the_group_replaces_what_was_detached(cloud, clients):
    web = Web(cloud, clients)
    victim, other = web.members()
    web.detach(victim, decrement=False)
    assert len(web.members()) == 2 and victim not in web.members() and other in web.members()
    assert set(web.members()) <= set(web.targets())
    activities = web.scaling.describe_scaling_activities(AutoScalingGroupName=web.name)["Activities"]
    assert [activity["Description"].split(":")[0] for activity in activities[:2]] == [
        "Detaching EC2 instance",
        "Launching a new EC2 instance",
    ]
    assert {activity["StatusCode"] for activity in activities} == {"Successful"}


def test_nothing_is_launched_while_launching_is_suspended(cloud, clients):
    web = Web(cloud, clients)
    victim, other = web.members()
    web.scaling.suspend_processes(AutoScalingGroupName=web.name, ScalingProcesses=["Launch"])
    web.detach(victim, decrement=False)
    assert web.members() == [other]


def test_a_group_is_not_shrunk_below_its_smallest_size(cloud, clients, refused):
    web = Web(cloud, clients, desired=1, smallest=1)
    [victim] = web.members()
    with refused("ValidationError"):
        web.detach(victim, decrement=True)
    assert web.members() == [victim] and web.targets() == {victim: "healthy"}


def test_strangers_and_unknown_groups_are_refused(cloud, clients, refused):
    web = Web(cloud, clients)
    with refused("ValidationError"):
        web.detach(cloud.instance(), decrement=True)
    with refused("ValidationError"):
        web.scaling.detach_instances(
            AutoScalingGroupName="absent", InstanceIds=web.members(), ShouldDecrementDesiredCapacity=True
        )
    assert len(web.members()) == 2


def test_a_member_terminated_by_hand_is_replaced_unless_replacing_is_suspended(cloud, clients):
    web = Web(cloud, clients)
    first, second = web.members()
    web.ec2.terminate_instances(InstanceIds=[first])
    assert len(web.members()) == 2 and first not in web.members()
    web.scaling.suspend_processes(AutoScalingGroupName=web.name, ScalingProcesses=["ReplaceUnhealthy"])
    web.ec2.terminate_instances(InstanceIds=[second])
    assert len(web.members()) == 1


def test_a_target_taken_out_by_hand_stays_out(cloud, clients):
    web = Web(cloud, clients)
    victim, other = web.members()
    web.elbv2.deregister_targets(TargetGroupArn=web.target_group, Targets=[{"Id": victim}])
    web.elb.deregister_instances_from_load_balancer(LoadBalancerName=web.name, Instances=[{"InstanceId": victim}])
    web.scaling.set_desired_capacity(AutoScalingGroupName=web.name, DesiredCapacity=3)
    assert web.classic() == set(web.members()) - {victim}
    web.until_drained(victim)
    assert set(web.targets()) == set(web.members()) - {victim}


def test_unknown_targets_are_refused_and_deregistering_twice_is_not_an_error(cloud, clients, refused):
    web = Web(cloud, clients)
    absent, elsewhere = "i-00000000000000000", cloud.instance()
    for target in (absent, elsewhere):
        with refused("InvalidTarget"):
            web.elbv2.register_targets(TargetGroupArn=web.target_group, Targets=[{"Id": target}])
    web.elbv2.deregister_targets(TargetGroupArn=web.target_group, Targets=[{"Id": elsewhere}])
    with refused("InvalidInstance"):
        web.elb.register_instances_with_load_balancer(LoadBalancerName=web.name, Instances=[{"InstanceId": absent}])
    with refused("LoadBalancerNotFound"):
        web.elb.deregister_instances_from_load_balancer(LoadBalancerName="absent", Instances=[{"InstanceId": elsewhere}])
    [state] = web.elb.describe_instance_health(LoadBalancerName=web.name, Instances=[{"InstanceId": elsewhere}])["InstanceStates"]
    assert (state["State"], "not currently registered" in state["Description"]) == ("OutOfService", True)


def test_an_instance_is_a_target_at_each_of_its_ports(cloud, clients, refused):
    web = Web(cloud, clients, desired=1)
    [member] = web.members()
    web.elbv2.register_targets(TargetGroupArn=web.target_group, Targets=[{"Id": member, "Port": 8080}])

    def ports(state):
        health = web.elbv2.describe_target_health(TargetGroupArn=web.target_group)["TargetHealthDescriptions"]
        return [target["Target"]["Port"] for target in health if target["TargetHealth"]["State"] == state]

    assert ports("healthy") == [80, 8080]
    web.elbv2.deregister_targets(TargetGroupArn=web.target_group, Targets=[{"Id": member, "Port": 8080}])
    assert (ports("healthy"), ports("draining")) == ([80], [8080])
    web.elbv2.register_targets(TargetGroupArn=web.target_group, Targets=[{"Id": member, "Port": 8080}])
    assert (ports("healthy"), ports("draining")) == ([80, 8080], [])
    request = {"TargetGroupArn": web.target_group, "Targets": [{"Id": member, "Port": port} for port in (80, 9090)]}
    asked = web.elbv2.describe_target_health(**request)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in asked] == ["healthy", "unused"]
    stopped = cloud.instance(SubnetId=cloud.described(member)["SubnetId"])
    web.ec2.stop_instances(InstanceIds=[stopped])
    with refused("InvalidTarget"):
        web.elbv2.register_targets(TargetGroupArn=web.target_group, Targets=[{"Id": stopped}])


def test_targets_of_a_group_no_balancer_uses_are_unused(cloud, clients):
    subnet = cloud.subnet(vpc := cloud.vpc())
    instance_id = cloud.instance(SubnetId=subnet)
    arn = clients["elbv2"].create_target_group(Name=next(_names), Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
        "TargetGroupArn"
    ]
    clients["elbv2"].register_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
    [target] = clients["elbv2"].describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert (target["TargetHealth"]["State"], target["TargetHealth"]["Reason"]) == ("unused", "Target.NotInUse")


def test_an_instance_of_the_launch_templates_profile_has_it(cloud, clients, emulator):
    emulator.client("iam").create_instance_profile(InstanceProfileName="web-role")
    template = next(_names)
    data = {"ImageId": cloud.image(), "InstanceType": "t3.micro", "IamInstanceProfile": {"Name": "web-role"}}
    cloud.ec2.create_launch_template(LaunchTemplateName=template, LaunchTemplateData=data)
    clients["autoscaling"].create_auto_scaling_group(
        AutoScalingGroupName=template,
        MinSize=1,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateName": template},
        AvailabilityZones=["eu-central-1a"],
    )
    [member] = clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[template])["AutoScalingGroups"][0][
        "Instances"
    ]
    assert cloud.described(member["InstanceId"])["IamInstanceProfile"]["Arn"].endswith("/web-role")
