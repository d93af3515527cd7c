"""RunInstances does what it was asked: every parameter counts, and the image's disks are always there.

moto drops DisableApiTermination, tags for interfaces, the image's root volume where the request maps another, MaxCount,
and the profile of all but the first instance. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
and https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html ("the mapping of the instance
adds to and overrides the mapping of the AMI").
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidInstanceTypeError, MissingParameterError
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses.instances import InstanceResponse

from ..amendments import Amendments
from ..ec2_requests import groups_in_vpc, refuse

amendments = Amendments()
apply = amendments.apply


@amendments.method(InstanceResponse, "run_instances")
def run_instances(original: Any, self: InstanceResponse) -> ActionResult:
    self.params["MinCount"] = self._get_param("MaxCount", self._get_param("MinCount", 1))
    try:
        reservation = original(self).result
    except InvalidInstanceTypeError:
        # The code moto uses is the one of DescribeInstanceTypes.
        raise refuse("InvalidParameterValue", f"Invalid value '{self._get_param('InstanceType')}' for InstanceType.") from None
    tags = self._parse_tag_specification()
    profile = {"name": self._get_param("IamInstanceProfile.Name"), "arn": self._get_param("IamInstanceProfile.Arn")}
    for index, instance in enumerate(reservation.instances):
        instance.disable_api_termination = self._get_param("DisableApiTermination") or False
        for interface in instance.nics.values():
            interface.add_tags(tags.get("network-interface", {}))
        if index and any(profile.values()):
            self.ec2_backend.associate_iam_instance_profile(
                instance.id, iam_instance_profile_name=profile["name"], iam_instance_profile_arn=profile["arn"]
            )
    return ActionResult(reservation)


@amendments.add(InstanceResponse, "_parse_block_device_mapping")
def requested_mappings(self: InstanceResponse) -> list[dict[str, Any]]:
    """The mappings as requested, without moto's defaults. An instance store volume is no EBS volume: it is left out."""
    return [{"Ebs": {}, **mapping} for mapping in self._get_param("BlockDeviceMappings", []) if not mapping.get("VirtualName")]


@amendments.method(InstanceBackend, "run_instances")
def run_instances_backend(
    original: Any, self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
) -> Any:
    template = kwargs.get("launch_template")
    data = self._get_template_from_args(template).data if template else {}
    image = self.amis.get(image_id or data.get("ImageId"))
    requested = kwargs.get("block_device_mappings") or data.get("BlockDeviceMappings") or _launch_configuration(kwargs)
    kwargs["block_device_mappings"] = merge_mappings(image.block_device_mappings if image else [], requested)
    _check_groups(self, kwargs)
    return original(self, image_id, count, user_data, security_group_names, **kwargs)


def merge_mappings(image: list[dict[str, Any]], requested: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The image's disks, each overridden where the request maps the same device, then the request's others."""
    merged = {mapping["DeviceName"]: copy.deepcopy(mapping) for mapping in image}
    for mapping in requested:
        if mapping.get("NoDevice") is not None:
            merged.pop(mapping["DeviceName"], None)
            continue
        known = merged.setdefault(mapping["DeviceName"], {"DeviceName": mapping["DeviceName"], "Ebs": {}})
        known["Ebs"].update(mapping.get("Ebs", {}))
        if not known["Ebs"].get("VolumeSize") and not known["Ebs"].get("SnapshotId"):
            raise MissingParameterError("size or snapshotId")
    return list(merged.values())


def _launch_configuration(kwargs: dict[str, Any]) -> list[dict[str, Any]]:
    configuration = kwargs.get("launch_config")
    return (configuration.block_device_mapping_dict or []) if configuration else []


def _check_groups(backend: Any, kwargs: dict[str, Any]) -> None:
    """Unknown groups, and groups of another VPC than the subnet's, are refused before anything is made."""
    for subnet_id, group_ids in [
        (kwargs.get("subnet_id"), kwargs.get("security_group_ids", [])),
        *((nic.get("SubnetId"), nic.get("Groups") or []) for nic in kwargs.get("nics", [])),
    ]:
        named = [group_id for group_id in group_ids if isinstance(group_id, str)]
        if subnet_id and named:
            subnet = backend.get_subnet(subnet_id)
            for group_id in named:
                message = f"Security group {group_id} and subnet {subnet_id} belong to different networks."
                groups_in_vpc(backend, [group_id], subnet.vpc_id, message)


amendments.attribute(Instance, "platform_details", "Linux/UNIX")
amendments.attribute(Instance, "usage_operation", "RunInstances")
amendments.attribute(Instance, "ena_support", True)
