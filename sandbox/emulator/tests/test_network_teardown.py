"""A network comes down in AWS's order only."""

from __future__ import annotations

import time


def test_a_subnet_stays_while_it_has_interfaces(cloud, ec2, refused):
    subnet = cloud.subnet(cloud.vpc())
    interface = cloud.interface(subnet)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_subnet(SubnetId=subnet)
    with refused("InvalidSubnetID.NotFound"):
        ec2.describe_subnets(SubnetIds=[subnet])


def test_a_group_stays_while_an_interface_or_another_groups_rule_uses_it(cloud, ec2, refused):
    vpc = cloud.vpc()
    used, referring = cloud.group(vpc), cloud.group(vpc)
    interface = cloud.interface(cloud.subnet(vpc), Groups=[used])
    permission = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": used}]}]
    ec2.authorize_security_group_ingress(GroupId=referring, IpPermissions=permission)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=used)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=used)
    ec2.revoke_security_group_ingress(GroupId=referring, IpPermissions=permission)
    ec2.delete_security_group(GroupId=used)


def test_an_interface_in_use_is_neither_deleted_nor_attached_again(cloud, ec2, refused):
    subnet = cloud.subnet(cloud.vpc())
    instance_id, other = cloud.instance(SubnetId=subnet), cloud.instance(SubnetId=subnet)
    interface = cloud.interface(subnet)
    attachment = ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=instance_id, DeviceIndex=1)["AttachmentId"]
    with refused("InvalidParameterValue") as refusal:
        ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert "currently in use" in refusal.message
    with refused("InvalidNetworkInterface.InUse"):
        ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=other, DeviceIndex=1)
    ec2.detach_network_interface(AttachmentId=attachment)
    ec2.delete_network_interface(NetworkInterfaceId=interface)


def test_what_a_vpc_is_born_with_is_not_deleted_by_hand_and_goes_with_it(cloud, ec2, refused):
    vpc = cloud.vpc()
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    [group] = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    [acl] = ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]
    [table] = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    with refused("CannotDelete"):
        ec2.delete_security_group(GroupId=group["GroupId"])
    with refused("InvalidParameterValue"):
        ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    ec2.delete_vpc(VpcId=vpc)
    assert not ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    assert not ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]
    assert not ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]


def test_a_vpc_stays_while_it_has_anything_of_its_own(cloud, ec2, refused):
    vpc = cloud.vpc()
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-central-1.s3")["VpcEndpoint"]["VpcEndpointId"]
    group, subnet = cloud.group(vpc), cloud.subnet(vpc)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for remove in (
        lambda: ec2.delete_subnet(SubnetId=subnet),
        lambda: ec2.delete_security_group(GroupId=group),
        lambda: ec2.delete_network_acl(NetworkAclId=acl),
        lambda: gone(ec2, endpoint),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
    ):
        with refused("DependencyViolation"):
            ec2.delete_vpc(VpcId=vpc)
        remove()
    ec2.delete_vpc(VpcId=vpc)


def test_an_attached_internet_gateway_stays_and_so_does_one_behind_public_addresses(cloud, ec2, refused):
    vpc = cloud.vpc()
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("DependencyViolation"):
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    interface = cloud.interface(cloud.subnet(vpc))
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    with refused("DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.disassociate_address(AssociationId=association)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def test_a_new_network_acl_denies_all_and_knows_its_entries(cloud, ec2, refused):
    acl = ec2.create_network_acl(VpcId=cloud.vpc())["NetworkAcl"]
    rows = {(entry["Egress"], entry["RuleNumber"], entry["RuleAction"]) for entry in acl["Entries"]}
    assert rows == {(True, 32767, "deny"), (False, 32767, "deny")}
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2.delete_network_acl_entry(NetworkAclId=acl["NetworkAclId"], RuleNumber=7, Egress=True)


def test_an_acl_association_moves_only_between_acls_that_exist_in_the_vpc(cloud, ec2, refused):
    vpc = cloud.vpc()
    subnet = cloud.subnet(vpc)
    [held] = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    association = next(a["NetworkAclAssociationId"] for a in held["Associations"] if a["SubnetId"] == subnet)
    with refused("InvalidNetworkAclID.NotFound"):
        ec2.replace_network_acl_association(AssociationId=association, NetworkAclId="acl-00000000000000000")
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_network_acl_association(AssociationId="aclassoc-00000000000000000", NetworkAclId=held["NetworkAclId"])
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    [held] = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    assert held["NetworkAclId"] == acl


def test_an_endpoint_has_its_groups_on_real_interfaces_and_takes_them_along(cloud, ec2, refused):
    vpc = cloud.vpc()
    subnet, group = cloud.subnet(vpc), cloud.group(vpc)
    request = {"VpcId": vpc, "VpcEndpointType": "Interface", "ServiceName": "com.amazonaws.eu-central-1.ssm"}
    created = ec2.create_vpc_endpoint(**request, SubnetIds=[subnet], SecurityGroupIds=[group])["VpcEndpoint"]
    assert created["State"] == "pending"
    endpoint = created["VpcEndpointId"]
    [described] = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    assert (described["VpcEndpointId"], described["State"]) == (endpoint, "available")
    [interface] = ec2.describe_network_interfaces(NetworkInterfaceIds=described["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert interface["PrivateIpAddress"].startswith("10.7.1.")
    assert [g["GroupId"] for g in interface["Groups"]] == [group]
    with refused("InvalidParameter") as refusal:
        ec2.create_vpc_endpoint(**request, SubnetIds=[subnet], SecurityGroupIds=[group])
    assert "conflicting DNS domain" in refusal.message
    for call in (
        lambda: ec2.delete_subnet(SubnetId=subnet),
        lambda: ec2.delete_security_group(GroupId=group),
    ):
        with refused("DependencyViolation"):
            call()
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    assert ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"] == "deleting"
    wait_until_gone(ec2, endpoint)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_a_gateway_endpoint_routes_and_its_route_goes_with_it(cloud, ec2, refused):
    vpc = cloud.vpc()
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    request = {"VpcId": vpc, "ServiceName": "com.amazonaws.eu-central-1.s3", "RouteTableIds": [table]}
    endpoint = ec2.create_vpc_endpoint(**request)["VpcEndpoint"]

    def routed():
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return [route for route in routes if route.get("GatewayId") == endpoint["VpcEndpointId"]]

    assert endpoint["VpcEndpointType"] == "Gateway"
    assert routed()
    with refused("RouteAlreadyExists"):
        ec2.create_vpc_endpoint(**request)
    gone(ec2, endpoint["VpcEndpointId"])
    assert not routed()


def test_endpoints_to_services_and_in_subnets_that_do_not_exist_are_refused(cloud, ec2, refused):
    vpc = cloud.vpc()
    for code, service, subnet in (
        ("InvalidServiceName", "com.amazonaws.us-east-1.ssm", cloud.subnet(vpc)),
        ("InvalidSubnetID.NotFound", "com.amazonaws.eu-central-1.ssm", "subnet-00000000000000000"),
    ):
        with refused(code):
            ec2.create_vpc_endpoint(VpcId=vpc, VpcEndpointType="Interface", ServiceName=service, SubnetIds=[subnet])
    assert (
        ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-00000000000000000"])["Unsuccessful"][0]["Error"]["Code"]
        == "InvalidVpcEndpoint.NotFound"
    )


def gone(ec2, endpoint):
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    wait_until_gone(ec2, endpoint)


def wait_until_gone(ec2, endpoint):
    for _ in range(100):
        if not ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-id", "Values": [endpoint]}])["VpcEndpoints"]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{endpoint} is still there")
