"""An interface is of the type it was made as, and a branch hangs on a trunk until it is taken off.

moto makes all interfaces alike and has no trunks. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html
(InterfaceType), API_AssociateTrunkInterface.html, API_DescribeTrunkInterfaceAssociations.html, API_DisassociateTrunkInterface.html.
"""

from __future__ import annotations

import fnmatch
import secrets
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply

TYPES = ("interface", "efa", "efa-only", "branch", "trunk")
LARGEST_VLAN = 4094


@dataclass
class TrunkAssociation:
    id: str
    branch: NetworkInterface
    trunk: NetworkInterface
    vlan_id: int | None
    gre_key: int | None

    @property
    def protocol(self) -> str:
        return "VLAN" if self.vlan_id is not None else "GRE"

    def described(self) -> dict[str, Any]:
        key = {"VlanId": self.vlan_id} if self.vlan_id is not None else {"GreKey": self.gre_key}
        ids = {"AssociationId": self.id, "BranchInterfaceId": self.branch.id, "TrunkInterfaceId": self.trunk.id}
        return {**ids, "InterfaceProtocol": self.protocol, **key, "Tags": []}


FILTERS = {
    "gre-key": lambda association: association.gre_key,
    "interface-protocol": lambda association: association.protocol,
}


def _associations(backend: Any) -> dict[str, TrunkAssociation]:
    found: dict[str, TrunkAssociation] = backend.__dict__.setdefault("trunk_associations", {})
    return found


@amendments.method(ElasticNetworkInterfaces, "create_network_interface")
def create_network_interface(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    kind = self._get_param("InterfaceType") or "interface"
    if kind not in TYPES:
        raise refuse("InvalidParameterValue", f"Value ({kind}) for parameter InterfaceType is invalid.")
    answer = original(self)
    answer.result["NetworkInterface"].interface_type = kind
    return answer


@amendments.method(Instance, "prep_nics")
def prep_nics(original: Any, self: Instance, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
    kinds = {int(nic.get("DeviceIndex", 0)): nic["InterfaceType"] for nic in nic_spec if nic.get("InterfaceType")}
    original(self, nic_spec, *args, **kwargs)
    for index, kind in kinds.items():
        self.nics[index].interface_type = kind


@amendments.add(ElasticNetworkInterfaces)
def associate_trunk_interface(self: ElasticNetworkInterfaces) -> ActionResult:
    backend = self.ec2_backend
    branch = backend.get_network_interface(self._get_param("BranchInterfaceId"))
    trunk = backend.get_network_interface(self._get_param("TrunkInterfaceId"))
    vlan_id, gre_key = self._get_int_param("VlanId"), self._get_int_param("GreKey")
    if trunk.interface_type != "trunk":
        raise refuse("InvalidParameterValue", f"The network interface '{trunk.id}' is not a trunk interface.")
    if (vlan_id is None) == (gre_key is None):
        raise refuse("InvalidParameterCombination", "Exactly one of VlanId and GreKey must be specified.")
    if vlan_id is not None and not 1 <= vlan_id <= LARGEST_VLAN:
        raise refuse("InvalidParameterValue", f"Value ({vlan_id}) for parameter VlanId is invalid.")
    for other in _associations(backend).values():
        if other.branch is branch:
            raise refuse("InvalidParameterValue", f"The network interface '{branch.id}' is already associated with '{other.trunk.id}'.")
        if other.trunk is trunk and (other.vlan_id, other.gre_key) == (vlan_id, gre_key):
            raise refuse("InvalidParameterValue", f"The key {vlan_id or gre_key} is already in use on '{trunk.id}'.")
    if branch.status == "in-use":
        raise refuse("InvalidNetworkInterface.InUse", f"Interface: [{branch.id}] in use.")
    association = TrunkAssociation(f"trunk-assoc-{secrets.token_hex(9)[1:]}", branch, trunk, vlan_id, gre_key)
    _associations(backend)[association.id] = association
    branch.status = "in-use"
    token = {"ClientToken": token} if (token := self._get_param("ClientToken")) else {}
    return ActionResult({"InterfaceAssociation": association.described(), **token})


@amendments.add(ElasticNetworkInterfaces)
def describe_trunk_interface_associations(self: ElasticNetworkInterfaces) -> ActionResult:
    known, filters = _associations(self.ec2_backend), self._filters_from_querystring()
    if unknown := set(filters) - set(FILTERS):
        raise refuse("InvalidParameterValue", f"The filter '{min(unknown)}' is invalid")
    ids = self._get_param("AssociationIds", [])
    for association_id in ids:
        _require(known, association_id)
    shown = [
        association.described()
        for association in known.values()
        if (not ids or association.id in ids) and all(_passes(association, name, values) for name, values in filters.items())
    ]
    return ActionResult({"InterfaceAssociations": shown})


@amendments.add(ElasticNetworkInterfaces)
def disassociate_trunk_interface(self: ElasticNetworkInterfaces) -> ActionResult:
    known = _associations(self.ec2_backend)
    association = _require(known, self._get_param("AssociationId"))
    del known[association.id]
    association.branch.status = "available"
    return ActionResult({"Return": True})


@amendments.method(ElasticNetworkInterfaces, "delete_network_interface")
def delete_network_interface(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    """A trunk with branches stays; a branch on a trunk is in use, which is looked at elsewhere."""
    interface_id = self._get_param("NetworkInterfaceId")
    if any(association.trunk.id == interface_id for association in _associations(self.ec2_backend).values()):
        raise refuse("InvalidParameterValue", f"Network interface '{interface_id}' has associated branch interfaces.")
    return original(self)


def _require(known: dict[str, TrunkAssociation], association_id: str) -> TrunkAssociation:
    if association_id not in known:
        raise refuse("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    return known[association_id]


def _passes(association: TrunkAssociation, name: str, values: list[str]) -> bool:
    actual = FILTERS[name](association)
    return actual is not None and any(fnmatch.fnmatchcase(str(actual), value) for value in values)
