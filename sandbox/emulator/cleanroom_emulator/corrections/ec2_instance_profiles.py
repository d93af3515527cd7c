"""Replacing an instance's profile shows in the instance.

moto changes the association only. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.iam_instance_profile import (
    IamInstanceProfileAssociation,
    IamInstanceProfileAssociationBackend,
)

from ..amendments import Amendments
from .ec2_instance_attributes import changeable_instance

amendments = Amendments()
apply = amendments.apply


@amendments.method(IamInstanceProfileAssociationBackend, "replace_iam_instance_profile_association")
def replace(original: Any, self: Any, *args: Any, **kwargs: Any) -> IamInstanceProfileAssociation:
    association = original(self, *args, **kwargs)
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
    return association


@amendments.method(IamInstanceProfileAssociationBackend, "associate_iam_instance_profile")
def associate(original: Any, self: Any, instance_id: str, *args: Any, **kwargs: Any) -> IamInstanceProfileAssociation:
    changeable_instance(self, instance_id)
    association = original(self, instance_id, *args, **kwargs)
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
    return association
