"""An interface in use can be neither deleted nor attached again.

moto deletes interfaces that are attached. AWS answers InvalidParameterValue "… is currently in use" on delete and
InvalidNetworkInterface.InUse on attach: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from ..amendments import Amendments
from ..ec2_requests import refuse

amendments = Amendments()
apply = amendments.apply


@amendments.method(ElasticNetworkInterfaces, "delete_network_interface")
def delete_network_interface(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    interface = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
    if interface.status == "in-use":
        raise refuse("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")
    return original(self)


@amendments.method(ElasticNetworkInterfaces, "attach_network_interface")
def attach_network_interface(original: Any, self: ElasticNetworkInterfaces) -> ActionResult:
    interface = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    if interface.status == "in-use":
        raise refuse("InvalidNetworkInterface.InUse", f"Interface: [{interface.id}] in use.")
    if instance.state not in ("running", "stopped"):
        raise refuse("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if interface.availability_zone != instance.availability_zone:
        message = (
            f"You may not attach a network interface to an instance if they are not in the same availability zone: {interface.id}"
        )
        raise refuse("InvalidParameterCombination", message)
    if int(self._get_param("DeviceIndex")) in instance.nics:
        index = self._get_param("DeviceIndex")
        raise refuse(
            "InvalidParameterValue", f"Instance '{instance.id}' already has an interface attached at device index '{index}'."
        )
    return original(self)
