"""Networks are taken down in order: what something depends on cannot be deleted.

moto deletes subnets with interfaces, VPCs with groups, gateways and endpoints, and main route tables. AWS answers
DependencyViolation: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, API_DeleteSubnet.html,
API_DeleteVpc.html, API_DeleteRouteTable.html ("You can't delete the main route table"), API_DetachInternetGateway.html.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.internet_gateways import InternetGateways
from moto.ec2.responses.route_tables import RouteTables

from ..amendments import Amendments
from ..ec2_requests import interfaces_in, refuse

amendments = Amendments()
apply = amendments.apply


@amendments.method(SubnetBackend, "delete_subnet")
def delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
    if interfaces_in(self, subnet_id=subnet_id):
        raise refuse("DependencyViolation", f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    subnet = original(self, subnet_id)
    for table in (*self.route_tables.values(), *self.network_acls.values()):
        for association_id, target in list(table._associations.items()):
            if getattr(target, "subnet_id", target) == subnet_id:
                del table._associations[association_id]
    return subnet


@amendments.method(VPCBackend, "delete_vpc")
def delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
    self.get_vpc(vpc_id)
    if _dependants(self, vpc_id):
        raise refuse("DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    # moto looks the default group up by name over all VPCs.
    for table in list(self.route_tables.values()):
        if table.vpc_id == vpc_id:
            del self.route_tables[table.id]
    for acl in list(self.network_acls.values()):
        if acl.vpc_id == vpc_id:
            del self.network_acls[acl.id]
    return original(self, vpc_id)


def _dependants(backend: Any, vpc_id: str) -> bool:
    """Whether the VPC still has anything but its main route table and its default group and ACL."""
    return any(
        (
            interfaces_in(backend, vpc_id=vpc_id),
            [group for group in backend.groups.get(vpc_id, {}).values() if not group.is_default],
            [endpoint for endpoint in backend.vpc_end_points.values() if endpoint.vpc_id == vpc_id],
            [gateway for gateway in backend.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc_id],
            [acl for acl in backend.network_acls.values() if acl.vpc_id == vpc_id and not acl.default],
            [table for table in backend.route_tables.values() if table.vpc_id == vpc_id and not table.main_association_id],
            [
                peer
                for peer in backend.vpc_pcxs.values()
                if vpc_id in (peer.vpc.id, peer.peer_vpc.id) and peer._status.code == "active"
            ],
        )
    )


@amendments.method(RouteTables, "delete_route_table")
def delete_route_table(original: Any, self: RouteTables) -> ActionResult:
    table = self.ec2_backend.get_route_table(self._get_param("RouteTableId"))
    if table.main_association_id:
        raise refuse("DependencyViolation", f"The routeTable '{table.id}' has dependencies and cannot be deleted.")
    return original(self)


@amendments.method(InternetGateways, "detach_internet_gateway")
def detach_internet_gateway(original: Any, self: InternetGateways) -> EmptyResult:
    vpc_id = self._get_param("VpcId")
    if any(interface.public_ip for interface in interfaces_in(self.ec2_backend, vpc_id=vpc_id)):
        message = f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        raise refuse("DependencyViolation", message)
    return original(self)
