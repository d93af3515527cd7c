"""Flow logs are delivered where the destination says."""

from __future__ import annotations


def test_a_flow_log_may_go_to_a_folder_of_a_bucket(cloud, ec2, emulator, refused):
    vpc = cloud.vpc()
    emulator.client("s3").create_bucket(Bucket=f"logs-{vpc}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    request = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3"}

    folder = f"arn:aws:s3:::logs-{vpc}/incidents/one/flow-logs/"
    [flow_log] = ec2.create_flow_logs(**request, LogDestination=folder)["FlowLogIds"]
    assert ec2.describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"][0]["LogDestination"] == folder
    with refused("FlowLogAlreadyExists"):
        ec2.create_flow_logs(**request, LogDestination=folder)

    [unsuccessful] = ec2.create_flow_logs(**request, LogDestination="arn:aws:s3:::no-such-bucket/folder/")["Unsuccessful"]
    assert unsuccessful["ResourceId"] == vpc


def test_flow_logs_are_found_by_what_they_watch_and_where_they_go(cloud, ec2, emulator, refused):
    vpc = cloud.vpc()
    interface = cloud.interface(cloud.subnet(vpc))
    emulator.client("s3").create_bucket(Bucket=f"found-{vpc}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    emulator.client("logs").create_log_group(logGroupName=f"flows/{vpc}")
    to_logs = {
        "TrafficType": "ALL", "LogDestinationType": "cloud-watch-logs",
        "LogDestination": f"arn:aws:logs:eu-central-1:123456789012:log-group:flows/{vpc}:*",
        "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/flows",
    }  # fmt: skip
    to_bucket = {"TrafficType": "REJECT", "LogDestinationType": "s3", "LogDestination": f"arn:aws:s3:::found-{vpc}"}
    [of_interface] = ec2.create_flow_logs(ResourceIds=[interface], ResourceType="NetworkInterface", **to_logs)["FlowLogIds"]
    layout = {"LogFormat": "${version} ${interface-id} ${action}", "MaxAggregationInterval": 60}
    [of_vpc] = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", **to_bucket, **layout)["FlowLogIds"]

    def found(**filters):
        named = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
        return {flow_log["FlowLogId"]: flow_log for flow_log in ec2.describe_flow_logs(Filter=named)["FlowLogs"]}

    both = {"resource_id": [vpc, interface]}
    assert set(found(**both)) == {of_interface, of_vpc}
    assert set(found(**both, log_destination_type=["s3"])) == {of_vpc} == set(found(**both, traffic_type=["REJECT"]))
    shown = found(**both, log_destination_type=["cloud-watch-logs"])[of_interface]
    assert (shown["LogGroupName"], shown["DeliverLogsStatus"], shown["FlowLogStatus"]) == (f"flows/{vpc}", "SUCCESS", "ACTIVE")
    assert shown["MaxAggregationInterval"] == 600 and shown["LogFormat"].endswith("${action} ${log-status}")
    assert {name: found(**both)[of_vpc][name] for name in layout} == layout
    with refused("InvalidFlowLogId.NotFound"):
        ec2.describe_flow_logs(FlowLogIds=["fl-00000000000000000"])
