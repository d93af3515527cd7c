"""Route 53 Resolver DNS Firewall: domain lists, groups of rules, and which VPCs they are in force for.

moto lacks it. AWS: Route 53 API Reference, "Amazon Route 53 Resolver" (CreateFirewallDomainList and the other Firewall actions;
CreatorRequestId "allows failed requests to be retried without the risk of running the operation twice"; ConflictException
"The requested state transition isn't valid"); Route 53 Developer Guide, "Route 53 Resolver DNS Firewall". Of the priorities
"between 100 and 9900" both ends are refused: "The priority value you provided is reserved."
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.route53resolver.exceptions import (
    InvalidNextTokenException,
    ResourceNotFoundException,
)
from moto.route53resolver.models import Route53ResolverBackend
from moto.route53resolver.responses import Route53ResolverResponse

from ..amendments import Amendments
from ..transitions import after

amendments = Amendments()
apply = amendments.apply

NAME = re.compile(r"(?![0-9]+$)[a-zA-Z0-9\-_' ]{1,64}")
DOMAIN = re.compile(r"\*|(\*\.?)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
RESERVED_PRIORITIES = (100, 9900)
LONGEST_DOMAIN, DOMAINS_PER_REQUEST, LARGEST_PAGE = 255, 1000, 100
CHANGE_SECONDS = 0.5  # some ten on AWS; long enough here to be seen under way
OPERATIONS = ("ADD", "REMOVE", "REPLACE")
ACTIONS = ("ALLOW", "BLOCK", "ALERT")
RESPONSES = ("NODATA", "NXDOMAIN", "OVERRIDE")
MANAGED_LISTS = (
    "AWSManagedDomainsAggregateThreatList", "AWSManagedDomainsAmazonGuardDutyThreatList",
    "AWSManagedDomainsBotnetCommandandControl", "AWSManagedDomainsMalwareDomainList",
)  # fmt: skip
LIST, GROUP, ASSOCIATION = "firewall-domain-list", "firewall-rule-group", "firewall-rule-group-association"
PREFIXES = {LIST: "rslvr-fdl", GROUP: "rslvr-frg", ASSOCIATION: "rslvr-frgassoc"}
# What a listing tells of lists and groups.
SHORT = ("Id", "Arn", "Name", "OwnerId", "CreatorRequestId", "ShareStatus", "ManagedOwnerName")

Resource = dict[str, Any]


@dataclass
class Firewall:
    """All of it by id, as AWS describes it; `domains` by list, `rules` by group."""

    lists: dict[str, Resource] = field(default_factory=dict)
    groups: dict[str, Resource] = field(default_factory=dict)
    associations: dict[str, Resource] = field(default_factory=dict)
    domains: dict[str, list[str]] = field(default_factory=dict)
    rules: dict[str, list[Resource]] = field(default_factory=dict)


def _firewall(backend: Route53ResolverBackend) -> Firewall:
    known = backend.__dict__.get("firewall")
    if known is None:
        known = backend.__dict__["firewall"] = Firewall()
        for name in MANAGED_LISTS:
            list_id = f"{PREFIXES[LIST]}-{secrets.token_hex(8)}"
            arn = f"arn:aws:route53resolver:{backend.region_name}:AWSManaged:{LIST}/{list_id}"
            known.lists[list_id] = {"Id": list_id, "Arn": arn, "Name": name, "ManagedOwnerName": "Route 53 Resolver DNS Firewall"}
            known.domains[list_id] = []
    return known


def _refuse(code: str, message: str) -> JsonRESTError:
    return JsonRESTError(code, f"[RSLVR-00000] {message}")


def _invalid(message: str) -> JsonRESTError:
    return _refuse("ValidationException", message)


def _get(resources: dict[str, Resource], resource_id: str, what: str) -> Resource:
    if resource_id not in resources:
        raise ResourceNotFoundException(f"[RSLVR-00000] The {what} with ID '{resource_id}' does not exist.")
    return resources[resource_id]


def _now() -> str:
    return f"{utcnow():%Y-%m-%dT%H:%M:%S.%fZ}"


class _Call:
    """One request: its parameters, the state of its account and Region, and answers in AWS's form."""

    def __init__(self, response: Route53ResolverResponse) -> None:
        self.backend = response.route53resolver_backend
        self.firewall = _firewall(self.backend)
        self.account = response.current_account
        self.region = response.region
        self.parameters: dict[str, Any] = json.loads(response.body or "{}")

    def required(self, name: str) -> Any:
        value = self.parameters.get(name)
        if value in (None, "", []):
            raise _invalid(f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null")
        return value

    def one_of(self, name: str, allowed: Iterable[str]) -> str:
        value = str(self.required(name))
        if value not in allowed:
            raise _invalid(f"Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: {[*allowed]}")
        return value

    def name(self) -> str:
        name = str(self.required("Name"))
        if not NAME.fullmatch(name):
            raise _invalid(f"Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern")
        return name

    def repeated(self, resources: Iterable[Resource]) -> Resource | None:
        """What an earlier request with the same id made; the same id for another thing is refused."""
        request_id = self.required("CreatorRequestId")
        made = next((resource for resource in resources if resource.get("CreatorRequestId") == request_id), None)
        if made is not None and made["Name"] != self.parameters.get("Name"):
            raise _invalid(f"The CreatorRequestId '{request_id}' was used for another request.")
        return made

    def make(self, kind: str, **members: Any) -> Resource:
        resource_id = f"{PREFIXES[kind]}-{secrets.token_hex(8)}"
        arn = f"arn:aws:route53resolver:{self.region}:{self.account}:{kind}/{resource_id}"
        now = _now()
        request_id = self.required("CreatorRequestId")
        self.backend.tagger.tag_resource(arn, self.parameters.get("Tags") or [])
        times = {"CreationTime": now, "ModificationTime": now}
        return {"Id": resource_id, "Arn": arn, "Name": self.name(), "CreatorRequestId": request_id, **members, **times}

    def page(self, key: str, items: list[Any]) -> str:
        size, token = int(self.parameters.get("MaxResults") or LARGEST_PAGE), self.parameters.get("NextToken") or "0"
        if not token.isdigit():
            raise InvalidNextTokenException()
        end = int(token) + size
        more = {"NextToken": str(end)} if end < len(items) else {}
        return json.dumps({key: items[int(token) : end], **more})


Handler = Callable[[_Call], str]


def _action(handler: Handler) -> Handler:
    amendments.attribute(Route53ResolverResponse, handler.__name__, lambda self: handler(_Call(self)))
    return handler


def _described_list(call: _Call, resource: Resource) -> str:
    count = len(call.firewall.domains[resource["Id"]])
    return json.dumps({"FirewallDomainList": {**resource, "DomainCount": count}})


def _described_group(call: _Call, resource: Resource) -> str:
    return json.dumps({"FirewallRuleGroup": {**resource, "RuleCount": len(call.firewall.rules[resource["Id"]])}})


def _short(resource: Resource) -> Resource:
    return {name: resource[name] for name in SHORT if name in resource}


@_action
def create_firewall_domain_list(call: _Call) -> str:
    made = call.repeated(call.firewall.lists.values())
    if made is None:
        made = call.make(LIST, Status="COMPLETE", StatusMessage="Created Firewall Domain List")
        call.firewall.lists[made["Id"]], call.firewall.domains[made["Id"]] = made, []
    return _described_list(call, made)


@_action
def get_firewall_domain_list(call: _Call) -> str:
    return _described_list(call, _own_list(call))


@_action
def list_firewall_domain_lists(call: _Call) -> str:
    return call.page("FirewallDomainLists", [_short(resource) for resource in call.firewall.lists.values()])


@_action
def list_firewall_domains(call: _Call) -> str:
    return call.page("Domains", [f"{domain}." for domain in call.firewall.domains[_own_list(call)["Id"]]])


@_action
def update_firewall_domains(call: _Call) -> str:
    resource, operation = _changeable_list(call), call.one_of("Operation", OPERATIONS)
    given = [str(domain) for domain in call.required("Domains")]
    if len(given) > DOMAINS_PER_REQUEST:
        raise _refuse("LimitExceededException", f"There is a limit of {DOMAINS_PER_REQUEST} domains per request.")
    for domain in given:
        if not DOMAIN.fullmatch(domain.removesuffix(".")) or len(domain) > LONGEST_DOMAIN:
            raise _invalid(f"The domain '{domain}' is not valid.")
    named = [domain.removesuffix(".").lower() for domain in given]
    known = call.firewall.domains[resource["Id"]]
    if operation == "REMOVE":
        wanted = [domain for domain in known if domain not in named]
    else:
        wanted = list(dict.fromkeys(named if operation == "REPLACE" else [*known, *named]))
    call.firewall.domains[resource["Id"]] = wanted
    resource |= {"Status": "UPDATING", "StatusMessage": "Updating the Firewall Domain List", "ModificationTime": _now()}
    after(CHANGE_SECONDS, lambda: _settle(resource, "Finished domain list update"))
    return json.dumps({name: resource[name] for name in ("Id", "Name", "Status", "StatusMessage")})


@_action
def delete_firewall_domain_list(call: _Call) -> str:
    resource = _changeable_list(call)
    if any(rule["FirewallDomainListId"] == resource["Id"] for rules in call.firewall.rules.values() for rule in rules):
        raise _refuse("ConflictException", f"The domain list '{resource['Id']}' is used by a firewall rule.")
    resource |= {"Status": "DELETING", "StatusMessage": "Deleting the Firewall Domain List"}
    after(CHANGE_SECONDS, lambda: (call.firewall.lists.pop(resource["Id"]), call.firewall.domains.pop(resource["Id"])))  # type: ignore[func-returns-value]
    return _described_list(call, resource)


def _own_list(call: _Call) -> Resource:
    return _get(call.firewall.lists, call.required("FirewallDomainListId"), "firewall domain list")


def _changeable_list(call: _Call) -> Resource:
    resource = _own_list(call)
    if "ManagedOwnerName" in resource:
        raise _refuse("AccessDeniedException", f"The domain list '{resource['Id']}' is managed by AWS.")
    if resource["Status"] != "COMPLETE":
        raise _refuse("ConflictException", f"The domain list '{resource['Id']}' is in the state {resource['Status']}.")
    return resource


@_action
def create_firewall_rule_group(call: _Call) -> str:
    made = call.repeated(call.firewall.groups.values())
    if made is None:
        status = {"Status": "COMPLETE", "StatusMessage": "Created Firewall Rule Group"}
        made = call.make(GROUP, OwnerId=call.account, ShareStatus="NOT_SHARED", **status)
        call.firewall.groups[made["Id"]], call.firewall.rules[made["Id"]] = made, []
    return _described_group(call, made)


@_action
def get_firewall_rule_group(call: _Call) -> str:
    return _described_group(call, _group(call))


@_action
def list_firewall_rule_groups(call: _Call) -> str:
    return call.page("FirewallRuleGroups", [_short(resource) for resource in call.firewall.groups.values()])


@_action
def delete_firewall_rule_group(call: _Call) -> str:
    group = _group(call)
    associated = any(association["FirewallRuleGroupId"] == group["Id"] for association in call.firewall.associations.values())
    if associated or call.firewall.rules[group["Id"]]:
        why = "is associated with a VPC" if associated else "contains rules"
        raise _refuse("ConflictException", f"The firewall rule group '{group['Id']}' {why}.")
    answer = _described_group(call, {**group, "Status": "DELETING", "StatusMessage": "Deleted the Firewall Rule Group"})
    del call.firewall.groups[group["Id"]], call.firewall.rules[group["Id"]]
    return answer


def _group(call: _Call) -> Resource:
    return _get(call.firewall.groups, call.required("FirewallRuleGroupId"), "firewall rule group")


@_action
def create_firewall_rule(call: _Call) -> str:
    group = _group(call)
    rules = call.firewall.rules[group["Id"]]
    made = call.repeated(rules)
    if made is None:
        made = _rule(call, group["Id"], rules)
        rules.append(made)
    return json.dumps({"FirewallRule": made})


def _rule(call: _Call, group_id: str, rules: list[Resource]) -> Resource:
    action, priority = call.one_of("Action", ACTIONS), int(call.required("Priority"))
    response = {"BlockResponse": call.one_of("BlockResponse", RESPONSES)} if action == "BLOCK" else {}
    listed = _own_list(call)
    if response.get("BlockResponse") == "OVERRIDE":
        for name in ("BlockOverrideDomain", "BlockOverrideDnsType", "BlockOverrideTtl"):
            response[name] = call.required(name)
    kind = {"Qtype": call.parameters["Qtype"]} if call.parameters.get("Qtype") else {}
    for rule in rules:
        if rule["Priority"] == priority:
            raise _invalid(f"The priority {priority} is already used by another rule of '{group_id}'.")
        if (rule["FirewallDomainListId"], rule.get("Qtype")) == (listed["Id"], kind.get("Qtype")):
            raise _invalid(f"The domain list '{listed['Id']}' is already used by another rule of '{group_id}'.")
    now = _now()
    return {
        "FirewallRuleGroupId": group_id,
        "FirewallDomainListId": listed["Id"],
        "Name": call.name(),
        "Priority": priority,
        "Action": action,
        **response,
        **kind,
        "FirewallDomainRedirectionAction": call.parameters.get("FirewallDomainRedirectionAction", "INSPECT_REDIRECTION_DOMAIN"),
        "CreatorRequestId": call.required("CreatorRequestId"),
        "CreationTime": now,
        "ModificationTime": now,
    }


@_action
def list_firewall_rules(call: _Call) -> str:
    rules = sorted(call.firewall.rules[_group(call)["Id"]], key=lambda rule: rule["Priority"])
    return call.page("FirewallRules", _matching(call, rules, "Priority", "Action"))


@_action
def delete_firewall_rule(call: _Call) -> str:
    rules, listed, kind = call.firewall.rules[_group(call)["Id"]], call.required("FirewallDomainListId"), call.parameters.get("Qtype")
    for rule in rules:
        if (rule["FirewallDomainListId"], rule.get("Qtype")) == (listed, kind):
            rules.remove(rule)
            return json.dumps({"FirewallRule": rule})
    raise ResourceNotFoundException(f"[RSLVR-00000] There is no firewall rule with the domain list '{listed}'.")


@_action
def associate_firewall_rule_group(call: _Call) -> str:
    made = call.repeated(call.firewall.associations.values())
    if made is None:
        made = _associate(call)
    return json.dumps({"FirewallRuleGroupAssociation": made})


def _associate(call: _Call) -> Resource:
    group, vpc_id, priority = _group(call), str(call.required("VpcId")), int(call.required("Priority"))
    _get(ec2_backends[call.account][call.region].vpcs, vpc_id, "VPC")
    lowest, highest = RESERVED_PRIORITIES
    if not lowest < priority < highest:
        raise _invalid(f'The priority value you provided is reserved. Provide a number between "{lowest}" and "{highest}".')
    for other in call.firewall.associations.values():
        if other["VpcId"] == vpc_id and other["FirewallRuleGroupId"] == group["Id"]:
            raise _refuse("ConflictException", f"The firewall rule group '{group['Id']}' is already associated with '{vpc_id}'.")
        if other["VpcId"] == vpc_id and other["Priority"] == priority:
            raise _invalid(f"The priority {priority} is already used by another association of '{vpc_id}'.")
    made = call.make(
        ASSOCIATION,
        FirewallRuleGroupId=group["Id"],
        VpcId=vpc_id,
        Priority=priority,
        MutationProtection=call.parameters.get("MutationProtection", "DISABLED"),
        Status="UPDATING",
        StatusMessage="Creating Firewall Rule Group Association",
    )
    call.firewall.associations[made["Id"]] = made
    after(CHANGE_SECONDS, lambda: _settle(made, "Finished rule group association update"))
    return made


@_action
def get_firewall_rule_group_association(call: _Call) -> str:
    return json.dumps({"FirewallRuleGroupAssociation": _association(call)})


@_action
def list_firewall_rule_group_associations(call: _Call) -> str:
    associations = list(call.firewall.associations.values())
    return call.page(
        "FirewallRuleGroupAssociations", _matching(call, associations, "FirewallRuleGroupId", "VpcId", "Priority", "Status")
    )


@_action
def disassociate_firewall_rule_group(call: _Call) -> str:
    association = _association(call)
    if association["Status"] == "DELETING":
        raise _refuse("ConflictException", f"The association '{association['Id']}' is being deleted.")
    if association["MutationProtection"] == "ENABLED":
        raise _invalid(f"The association '{association['Id']}' is protected against mutation.")
    association |= {"Status": "DELETING", "StatusMessage": "Deleting Firewall Rule Group Association"}
    after(CHANGE_SECONDS, lambda: call.firewall.associations.pop(association["Id"], None) and None)
    return json.dumps({"FirewallRuleGroupAssociation": association})


def _association(call: _Call) -> Resource:
    named = call.required("FirewallRuleGroupAssociationId")
    return _get(call.firewall.associations, named, "firewall rule group association")


def _matching(call: _Call, resources: list[Resource], *names: str) -> list[Resource]:
    given = {name: call.parameters[name] for name in names if call.parameters.get(name) is not None}
    return [resource for resource in resources if all(resource[name] == value for name, value in given.items())]


def _settle(resource: Resource, message: str) -> None:
    """Unless it is on its way out by now."""
    if resource["Status"] == "UPDATING":
        resource |= {"Status": "COMPLETE", "StatusMessage": message}


@amendments.method(Route53ResolverBackend, "_matched_arn")
def matched_arn(original: Any, self: Route53ResolverBackend, resource_arn: str) -> None:
    """Tags are on these resources too."""
    known = _firewall(self)
    if not any(resource["Arn"] == resource_arn for kind in (known.lists, known.groups, known.associations) for resource in kind.values()):
        original(self, resource_arn)
