"""An endpoint checks what it is given, has real interfaces, and is gone after it was deleted.

moto takes unknown services, groups and subnets, gives interface endpoints an address out of the blue and the default group,
and lists deleted endpoints for ever. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html,
API_DeleteVpcEndpoints.html, API_VpcEndpoint.html (State) and https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint
from moto.ec2.responses.vpcs import VPCs

from ..amendments import Amendments
from ..ec2_requests import groups_in_vpc, refuse
from ..transitions import after

amendments = Amendments()
apply = amendments.apply

GATEWAY_SERVICES = ("s3", "dynamodb")
DELETION_SECONDS = 0.5  # minutes on AWS; long enough here to be seen as `deleting`


@amendments.method(VPCs, "create_vpc_endpoint")
def create_vpc_endpoint(original: Any, self: VPCs) -> ActionResult:
    self.params.setdefault("VpcEndpointType", "Gateway")
    interface = self.params["VpcEndpointType"] == "Interface"
    self.params.setdefault("PrivateDnsEnabled", interface)
    _check(self, interface)
    endpoint = original(self).result["VpcEndpoint"]
    endpoint.private_dns_enabled = interface and bool(self.params["PrivateDnsEnabled"])
    answer = copy.copy(endpoint)
    answer.state = "pending"
    return ActionResult({"VpcEndpoint": answer})


def _check(request: VPCs, interface: bool) -> None:
    backend, params = request.ec2_backend, request.params
    vpc, service = backend.get_vpc(params.get("VpcId")), params.get("ServiceName", "")
    name = re.fullmatch(rf"(?:com|aws)\.(?:amazonaws|sagemaker|api)\.{request.region}\.([a-z0-9.-]+)", service)
    if name is None or (not interface and name[1] not in GATEWAY_SERVICES):
        raise refuse("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist")
    if policy := params.get("PolicyDocument"):
        try:
            json.loads(policy)
        except ValueError:
            raise refuse("InvalidPolicyDocument", "The policy document is not valid JSON.") from None
    groups_in_vpc(backend, params.get("SecurityGroupIds", []), vpc.id)
    for table_id in params.get("RouteTableIds", []):
        if backend.get_route_table(table_id).vpc_id != vpc.id:
            raise refuse("InvalidParameter", f"Route table {table_id} does not belong to vpc {vpc.id}")
        others = (
            other for other in backend.vpc_end_points.values() if other.service_name == service and other.state == "available"
        )
        if any(table_id in other.route_table_ids for other in others):
            raise refuse(
                "RouteAlreadyExists", f"route table {table_id} already has a route with destination-prefix-list-id for {service}"
            )
    _check_subnets(backend, params.get("SubnetIds", []), vpc.id)
    if interface and params["PrivateDnsEnabled"]:
        _check_private_dns(backend, vpc, service, name[1], request.region)


def _check_subnets(backend: Any, subnet_ids: list[str], vpc_id: str) -> None:
    zones: set[str] = set()
    for subnet_id in subnet_ids:
        subnet = backend.get_subnet(subnet_id)
        if subnet.vpc_id != vpc_id:
            raise refuse("InvalidParameter", f"Subnet {subnet_id} does not belong to vpc {vpc_id}")
        if subnet.availability_zone in zones:
            raise refuse(
                "DuplicateSubnetsInSameZone", f"Found another VPC endpoint subnet in the availability zone of {subnet_id}"
            )
        zones.add(subnet.availability_zone)


def _check_private_dns(backend: Any, vpc: Any, service: str, name: str, region: str) -> None:
    if not (str(vpc.enable_dns_support).lower() == "true" and str(vpc.enable_dns_hostnames).lower() == "true"):
        message = (
            f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc.id}"
        )
        raise refuse("InvalidParameter", message)
    for other in backend.vpc_end_points.values():
        if other.vpc_id == vpc.id and other.service_name == service and other.private_dns_enabled:
            domain = f"{name}.{region}.amazonaws.com in the VPC {vpc.id}"
            message = f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {domain}"
            raise refuse("InvalidParameter", message)


@amendments.method(VPCBackend, "create_vpc_endpoint")
def create_vpc_endpoint_backend(
    original: Any, self: Any, vpc_id: str, service_name: str, endpoint_type: str | None, *args: Any, **kwargs: Any
) -> VPCEndPoint:
    """The endpoint as moto makes it, but with interfaces that have its groups and an address of their subnet."""
    subnet_ids = kwargs.pop("subnet_ids", None) or []
    endpoint = original(self, vpc_id, service_name, endpoint_type, *args, **kwargs)
    endpoint.subnet_ids = []
    if endpoint_type == "Interface":
        endpoint.security_group_ids = endpoint.security_group_ids or [self.get_default_security_group(vpc_id).id]
        for subnet_id in subnet_ids:
            _add_interface(self, endpoint, subnet_id)
    return endpoint


def _add_interface(backend: Any, endpoint: VPCEndPoint, subnet_id: str) -> None:
    subnet = backend.get_subnet(subnet_id)
    interface = backend.create_network_interface(
        subnet,
        subnet.get_available_subnet_ip(instance=endpoint),
        group_ids=list(endpoint.security_group_ids),
        description=f"VPC Endpoint Interface {endpoint.id}",
    )
    interface.status, interface.interface_type, interface.requester_managed = "in-use", "vpc_endpoint", True
    endpoint.subnet_ids.append(subnet_id)
    endpoint.network_interface_ids.append(interface.id)


def _remove_interfaces(backend: Any, endpoint: VPCEndPoint, subnet_ids: list[str]) -> None:
    for interface_id in list(endpoint.network_interface_ids):
        interface = backend.enis.get(interface_id)
        if interface and interface.subnet.id in subnet_ids:
            interface.subnet.del_subnet_ip(interface.private_ip_address)
            del backend.enis[interface_id]
            endpoint.network_interface_ids.remove(interface_id)
    endpoint.subnet_ids = [subnet_id for subnet_id in endpoint.subnet_ids if subnet_id not in subnet_ids]


@amendments.method(VPCBackend, "modify_vpc_endpoint")
def modify_vpc_endpoint(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> None:
    """`vpc_id` is moto's name for the endpoint's id."""
    endpoint = self.get_vpc_end_point(vpc_id)
    groups_in_vpc(self, kwargs.get("add_security_groups") or [], endpoint.vpc_id)
    added, removed = kwargs.pop("add_subnets", None) or [], kwargs.pop("remove_subnets", None) or []
    new = [subnet_id for subnet_id in added if subnet_id not in endpoint.subnet_ids]
    _check_subnets(self, [*[subnet_id for subnet_id in endpoint.subnet_ids if subnet_id not in removed], *new], endpoint.vpc_id)
    original(self, vpc_id, *args, add_subnets=None, remove_subnets=None, **kwargs)
    _remove_interfaces(self, endpoint, removed)
    for subnet_id in new:
        _add_interface(self, endpoint, subnet_id)
    for interface_id in endpoint.network_interface_ids:
        self.enis[interface_id]._group_set = groups_in_vpc(self, endpoint.security_group_ids, endpoint.vpc_id)


@amendments.add(VPCs)
def delete_vpc_endpoints(self: VPCs) -> ActionResult:
    backend, unsuccessful = self.ec2_backend, []
    for endpoint_id in self._get_param("VpcEndpointIds", []):
        endpoint = backend.vpc_end_points.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            unsuccessful.append({"ResourceId": endpoint_id, "Error": {"Code": "InvalidVpcEndpoint.NotFound", "Message": message}})
        elif endpoint.state != "deleting":
            endpoint.state = "deleting"
            after(DELETION_SECONDS, lambda endpoint=endpoint: _remove(backend, endpoint))
    return ActionResult({"Unsuccessful": unsuccessful})


def _remove(backend: Any, endpoint: VPCEndPoint) -> None:
    _remove_interfaces(backend, endpoint, list(endpoint.subnet_ids or []))
    for table_id in endpoint.route_table_ids:
        table = backend.route_tables.get(table_id)
        for route_id, route in list(table._routes.items()) if table else []:
            if route.gateway_id == endpoint.id:
                del table._routes[route_id]
    backend.vpc_end_points.pop(endpoint.id, None)
