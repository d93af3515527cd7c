"""The profile of an instance. EC2 API Reference, "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="module")
def profiles(emulator):
    """The ARNs of two profiles by name."""
    iam = emulator.client("iam")
    names = [f"profile-{uuid.uuid4()}" for _ in range(2)]
    return {name: iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"] for name in names}


def associations(ec2, **filters):
    named = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    return ec2.describe_iam_instance_profile_associations(Filters=named)["IamInstanceProfileAssociations"]


def with_profile(ec2, arn):
    reservations = ec2.describe_instances(Filters=[{"Name": "iam-instance-profile.arn", "Values": [arn]}])["Reservations"]
    return {instance["InstanceId"] for reservation in reservations for instance in reservation["Instances"]}


def test_a_profile_is_taken_and_given_and_the_instance_shows_it(cloud, ec2, profiles, refused):
    first, second = profiles
    instance_id, other = (cloud.instance(IamInstanceProfile={"Name": first}) for _ in range(2))
    [association] = associations(ec2, instance_id=instance_id, state="associated")
    assert association["IamInstanceProfile"] == cloud.described(instance_id)["IamInstanceProfile"]
    assert association["IamInstanceProfile"]["Id"] == profiles[first]["InstanceProfileId"]
    assert with_profile(ec2, profiles[first]["Arn"]) == {instance_id, other}
    with refused("IncorrectState"):
        ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": second})

    ended = ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    assert ended["IamInstanceProfileAssociation"]["State"] == "disassociating"
    assert associations(ec2, instance_id=instance_id) == [] and "IamInstanceProfile" not in cloud.described(instance_id)
    assert with_profile(ec2, profiles[first]["Arn"]) == {other}
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])

    given = ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Arn": profiles[second]["Arn"]})
    assert given["IamInstanceProfileAssociation"]["State"] == "associating"
    [now] = associations(ec2, instance_id=instance_id)
    assert now["State"] == "associated" and now["AssociationId"] != association["AssociationId"]
    assert cloud.described(instance_id)["IamInstanceProfile"]["Arn"] == profiles[second]["Arn"]


def test_a_replaced_profile_shows_in_the_instance_under_a_new_association(cloud, ec2, profiles, refused):
    first, second = profiles
    instance_id = cloud.instance(IamInstanceProfile={"Name": first})
    [old] = associations(ec2, instance_id=instance_id)
    request = {"AssociationId": old["AssociationId"], "IamInstanceProfile": {"Name": second}}
    ec2.replace_iam_instance_profile_association(**request)
    [new] = associations(ec2, instance_id=instance_id)
    assert new["AssociationId"] != old["AssociationId"]
    assert cloud.described(instance_id)["IamInstanceProfile"] == new["IamInstanceProfile"]
    assert new["IamInstanceProfile"]["Arn"] == profiles[second]["Arn"]
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_iam_instance_profile_association(**request)
    with refused("InvalidAssociationID.NotFound"):
        ec2.describe_iam_instance_profile_associations(AssociationIds=[old["AssociationId"]])


def test_a_profile_that_is_none_is_an_invalid_value(cloud, ec2, refused):
    instance_id = cloud.instance()
    for profile in ({"Name": "nobody"}, {"Arn": "arn:aws:iam::123456789012:instance-profile/nobody"}):
        for call in (
            lambda profile=profile: ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile=profile),
            lambda profile=profile: cloud.instance(IamInstanceProfile=profile),
        ):
            with refused("InvalidParameterValue"):
                call()
    assert associations(ec2, instance_id=instance_id) == []
