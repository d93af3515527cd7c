"""An Elastic IP address is associated with one private address of an interface, and nothing else is.

moto knows an address per interface only, fails where AWS reassociates, passes over AllowReassociation=false, and releases
addresses in use. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html ("Reassociation is
automatic, but you can specify false"; "the existing address is disassociated"; "This is an idempotent operation"),
API_ReleaseAddress.html (InvalidIPAddress.InUse), and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html ("it will not receive a new one if there is
more than one network interface attached").
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.utils import random_eip_association_id

from ..amendments import Amendments
from ..ec2_requests import refuse, refuse_several_interfaces

amendments = Amendments()
apply = amendments.apply


def _dns_name(eni: NetworkInterface, public_ip: str) -> str:
    region = eni.ec2_backend.region_name
    domain = "compute-1.amazonaws.com" if region == "us-east-1" else f"{region}.compute.amazonaws.com"
    return f"ec2-{public_ip.replace('.', '-')}.{domain}"


def _address_of(eni: NetworkInterface, private_ip: str | None) -> ElasticAddress | None:
    """The Elastic IP address associated with this private address of the interface."""
    held = (address for address in eni.ec2_backend.addresses if address.eni is eni)
    return next((address for address in held if address.private_ip_address == private_ip), None)


def _association(eni: NetworkInterface, private_ip: str | None) -> dict[str, Any] | None:
    address = _address_of(eni, private_ip)
    assigned = eni.__dict__.get("assigned_public_ip") if private_ip == eni.private_ip_address else None
    public_ip = address.public_ip if address else assigned
    if not public_ip:
        return None
    described = {"PublicIp": public_ip, "PublicDnsName": _dns_name(eni, public_ip)}
    if address is None:
        return {**described, "IpOwnerId": "amazon"}
    ids = {"AllocationId": address.allocation_id, "AssociationId": address.association_id}
    return {**described, **ids, "IpOwnerId": eni.owner_id}


def _public_ip(self: NetworkInterface) -> str | None:
    """The one of the primary private address: an Elastic IP address, else one assigned by the subnet or the launch."""
    association = _association(self, self.private_ip_address)
    return association["PublicIp"] if association else None


def _assign_public_ip(self: NetworkInterface, public_ip: str | None) -> None:
    self.__dict__["assigned_public_ip"] = public_ip


amendments.attribute(NetworkInterface, "public_ip", property(_public_ip, _assign_public_ip))
amendments.attribute(NetworkInterface, "association", property(lambda self: _association(self, self.private_ip_address)))


@amendments.method(NetworkInterface, "check_auto_public_ip")
def check_auto_public_ip(original: Any, self: NetworkInterface) -> None:
    if self.instance is None or len(self.instance.nics) <= 1:
        original(self)


def _described_private_addresses(self: NetworkInterface) -> list[dict[str, Any]]:
    """As both DescribeNetworkInterfaces and DescribeInstances show them; the serializer takes what each has."""
    described = []
    for item in self.private_ip_addresses:
        address = item["PrivateIpAddress"]
        primary = address == self.private_ip_address
        name = {"PrivateDnsName": item["PrivateDnsName"]} if item.get("PrivateDnsName") else {}
        association = _association(self, address)
        described.append(
            {"PrivateIpAddress": address, "Primary": primary, **name, **({"Association": association} if association else {})}
        )
    return described


for _list in ("network_interface_private_ip_address_list", "instance_private_ip_address_list"):
    amendments.attribute(NetworkInterface, _list, property(_described_private_addresses))

amendments.attribute(
    ElasticAddress,
    "instance",
    property(lambda self: self.eni.instance if getattr(self, "eni", None) else None, lambda self, _instance: None),
)
amendments.attribute(ElasticAddress, "instance_id", property(lambda self: self.instance.id if self.instance else None))
amendments.attribute(ElasticAddress, "network_interface_id", property(lambda self: self.eni.id if self.eni else None))
amendments.attribute(
    ElasticAddress,
    "private_ip_address",
    property(lambda self: (self.__dict__.get("chosen_private_ip") or self.eni.private_ip_address) if self.eni else None),
)
amendments.attribute(ElasticAddress, "public_ipv4_pool", "amazon")
amendments.attribute(ElasticAddress, "network_border_group", property(lambda self: self.ec2_backend.region_name))


@amendments.add(ElasticIPAddresses)
def associate_address(self: ElasticIPAddresses) -> ActionResult:
    backend = self.ec2_backend
    address = _named(backend, self._get_param("AllocationId"), self._get_param("PublicIp"))
    eni = _target(backend, self._get_param("NetworkInterfaceId"), self._get_param("InstanceId"))
    private_ip = self._get_param("PrivateIpAddress") or eni.private_ip_address
    if private_ip not in [item["PrivateIpAddress"] for item in eni.private_ip_addresses]:
        raise refuse("InvalidParameterValue", f"The private IP address '{private_ip}' is not assigned to '{eni.id}'.")
    if address.eni is eni and address.private_ip_address == private_ip:
        return ActionResult({"AssociationId": address.association_id})
    other = _address_of(eni, private_ip)
    if self._get_param("AllowReassociation") is False:
        if address.association_id:
            message = f"resource {address.allocation_id} is already associated with associate-id {address.association_id}"
            raise refuse("Resource.AlreadyAssociated", message)
        if other:
            message = f"resource {eni.id} is already associated with address {other.allocation_id}"
            raise refuse("Resource.AlreadyAssociated", message)
    for former in (address, other):
        if former:
            _let_go(former)
    address.eni, address.chosen_private_ip = eni, private_ip
    address.association_id = random_eip_association_id()
    if private_ip == eni.private_ip_address:
        eni.public_ip = None  # what was assigned goes back to Amazon's pool
    return ActionResult({"AssociationId": address.association_id})


def _named(backend: Any, allocation_id: str | None, public_ip: str | None) -> ElasticAddress:
    if not allocation_id and not public_ip:
        raise refuse("MissingParameter", "Either public IP or allocation id must be specified")
    for address in backend.addresses:
        if address.allocation_id == allocation_id if allocation_id else address.public_ip == public_ip:
            return address
    if allocation_id:
        raise refuse("InvalidAllocationID.NotFound", f"The allocation ID '{allocation_id}' does not exist")
    raise refuse("InvalidAddress.NotFound", f"Address '{public_ip}' not found.")


def _target(backend: Any, interface_id: str | None, instance_id: str | None) -> NetworkInterface:
    if interface_id and instance_id:
        raise refuse("InvalidParameterCombination", "You may specify network interface or instance ID, but not both")
    if interface_id:
        return backend.get_network_interface(interface_id)
    if not instance_id:
        raise refuse("MissingParameter", "Either 'InstanceId' or 'NetworkInterfaceId' must be specified")
    instance = backend.get_instance(instance_id)
    if instance.state not in ("running", "stopping", "stopped"):
        message = f"The {instance.state} instance '{instance_id}' is not in a valid state for this operation."
        raise refuse("InvalidInstanceID", message)
    if len(instance.nics) != 1:
        raise refuse_several_interfaces(instance_id)
    return instance.nics[0]


def _let_go(address: ElasticAddress) -> None:
    eni, primary = address.eni, address.eni is not None and address.private_ip_address == address.eni.private_ip_address
    address.eni = address.association_id = address.chosen_private_ip = None
    if primary and eni.instance and eni.instance.state == "running":
        eni.check_auto_public_ip()


@amendments.add(ElasticIPAddresses)
def disassociate_address(self: ElasticIPAddresses) -> ActionResult:
    association_id, public_ip = self._get_param("AssociationId"), self._get_param("PublicIp")
    if association_id:
        held = [address for address in self.ec2_backend.addresses if address.association_id == association_id]
        if not held:
            raise refuse("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
        address = held[0]
    else:
        address = _named(self.ec2_backend, None, public_ip)
    _let_go(address)
    return EmptyResult()


@amendments.add(ElasticIPAddresses)
def release_address(self: ElasticIPAddresses) -> ActionResult:
    address = _named(self.ec2_backend, self._get_param("AllocationId"), self._get_param("PublicIp"))
    if address.association_id:
        raise refuse("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    self.ec2_backend.addresses.remove(address)
    return EmptyResult()


@amendments.method(ElasticAddressBackend, "describe_addresses")
def describe_addresses(
    original: Any, self: Any, allocation_ids: list[str] | None = None, public_ips: list[str] | None = None, filters: Any = None
) -> list[ElasticAddress]:
    for allocation_id in allocation_ids or []:
        _named(self, allocation_id, None)
    for public_ip in public_ips or []:
        _named(self, None, public_ip)
    return list(original(self, allocation_ids, public_ips, filters))
