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
