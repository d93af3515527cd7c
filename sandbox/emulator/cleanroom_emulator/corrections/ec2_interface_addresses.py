"""Interfaces have addresses of their subnet that nobody else has, IPv4 and IPv6, as many as were asked for.

moto gives addresses at random, in use or reserved, drops what RunInstances asks for per interface, and passes over IPv6 in
subnets that have none. AWS: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html (the first four and the last
address are reserved), https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html,
API_InstanceNetworkInterfaceSpecification.html, API_AssignIpv6Addresses.html ("The new IPv6 addresses assigned").
"""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import (
    NetworkInterface,
    NetworkInterfaceBackend,
)
from moto.ec2.models.instances import Instance
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from ..amendments import Amendments
from ..ec2_requests import interfaces_in, refuse

amendments = Amendments()
apply = amendments.apply

RESERVED = 4  # of both kinds, counted from the subnet's first address


def _of_interfaces(subnet: Subnet) -> set[str]:
    """Every private address, of both kinds, of the subnet's interfaces."""
    interfaces = interfaces_in(subnet.ec2_backend, subnet_id=subnet.id)
    private = (item["PrivateIpAddress"] for eni in interfaces for item in eni.private_ip_addresses)
    return {*private, *(address for eni in interfaces for address in eni.ipv6_addresses)}


def _free(network: ipaddress.IPv4Network | ipaddress.IPv6Network, taken: set[str]) -> str:
    usable = range(RESERVED, network.num_addresses - 1)
    found = next((address for number in usable if (address := str(network[number])) not in taken), None)
    if found is None:
        raise refuse("InsufficientFreeAddressesInSubnet", f"There are no free addresses in the subnet's range {network}.")
    return found


def _free_private(subnet: Subnet) -> str:
    return _free(ipaddress.IPv4Network(subnet.cidr_block), _of_interfaces(subnet) | set(subnet._subnet_ips))


def _ipv6_network(subnet: Subnet) -> ipaddress.IPv6Network:
    for association in subnet.ipv6_cidr_block_associations.values():
        if association["ipv6CidrBlockState"]["State"] == "associated":
            return ipaddress.IPv6Network(association["ipv6CidrBlock"])
    raise refuse("InvalidParameterValue", f"The subnet '{subnet.id}' does not have an IPv6 CIDR block.")


