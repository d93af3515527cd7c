"""ModifyInstanceAttribute changes the one attribute it names, where the instance's state allows it.

moto takes a call on an attribute it does not know for one on the (empty) list of security groups, and changes terminated
instances. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html and
API_DescribeInstanceAttribute.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import parse_user_data

from ..amendments import Amendments
from ..ec2_requests import refuse, refuse_several_interfaces

amendments = Amendments()
apply = amendments.apply

# Request member, the name its older form `Attribute=…, Value=…` uses, and where moto keeps it.
ATTRIBUTES = {
    "DisableApiStop": ("disableApiStop", "disable_api_stop"),
    "DisableApiTermination": ("disableApiTermination", "disable_api_termination"),
    "EbsOptimized": ("ebsOptimized", "ebs_optimized"),
    "InstanceInitiatedShutdownBehavior": ("instanceInitiatedShutdownBehavior", "instance_initiated_shutdown_behavior"),
    "InstanceType": ("instanceType", "instance_type"),
    "Kernel": ("kernel", "kernel"),
    "Ramdisk": ("ramdisk", "ramdisk"),
    "SourceDestCheck": ("sourceDestCheck", "source_dest_check"),
    "UserData": ("userData", "user_data"),
}
ONLY_WHEN_STOPPED = {"InstanceType", "Kernel", "Ramdisk", "UserData", "EbsOptimized"}
BOOLEAN = {"DisableApiStop", "DisableApiTermination", "EbsOptimized", "SourceDestCheck"}


@amendments.method(InstanceResponse, "describe_instance_attribute")
def describe_instance_attribute(original: Any, self: InstanceResponse) -> ActionResult:
    """moto leaves the disks out."""
    if self._get_param("Attribute") != "blockDeviceMapping":
        return original(self)
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    disks = [
        {
            "DeviceName": name,
            "Ebs": {
                "AttachTime": disk.attach_time,
                "DeleteOnTermination": disk.delete_on_termination,
                "Status": "attached",
                "VolumeId": disk.volume_id,
            },
        }
        for name, disk in instance.get_block_device_mapping
    ]
    return ActionResult({"InstanceId": instance.id, "BlockDeviceMappings": disks})


@amendments.add(InstanceResponse)
def modify_instance_attribute(self: InstanceResponse) -> ActionResult:
    instance = changeable_instance(self.ec2_backend, self._get_param("InstanceId"))
    changes = {name: self._get_param(f"{name}.Value") for name in ATTRIBUTES if self._get_param(f"{name}.Value") is not None}
    old_form = self._get_param("Attribute")
    if old_form:
        changes |= {name: self._get_param("Value") for name, (old, _) in ATTRIBUTES.items() if old == old_form}
    mappings, groups = self._get_param("BlockDeviceMappings", []), self._get_param("Groups", [])
    if len(changes) + bool(mappings) + bool(groups) > 1:
        raise refuse("InvalidParameterCombination", "Fields for multiple attribute types specified")
    if not changes and not mappings and not groups:
        raise refuse("InvalidParameterCombination", "No attributes specified.")
    for name, value in changes.items():
        _set_attribute(instance, name, value)
    for mapping in mappings:
        _set_delete_on_termination(instance, mapping)
    if groups:
        self.ec2_backend.modify_instance_security_groups(instance.id, groups)
    return EmptyResult()


def _set_attribute(instance: Instance, name: str, value: Any) -> None:
    if name in ONLY_WHEN_STOPPED and instance.state != "stopped":
        raise refuse("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
    if name == "InstanceInitiatedShutdownBehavior" and value not in ("stop", "terminate"):
        raise refuse("InvalidParameterValue", f"Value ({value}) for parameter instanceInitiatedShutdownBehavior is invalid.")
    if name == "SourceDestCheck" and len(instance.nics) > 1:
        raise refuse_several_interfaces(instance.id)
    if name in BOOLEAN:
        value = str(value).lower() == "true"
    setattr(instance, ATTRIBUTES[name][1], parse_user_data(value) if name == "UserData" and value else value)


def _set_delete_on_termination(instance: Instance, mapping: dict[str, Any]) -> None:
    device = mapping.get("DeviceName")
    if device not in instance.block_device_mapping:
        raise refuse("InvalidInstanceAttributeValue", f"No device is currently mapped at {device}")
    delete = mapping.get("Ebs", {}).get("DeleteOnTermination")
    if delete is not None:
        instance.block_device_mapping[device].delete_on_termination = delete


def changeable_instance(backend: Any, instance_id: str) -> Instance:
    """The instance, unless it is terminated or on the way there: then IncorrectInstanceState."""
    instance = backend.get_instance(instance_id)
    if instance.state in ("shutting-down", "terminated"):
        raise refuse("IncorrectInstanceState", f"The instance '{instance_id}' is in the '{instance.state}' state.")
    return instance


@amendments.method(InstanceResponse, "modify_instance_metadata_options")
def modify_instance_metadata_options(original: Any, self: InstanceResponse) -> ActionResult:
    changeable_instance(self.ec2_backend, self._get_param("InstanceId"))
    return original(self)


@amendments.method(InstanceBackend, "modify_instance_metadata_options")
def keep_other_options(original: Any, self: Any, instance_id: str, **kwargs: Any) -> Any:
    """What a call does not name stays as it was; moto sets it to nothing."""
    known = self.get_instance(instance_id).metadata_options
    named = {
        "http_tokens": "http_tokens",
        "hop_limit": "http_put_response_hop_limit",
        "http_endpoint": "http_endpoint",
        "http_protocol": "http_protocol_ipv6",
        "metadata_tags": "instance_metadata_tags",
    }
    stated = {name: kwargs.get(name) or getattr(known, attribute) for name, attribute in named.items()}
    return original(self, instance_id, **{**kwargs, **stated})
