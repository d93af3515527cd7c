"""What a role may do, asked beforehand. IAM API Reference, "SimulatePrincipalPolicy"; IAM User Guide, "Policy evaluation logic"."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

ACCOUNT = "123456789012"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
INSTANCES = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:instance"
ONE, OTHER = f"{INSTANCES}/i-00000000000000001", f"{INSTANCES}/i-00000000000000002"
STRANGE = "arn:aws:ec2:eu-central-1:999999999999:instance/i-00000000000000003"


@pytest.fixture(scope="module")
def iam(emulator: Any) -> Any:
    return emulator.client("iam")


def document(*statements: dict[str, Any]) -> str:
    everywhere = {"Resource": "*"}
    whole = [{**({} if "NotResource" in statement else everywhere), **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), **more}


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": list(actions), **more}


def role(iam: Any, *statements: dict[str, Any], **more: Any) -> str:
    made = iam.create_role(RoleName=f"role-{uuid.uuid4()}", AssumeRolePolicyDocument=TRUST, Path="/team/", **more)["Role"]
    iam.put_role_policy(RoleName=made["RoleName"], PolicyName="inline", PolicyDocument=document(*statements))
    return str(made["Arn"])


def simulate(iam: Any, arn: str, *actions: str, **request: Any) -> Any:
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": value if isinstance(value, list) else [value],
         "ContextKeyType": "stringList" if isinstance(value, list) else "string"}
        for key, value in request.pop("context", {}).items()
    ]  # fmt: skip
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), ContextEntries=entries, **request)
    assert answer["IsTruncated"] is False
    return answer["EvaluationResults"]


def decisions(iam: Any, arn: str, action: str, *resources: str, **context: Any) -> list[str]:
    [result] = simulate(iam, arn, action, ResourceArns=list(resources), context=context)
    return [specific["EvalResourceDecision"] for specific in result["ResourceSpecificResults"]]


def test_an_action_has_one_result_that_tells_each_resources_decision_and_the_strictest(iam: Any) -> None:
    arn = role(iam, allow("ec2:Stop*", Resource=[f"{INSTANCES}/*"]), deny("ec2:*", Resource=[OTHER]))
    stop, start = simulate(iam, arn, "ec2:StopInstances", "ec2:StartInstances", ResourceArns=[ONE, OTHER, STRANGE])
    assert (stop["EvalActionName"], stop["EvalDecision"]) == ("ec2:StopInstances", "explicitDeny")
    assert [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in stop["ResourceSpecificResults"]] == [
        (ONE, "allowed"),
        (OTHER, "explicitDeny"),
        (STRANGE, "implicitDeny"),
    ]
    assert [one["EvalResourceDecision"] for one in start["ResourceSpecificResults"]] == ["implicitDeny", "explicitDeny", "implicitDeny"]


def test_without_resources_the_decision_is_about_all_of_them(iam: Any) -> None:
    arn = role(iam, allow("ec2:DescribeInstances"), allow("ec2:StopInstances", Resource=[ONE]))
    results = simulate(iam, arn, "ec2:DescribeInstances", "ec2:StopInstances")
    assert [(result["EvalDecision"], "ResourceSpecificResults" in result) for result in results] == [
        ("allowed", False),
        ("implicitDeny", False),
    ]


def test_the_statements_that_decided_are_named_with_their_place_in_the_policy(iam: Any) -> None:
    arn = role(iam, allow("ec2:*"))
    name = arn.split("/")[-1]
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:*", Resource="*"), deny("ec2:Stop*", Resource="*")]}, indent=1)
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=text)
    lines = text.splitlines()
    start, stop = simulate(iam, arn, "ec2:StartInstances", "ec2:StopInstances")
    for result, opening in ((start, lines.index("  {")), (stop, lines.index("  {", lines.index("  },")))):
        [matched] = result["MatchedStatements"]
        assert matched["SourcePolicyId"] == f"role_{name}_inline"
        assert matched["StartPosition"] == {"Line": opening + 1, "Column": 3}
        assert matched["EndPosition"]["Line"] > matched["StartPosition"]["Line"]
    assert simulate(iam, arn, "s3:GetObject")[0]["MatchedStatements"] == []


def test_attached_policies_count_like_the_roles_own(iam: Any) -> None:
    arn = role(iam, allow("ec2:*"))
    name = f"policy-{uuid.uuid4()}"
    policy = iam.create_policy(PolicyName=name, PolicyDocument=document(deny("ec2:StopInstances"), allow("s3:GetObject")))["Policy"]
    iam.attach_role_policy(RoleName=arn.split("/")[-1], PolicyArn=policy["Arn"])
    stop, read = simulate(iam, arn, "ec2:StopInstances", "s3:GetObject")
    assert (stop["EvalDecision"], read["EvalDecision"]) == ("explicitDeny", "allowed")
    assert [matched["SourcePolicyId"] for matched in stop["MatchedStatements"]] == [name]


def test_a_boundary_limits_what_the_policies_allow(iam: Any) -> None:
    boundary = iam.create_policy(PolicyName=f"policy-{uuid.uuid4()}", PolicyDocument=document(allow("ec2:Start*")))["Policy"]["Arn"]
    arn = role(iam, allow("ec2:*"), PermissionsBoundary=boundary)
    start, stop = simulate(iam, arn, "ec2:StartInstances", "ec2:StopInstances")
    assert (start["EvalDecision"], start["PermissionsBoundaryDecisionDetail"]) == ("allowed", {"AllowedByPermissionsBoundary": True})
    assert (stop["EvalDecision"], stop["PermissionsBoundaryDecisionDetail"]) == ("implicitDeny", {"AllowedByPermissionsBoundary": False})


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ({"StringEquals": {"aws:ResourceTag/owner": ["a", "b"]}}, [{"aws:ResourceTag/owner": "b"}], [{"aws:ResourceTag/owner": "c"}, {}]),
        ({"StringNotEquals": {"aws:RequestedRegion": ["x", "y"]}}, [{"aws:RequestedRegion": "z"}, {}], [{"aws:RequestedRegion": "x"}]),
        ({"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}, [{"kms:ViaService": "s3.z.amazonaws.com"}], [{"kms:ViaService": "s3"}]),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:1:t*"}}, [{"aws:SourceArn": "arn:aws:sns:z:1:topic"}], [{"aws:SourceArn": "arn:aws:sns:z:2:topic"}, {}]),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:1:t*"}}, [{"aws:SourceArn": "arn:aws:sns:z:2:topic"}, {}], [{"aws:SourceArn": "arn:aws:sns:z:1:topic"}]),
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, [{"kms:GrantIsForAWSResource": "true"}], [{"kms:GrantIsForAWSResource": "false"}, {}]),
        ({"Null": {"aws:TagKeys": "false"}}, [{"aws:TagKeys": ["a"]}], [{}]),
        ({"Null": {"aws:TagKeys": "true"}}, [{}], [{"aws:TagKeys": ["a"]}]),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, [{"aws:TagKeys": ["a", "b"]}, {}], [{"aws:TagKeys": ["a", "c"]}]),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, [{"aws:TagKeys": ["c", "a"]}], [{"aws:TagKeys": ["c"]}, {}]),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, [{"aws:TagKeys": ["c", "a"]}], [{"aws:TagKeys": ["a"]}, {}]),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, [{"aws:PrincipalOrgID": "o-1"}, {}], [{"aws:PrincipalOrgID": "o-2"}]),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}}, [{"aws:TokenIssueTime": "2026-01-01T23:59:59Z"}], [{"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}, {}]),
        ({"NumericLessThan": {"ec2:VolumeSize": "100"}}, [{"ec2:VolumeSize": "99"}], [{"ec2:VolumeSize": "100"}]),
        ({"Bool": {"x:y": "true"}, "StringEquals": {"x:z": "1"}}, [{"x:y": "true", "X:Z": "1"}], [{"x:y": "true"}, {"x:z": "1"}]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_condition_decides_with_the_context_that_is_given(iam: Any, condition: Any, holds: Any, fails: Any) -> None:
    arn = role(iam, allow("ec2:StopInstances", Condition=condition))
    for context, expected in [*((one, "allowed") for one in holds), *((one, "implicitDeny") for one in fails)]:
        [result] = simulate(iam, arn, "ec2:StopInstances", context=context)
        assert (context, result["EvalDecision"]) == (context, expected)


def test_context_that_was_needed_and_not_given_is_named_where_the_resource_is(iam: Any) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/owner": "a"}}
    arn = role(iam, allow("ec2:StopInstances", Condition=condition, Resource=[f"{INSTANCES}/*"]), allow("s3:*", Condition={"Bool": {"x:y": "true"}}))
    [result] = simulate(iam, arn, "ec2:StopInstances", ResourceArns=[ONE, STRANGE])
    assert [specific["MissingContextValues"] for specific in result["ResourceSpecificResults"]] == [["aws:ResourceTag/owner"], []]
    assert result["MissingContextValues"] == ["aws:ResourceTag/owner"]
    [given] = simulate(iam, arn, "ec2:StopInstances", ResourceArns=[ONE], context={"aws:ResourceTag/owner": "a"})
    assert (given["MissingContextValues"], given["EvalDecision"]) == ([], "allowed")


def test_a_statement_may_say_what_it_is_not_about(iam: Any) -> None:
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1"]}}
    outside = {"Effect": "Deny", "NotAction": ["iam:*"], "Condition": elsewhere}
    arn = role(iam, allow("*"), outside, deny("iam:PutRolePolicy", NotResource=[f"arn:aws:iam::{ACCOUNT}:role/team/*"]))
    here, there = {"aws:RequestedRegion": "eu-central-1"}, {"aws:RequestedRegion": "us-east-1"}
    assert decisions(iam, arn, "ec2:StopInstances", ONE, **here) == ["allowed"]
    assert decisions(iam, arn, "ec2:StopInstances", ONE, **there) == ["explicitDeny"]
    roles = [f"arn:aws:iam::{ACCOUNT}:role/{path}" for path in ("team/a", "other/a")]
    assert decisions(iam, arn, "iam:PutRolePolicy", *roles, **there) == ["allowed", "explicitDeny"]


def test_a_users_groups_count_too(iam: Any) -> None:
    name = f"user-{uuid.uuid4()}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    iam.put_group_policy(GroupName=name, PolicyName="inline", PolicyDocument=document(allow("ec2:*")))
    [result] = simulate(iam, arn, "ec2:StopInstances")
    assert (result["EvalDecision"], result["MatchedStatements"][0]["SourcePolicyId"]) == ("allowed", f"group_{name}_inline")


def test_more_results_than_fit_come_in_pages(iam: Any) -> None:
    arn, actions, seen, marker = role(iam, allow("ec2:*")), [f"ec2:Action{number}" for number in range(5)], [], {}
    for _ in range(3):
        answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions, MaxItems=2, **marker)
        seen += [result["EvalActionName"] for result in answer["EvaluationResults"]]
        marker = {"Marker": answer.get("Marker")}
    assert seen == actions and answer["IsTruncated"] is False


def test_what_cannot_be_simulated_is_refused(iam: Any, refused: Any) -> None:
    arn = role(iam, allow("ec2:*"))
    with refused("NoSuchEntity"):
        simulate(iam, f"arn:aws:iam::{ACCOUNT}:role/nobody", "ec2:StopInstances")
    for source, action, more in (
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/role/session", "ec2:StopInstances", {}),
        (arn, "StopInstances", {}),
        (arn, "ec2:StopInstances", {"ResourceArns": ["i-00000000000000001"]}),
    ):
        with refused("InvalidInput"):
            simulate(iam, source, action, **more)