def _require_free(subnet: Subnet, address: str) -> None:
    parsed = ipaddress.ip_address(address)
    network = _ipv6_network(subnet) if parsed.version == 6 else ipaddress.IPv4Network(subnet.cidr_block)
    if parsed not in network:
        raise refuse("InvalidParameterValue", f"Address {address} does not fall within the subnet's address range")
    if address in _of_interfaces(subnet):
        raise refuse("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _add_private(eni: NetworkInterface, addresses: list[str], count: int) -> list[str]:
    added = []
    for number in range(len(addresses) + count):
        address = addresses[number] if number < len(addresses) else _free_private(eni.subnet)
        _require_free(eni.subnet, address)
        eni.private_ip_addresses.append({"Primary": False, "PrivateIpAddress": address})
        added.append(address)
    return added


def _add_ipv6(eni: NetworkInterface, addresses: list[str], count: int) -> list[str]:
    added = []
    for number in range(len(addresses) + count):
        network = _ipv6_network(eni.subnet)
        address = str(ipaddress.ip_address(addresses[number])) if number < len(addresses) else _free(network, _of_interfaces(eni.subnet))
        _require_free(eni.subnet, address)
        eni.ipv6_addresses.append(address)
        added.append(address)
    return added


@amendments.add(Subnet)
def get_available_subnet_ip(self: Subnet, instance: Any) -> str:
    address = _free_private(self)
    self._subnet_ips[address] = instance
    return address


@amendments.add(Subnet)
def request_ip(self: Subnet, ip: str, instance: Any) -> None:
    _require_free(self, ip)
    self._subnet_ips[ip] = instance


@amendments.method(ElasticNetworkInterfaces, "create_network_interface")
def create_network_interface_response(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    if address := self._get_param("PrivateIpAddress"):
        _require_free(self.ec2_backend.get_subnet(self._get_param("SubnetId")), address)
    return original(self)


@amendments.method(NetworkInterfaceBackend, "create_network_interface")
def create_network_interface(
    original: Any, self: Any, subnet: Any, private_ip_address: Any = None, private_ip_addresses: Any = None, *args: Any, **kwargs: Any
) -> NetworkInterface:
    subnet = self.get_subnet(subnet) if isinstance(subnet, str) else subnet
    items = [item if isinstance(item, dict) else {"PrivateIpAddress": item} for item in private_ip_addresses or []]
    marked = next((item["PrivateIpAddress"] for item in items if item.get("Primary")), None)
    primary = private_ip_address or marked
    # Where no subnet was asked for, moto makes up an address before it chooses one.
    if not primary or ipaddress.ip_address(primary) not in ipaddress.ip_network(subnet.cidr_block):
        primary = _free_private(subnet)
    others = [item["PrivateIpAddress"] for item in items if item["PrivateIpAddress"] != primary]
    count, ipv6 = int(kwargs.pop("secondary_ips_count", None) or 0), kwargs.pop("ipv6_addresses", None) or []
    ipv6_count = int(kwargs.pop("ipv6_address_count", None) or 0)
    if not ipv6 and not ipv6_count and str(subnet.assign_ipv6_address_on_creation).lower() == "true":
        ipv6_count = 1
    if ipv6 or ipv6_count:
        _ipv6_network(subnet)
    for address in (primary, *others, *ipv6):
        _require_free(subnet, address)
    first = {"Primary": True, "PrivateIpAddress": primary}
    eni: NetworkInterface = original(self, subnet, primary, [first], *args, **kwargs)
    _add_private(eni, others, count)
    _add_ipv6(eni, ipv6, ipv6_count)
    return eni


@amendments.method(Instance, "prep_nics")
def prep_nics(original: Any, self: Instance, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
    """With the further addresses that the request names for each interface."""
    given = {int(nic.get("DeviceIndex", 0)): dict(nic) for nic in nic_spec if not nic.get("NetworkInterfaceId")}
    original(self, nic_spec, *args, **kwargs)
    for index, nic in given.items():
        eni = self.nics[index]
        listed = [item["PrivateIpAddress"] for item in nic.get("PrivateIpAddresses") or []]
        others = [address for address in listed if address != eni.private_ip_address]
        _add_private(eni, others, int(nic.get("SecondaryPrivateIpAddressCount") or 0))
        _add_ipv6(eni, [item["Ipv6Address"] for item in nic.get("Ipv6Addresses") or []], int(nic.get("Ipv6AddressCount") or 0))


@amendments.add(ElasticNetworkInterfaces)
def assign_private_ip_addresses(self: ElasticNetworkInterfaces) -> ActionResult:
    eni = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
    known = {item["PrivateIpAddress"] for item in eni.private_ip_addresses}
    asked = [address for address in self._get_param("PrivateIpAddresses", []) if address not in known]
    added = _add_private(eni, asked, self._get_int_param("SecondaryPrivateIpAddressCount", 0))
    assigned = [{"PrivateIpAddress": address} for address in added]
    return ActionResult({"NetworkInterfaceId": eni.id, "AssignedPrivateIpAddresses": assigned})


@amendments.add(ElasticNetworkInterfaces)
def assign_ipv6_addresses(self: ElasticNetworkInterfaces) -> ActionResult:
    eni = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
    asked = [address for address in self._get_param("Ipv6Addresses", []) if address not in eni.ipv6_addresses]
    assigned = _add_ipv6(eni, asked, self._get_int_param("Ipv6AddressCount", 0))
    return ActionResult({"NetworkInterfaceId": eni.id, "AssignedIpv6Addresses": assigned})


def _ipv6_blocks(self: Subnet) -> list[dict[str, Any]]:
    """moto shows the whole of the state where its name belongs."""
    return [
        {
            "AssociationId": association["associationId"],
            "Ipv6CidrBlock": association["ipv6CidrBlock"],
            "Ipv6CidrBlockState": association["ipv6CidrBlockState"],
        }
        for association in self.ipv6_cidr_block_associations.values()
        if association["ipv6CidrBlockState"]["State"] == "associated"
    ]


amendments.attribute(Subnet, "ipv6_cidr_block_association_set", property(_ipv6_blocks))
