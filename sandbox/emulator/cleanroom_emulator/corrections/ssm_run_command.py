"""SendCommand reaches the named instances only and really runs there, in its own time, with its own result.

moto sends to every instance of the region and reports success at once, whatever the instance, document or parameters.
AWS: Systems Manager API Reference, "SendCommand", "GetCommandInvocation", "ListCommands", "ListCommandInvocations",
"CancelCommand".
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.s3.models import s3_backends
from moto.ssm.exceptions import InvalidFilterKey, SSMException, ValidationException
from moto.ssm.responses import SimpleSystemManagerResponse

from .. import machines
from ..amendments import Amendments
from ..command_documents import RUN_SHELL_SCRIPT, InvalidParameters, resolve_parameters, steps_of
from ..pages import page
from ..run_command import Command, Invocation, OutputLocation, Plugin, status_of
from ..run_command_answers import command_answer, execution_times, invocation_answer, plugin_name

amendments = Amendments()
apply = amendments.apply

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?|mi-[0-9a-f]{17}")
TARGETS_AT_MOST, INSTANCES_AT_MOST = 5, 50
TIMEOUT_SECONDS = (30, 2_592_000)
# Parameters of SendCommand that the sandbox would otherwise ignore in silence.
NOT_IMPLEMENTED = ("NotificationConfig", "ServiceRoleArn", "CloudWatchOutputConfig", "AlarmConfiguration")
_commands: dict[tuple[str, str], list[Command]] = {}


@amendments.add(SimpleSystemManagerResponse)
def send_command(self: SimpleSystemManagerResponse) -> ActionResult:
    request: dict[str, Any] = json.loads(self.body)
    _check_request(request)
    document = _document(self, request)
    instances = _targets(self, request)
    try:
        values = resolve_parameters(document.content_json, request.get("Parameters") or {})
    except InvalidParameters as error:
        raise SSMException("InvalidParameters", str(error)) from error
    steps = steps_of(document.content_json, values)
    if other := sorted({step.action for step in steps if step.applies and step.action != RUN_SHELL_SCRIPT}):
        raise NotImplementedError(f"document steps of {', '.join(other)}")
    command = Command(
        document_name=document.name,
        document_version=document.document_version,
        request=request,
        timeout_seconds=int(request.get("TimeoutSeconds") or 3600),
        execution_seconds=sum(step.timeout_seconds for step in steps if step.applies),
        max_errors=str(request.get("MaxErrors") or "0"),
    )
    output = _output(self, request)
    command.invocations = [Invocation(command.command_id, instance, steps, command.total_seconds, output) for instance in instances]
    answer = {**command_answer(command), "TargetCount": len(request.get("InstanceIds") or []), "CompletedCount": 0, "ErrorCount": 0}
    _commands.setdefault((self.current_account, self.region), []).append(command)
    command.start()
    return ActionResult({"Command": answer})


@amendments.add(SimpleSystemManagerResponse)
def get_command_invocation(self: SimpleSystemManagerResponse) -> ActionResult:
    command = _find(self, self._get_param("CommandId"))
    invocation = command.invocation_on(self._get_param("InstanceId")) if command else None
    if command is None or invocation is None or not invocation.known:
        raise SSMException("InvocationDoesNotExist", "The command ID and managed node ID you specified didn't match any invocations.")
    plugin = _plugin(invocation, self._get_param("PluginName"))
    details = plugin.details if plugin and self._get_param("PluginName") else invocation.details
    return ActionResult(
        {
            "CommandId": command.command_id,
            "InstanceId": invocation.instance.id,
            "Comment": command.request.get("Comment", ""),
            "DocumentName": command.document_name,
            "DocumentVersion": command.document_version,
            "PluginName": plugin_name(plugin) if plugin else "",
            "Status": status_of(details),
            "StatusDetails": details,
            "ResponseCode": plugin.exit_code if plugin else -1,
            **execution_times(plugin),
            "StandardOutputContent": plugin.stdout if plugin else "",
            "StandardErrorContent": plugin.stderr if plugin else "",
            "StandardOutputUrl": plugin.stdout_url if plugin else "",
            "StandardErrorUrl": plugin.stderr_url if plugin else "",
            "CloudWatchOutputConfig": {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False},
        }
    )


@amendments.add(SimpleSystemManagerResponse)
def list_commands(self: SimpleSystemManagerResponse) -> ActionResult:
    commands = [command for command in _selected(self) if _passes(self, command, command.status, command.requested)]
    found, token = page([command_answer(command) for command in commands], self._get_param("MaxResults"), self._get_param("NextToken"), 50)
    return ActionResult({"Commands": found, "NextToken": token})


@amendments.add(SimpleSystemManagerResponse)
def list_command_invocations(self: SimpleSystemManagerResponse) -> ActionResult:
    wanted, details = self._get_param("InstanceId"), self._get_param("Details", False)
    invocations = [
        invocation_answer(command, invocation, details)
        for command in _selected(self)
        for invocation in command.invocations
        if invocation.known
        and wanted in (None, invocation.instance.id)
        and _passes(self, command, status_of(invocation.details), invocation.requested)
    ]
    found, token = page(invocations, self._get_param("MaxResults"), self._get_param("NextToken"), 50)
    return ActionResult({"CommandInvocations": found, "NextToken": token})


@amendments.add(SimpleSystemManagerResponse)
def cancel_command(self: SimpleSystemManagerResponse) -> ActionResult:
    command = _find(self, self._get_param("CommandId"))
    if command is None:
        raise SSMException("InvalidCommandId", "The specified command ID isn't valid. Verify the ID and try again.")
    wanted = self._get_param("InstanceIds") or [invocation.instance.id for invocation in command.invocations]
    if not all(command.invocation_on(instance_id) for instance_id in wanted):
        raise _invalid_instance_id()
    for instance_id in wanted:
        invocation = command.invocation_on(instance_id)
        assert invocation is not None
        invocation.cancel()
    return EmptyResult()


def _check_request(request: dict[str, Any]) -> None:
    if used := [name for name in NOT_IMPLEMENTED if request.get(name)]:
        raise NotImplementedError(", ".join(used))
    instance_ids, targets = request.get("InstanceIds") or [], request.get("Targets") or []
    if bool(instance_ids) == bool(targets):
        raise ValidationException("Specify either InstanceIds or Targets.")
    if len(instance_ids) > INSTANCES_AT_MOST or len(targets) > TARGETS_AT_MOST:
        raise ValidationException(f"At most {INSTANCES_AT_MOST} instance IDs or {TARGETS_AT_MOST} targets can be given.")
    if not all(INSTANCE_ID.fullmatch(instance_id) for instance_id in instance_ids):
        raise ValidationException("Value at 'instanceIds' failed to satisfy constraint: Member must satisfy regular expression pattern.")
    if len(set(instance_ids)) != len(instance_ids):
        raise SSMException("DuplicateInstanceId", "You can't specify a managed node ID in more than one association.")
    seconds = request.get("TimeoutSeconds")
    if seconds is not None and not TIMEOUT_SECONDS[0] <= seconds <= TIMEOUT_SECONDS[1]:
        raise ValidationException(
            f"Value '{seconds}' at 'timeoutSeconds' failed to satisfy constraint: between {TIMEOUT_SECONDS[0]} and {TIMEOUT_SECONDS[1]}."
        )
    if len(request.get("Comment") or "") > 100:
        raise ValidationException("Value at 'comment' failed to satisfy constraint: Member must have length less than or equal to 100.")


def _document(self: SimpleSystemManagerResponse, request: dict[str, Any]) -> Any:
    documents = self.ssm_backend._get_documents(request["DocumentName"])
    version = request.get("DocumentVersion") or "$DEFAULT"
    if version not in ("$DEFAULT", "$LATEST") and version not in documents.versions:
        raise SSMException("InvalidDocumentVersion", "The document version isn't valid or doesn't exist.")
    document = documents.find(None if version == "$DEFAULT" else version)
    if document.document_type != "Command":
        raise SSMException("InvalidDocument", f"Document {document.name} is not a Command document.")
    if request.get("DocumentHash") not in (None, document.hash):
        raise SSMException("InvalidDocument", "The document hash does not match.")
    if "Linux" not in document.platform_types:
        raise SSMException("UnsupportedPlatformType", "The document doesn't support the platform type of the given managed node IDs.")
    return document


def _targets(self: SimpleSystemManagerResponse, request: dict[str, Any]) -> list[Any]:
    if instance_ids := request.get("InstanceIds"):
        found = [machines.find_instance(self.current_account, self.region, instance_id) for instance_id in instance_ids]
        if not all(instance is not None and machines.ping_status(instance) for instance in found):
            raise _invalid_instance_id()
        return found
    nodes = [instance for instance in machines.instances_in(self.current_account, self.region) if machines.ping_status(instance)]
    return [instance for instance in nodes if all(_is_target(instance, target) for target in request["Targets"])]


def _is_target(instance: Any, target: dict[str, Any]) -> bool:
    key, values = target["Key"], target.get("Values") or []
    if key == "InstanceIds":
        return instance.id in values
    if key == "tag-key":
        return bool(set(values) & set(machines.tags_of(instance)))
    if not key.startswith("tag:"):
        raise NotImplementedError(f"Targets by {key}")
    return machines.tags_of(instance).get(key.removeprefix("tag:")) in values


def _output(self: SimpleSystemManagerResponse, request: dict[str, Any]) -> OutputLocation | None:
    bucket = request.get("OutputS3BucketName")
    if not bucket:
        return None
    if bucket not in s3_backends.bucket_accounts:
        raise SSMException("InvalidOutputFolder", "The S3 bucket doesn't exist.")
    return OutputLocation(bucket, request.get("OutputS3KeyPrefix") or "", request.get("OutputS3Region") or self.region)


def _invalid_instance_id() -> SSMException:
    return SSMException("InvalidInstanceId", "Instances not in a valid state for account")


def _find(self: SimpleSystemManagerResponse, command_id: str) -> Command | None:
    commands = _commands.get((self.current_account, self.region), [])
    return next((command for command in list(commands) if command.command_id == command_id), None)


def _selected(self: SimpleSystemManagerResponse) -> list[Command]:
    """The commands asked for by id and instance, newest first."""
    command_id, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
    commands = reversed(_commands.get((self.current_account, self.region), []))
    return [
        command
        for command in commands
        if command_id in (None, command.command_id) and (instance_id is None or command.invocation_on(instance_id))
    ]


def _passes(self: SimpleSystemManagerResponse, command: Command, status: str, requested: datetime) -> bool:
    """Whether the command, or its invocation, passes the call's Filters (lower-case `key` and `value` in this API)."""
    for given in self._get_param("Filters", []):
        key, value = given["key"], given["value"]
        if key == "Status":
            passes = value == status
        elif key == "DocumentName":
            passes = value == command.document_name
        elif key in ("InvokedAfter", "InvokedBefore"):
            limit = datetime.fromisoformat(value.replace("Z", "+00:00"))
            passes = requested > limit if key == "InvokedAfter" else requested < limit
        else:
            raise InvalidFilterKey(f"The filter key {key} is not valid.")
        if not passes:
            return False
    return True


def _plugin(invocation: Invocation, name: str | None) -> Plugin | None:
    """The step asked for; without a name the only one there is, or none of several."""
    if name is None:
        return invocation.plugins[0] if len(invocation.plugins) == 1 else None
    found = next((plugin for plugin in invocation.plugins if plugin_name(plugin) == name), None)
    if found is None:
        raise SSMException("InvalidPluginName", "The plugin name isn't valid.")
    return found
