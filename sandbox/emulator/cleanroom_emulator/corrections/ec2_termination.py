"""With an instance go its interfaces, their addresses' associations and the volumes marked for it, once it is terminated.

moto leaves the interfaces in use for ever. AWS: "By default, network interfaces created at launch are deleted with the
instance": https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html and
API_InstanceNetworkInterfaceSpecification.html (DeleteOnTermination).
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instances import Instance

from ..amendments import Amendments
from ..settings import current
from ..transitions import after

amendments = Amendments()
apply = amendments.apply


@amendments.method(Instance, "prep_nics")
def prep_nics(original: Any, self: Instance, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
    """Interfaces made for the launch go with the instance unless the request says otherwise; existing ones never."""
    given = {int(nic.get("DeviceIndex", 0)): nic for nic in nic_spec}
    original(self, nic_spec, *args, **kwargs)
    for index, interface in self.nics.items():
        nic = given.get(index, {})
        interface.delete_on_termination = not nic.get("NetworkInterfaceId") and nic.get("DeleteOnTermination", True)


@amendments.method(Instance, "terminate")
def terminate(original: Any, self: Instance) -> Any:
    """Disks and interfaces stay as they are while the instance shuts down, so what depends on them is refused so long."""
    if self._settled_state.name == "terminated":
        return original(self)
    release, self.teardown_defaults = self.teardown_defaults, lambda: None  # type: ignore[method-assign]
    kept = {interface.id: interface.delete_on_termination for interface in self.nics.values()}
    for interface in self.nics.values():
        interface.delete_on_termination = False
    previous = original(self)
    for interface in self.nics.values():
        interface.delete_on_termination = kept[interface.id]

    def finish() -> None:
        del self.teardown_defaults
        release()
        _release_interfaces(self)

    after(current().pending.instance, finish)
    return previous


def _release_interfaces(instance: Instance) -> None:
    backend = instance.ec2_backend
    for interface in list(instance.nics.values()):
        if not interface.delete_on_termination:
            instance.detach_eni(interface)
            continue
        backend.enis.pop(interface.id, None)
        for elastic in backend.addresses:
            if elastic.eni is interface:
                elastic.eni = elastic.association_id = elastic.chosen_private_ip = None
        for address in interface.private_ip_addresses:
            interface.subnet.del_subnet_ip(address["PrivateIpAddress"])
    instance._released = True


def _gone(name: str, nothing: Any) -> None:
    """A terminated instance is described without its network."""
    shown = getattr(Instance, name).fget
    amendments.attribute(Instance, name, property(lambda self: nothing if getattr(self, "_released", False) else shown(self)))


for _name, _nothing in {
    "network_interfaces": [],
    "private_ip": None,
    "private_ip_address": None,
    "private_dns_name": "",
    "public_ip": None,
    "public_ip_address": None,
    "public_dns_name": "",
    "subnet_id": None,
    "vpc_id": None,
}.items():
    _gone(_name, _nothing)
