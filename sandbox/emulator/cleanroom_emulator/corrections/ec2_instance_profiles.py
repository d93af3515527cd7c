"""Replacing an instance's profile makes a new association and shows in the instance; a profile that is none is invalid.

moto changes the association only, under its old id, and answers with IAM's error. AWS:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html (its example answers
another id than the request's) and API_AssociateIamInstanceProfile.html
"""

from __future__ import annotations

from typing import Any

import moto.ec2.models.iam_instance_profile
import moto.ec2.responses.instances
from moto.ec2.models.iam_instance_profile import (
    IamInstanceProfileAssociation,
    IamInstanceProfileAssociationBackend,
)
from moto.ec2.utils import random_iam_instance_profile_association_id
from moto.iam.exceptions import IAMException

from ..amendments import Amendments
from ..ec2_requests import refuse
from .ec2_instance_attributes import changeable_instance

amendments = Amendments()
apply = amendments.apply

_find_profile = moto.ec2.models.iam_instance_profile.filter_iam_instance_profiles


def find_profile(
    account_id: str, partition: str, iam_instance_profile_arn: str | None, iam_instance_profile_name: str | None
) -> Any:
    try:
        return _find_profile(account_id, partition, iam_instance_profile_arn, iam_instance_profile_name)
    except IAMException:
        by, given = ("name", iam_instance_profile_name) if iam_instance_profile_name else ("arn", iam_instance_profile_arn)
        what = "Name" if by == "name" else "ARN"
        raise refuse(
            "InvalidParameterValue",
            f"Value ({given}) for parameter iamInstanceProfile.{by} is invalid. Invalid IAM Instance Profile {what}",
        ) from None


for _module in (moto.ec2.models.iam_instance_profile, moto.ec2.responses.instances):
    amendments.attribute(_module, "filter_iam_instance_profiles", find_profile)  # type: ignore[arg-type]


@amendments.method(IamInstanceProfileAssociationBackend, "replace_iam_instance_profile_association")
def replace(original: Any, self: Any, *args: Any, **kwargs: Any) -> IamInstanceProfileAssociation:
    association = original(self, *args, **kwargs)
    association.association_id = random_iam_instance_profile_association_id()
    return _shown(association)


@amendments.method(IamInstanceProfileAssociationBackend, "associate_iam_instance_profile")
def associate(original: Any, self: Any, instance_id: str, *args: Any, **kwargs: Any) -> IamInstanceProfileAssociation:
    changeable_instance(self, instance_id)
    return _shown(original(self, instance_id, *args, **kwargs))


def _shown(association: IamInstanceProfileAssociation) -> IamInstanceProfileAssociation:
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}  # type: ignore[attr-defined]
    return association


@amendments.method(IamInstanceProfileAssociationBackend, "describe_iam_instance_profile_associations")
def describe(original: Any, self: Any, association_ids: list[str], *args: Any, **kwargs: Any) -> Any:
    known = {association.association_id for association in self.iam_instance_profile_associations.values()}
    for association_id in association_ids:
        if association_id not in known:
            raise refuse("InvalidAssociationID.NotFound", f"An invalid association-id of '{association_id}' was given")
    return original(self, association_ids, *args, **kwargs)
