"""Run Command's answers: a command, an invocation and a step as the API shows them.

Systems Manager API Reference, "Command", "CommandInvocation", "CommandPlugin".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import machines
from .run_command import Command, Invocation, Plugin, status_of


def command_answer(command: Command) -> dict[str, Any]:
    request = command.request
    return {
        "CommandId": command.command_id,
        "DocumentName": command.document_name,
        "DocumentVersion": request.get("DocumentVersion") or "$DEFAULT",
        "Comment": request.get("Comment", ""),
        "ExpiresAfter": command.expires,
        "Parameters": request.get("Parameters") or {},
        "InstanceIds": request.get("InstanceIds") or [],
        "Targets": request.get("Targets") or [],
        "RequestedDateTime": command.requested,
        "Status": command.status,
        "StatusDetails": command.details,
        "OutputS3Region": request.get("OutputS3Region"),
        "OutputS3BucketName": request.get("OutputS3BucketName", ""),
        "OutputS3KeyPrefix": request.get("OutputS3KeyPrefix", ""),
        "MaxConcurrency": request.get("MaxConcurrency") or "50",
        "MaxErrors": command.max_errors,
        "TargetCount": len(command.invocations),
        "CompletedCount": command.completed_count,
        "ErrorCount": command.error_count,
        "DeliveryTimedOutCount": command.undelivered_count,
        "ServiceRole": "",
        "NotificationConfig": {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""},
        "TimeoutSeconds": command.timeout_seconds,
    }


def invocation_answer(command: Command, invocation: Invocation, details: bool) -> dict[str, Any]:
    only = invocation.plugins[0] if len(invocation.plugins) == 1 else None
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance.id,
        "InstanceName": machines.tags_of(invocation.instance).get("Name", ""),
        "Comment": command.request.get("Comment", ""),
        "DocumentName": command.document_name,
        "DocumentVersion": command.request.get("DocumentVersion") or "$DEFAULT",
        "RequestedDateTime": invocation.requested,
        "Status": status_of(invocation.details),
        "StatusDetails": invocation.details,
        "StandardOutputUrl": only.stdout_url if only else "",
        "StandardErrorUrl": only.stderr_url if only else "",
        "CommandPlugins": [plugin_answer(command, plugin) for plugin in invocation.plugins] if details else [],
        "ServiceRole": "",
    }


def plugin_answer(command: Command, plugin: Plugin) -> dict[str, Any]:
    return {
        "Name": plugin_name(plugin),
        "Status": status_of(plugin.details),
        "StatusDetails": plugin.details,
        "ResponseCode": plugin.exit_code,
        "ResponseStartDateTime": plugin.started,
        "ResponseFinishDateTime": plugin.ended,
        "Output": plugin.output,
        "StandardOutputUrl": plugin.stdout_url,
        "StandardErrorUrl": plugin.stderr_url,
        "OutputS3BucketName": command.request.get("OutputS3BucketName", ""),
        "OutputS3KeyPrefix": command.request.get("OutputS3KeyPrefix", ""),
    }


def plugin_name(plugin: Plugin) -> str:
    # Schema 1.2 names a step's action where later schemas name the step.
    return plugin.step.action if plugin.step.name == f"0.{plugin.step.action}" else plugin.step.name


def execution_times(plugin: Plugin | None) -> dict[str, str]:
    started, ended = (plugin.started, plugin.ended) if plugin else (None, None)
    return {
        "ExecutionStartDateTime": _iso(started),
        "ExecutionElapsedTime": f"PT{(ended - started).total_seconds():.3f}S" if started and ended else "",
        "ExecutionEndDateTime": _iso(ended),
    }


def _iso(time: datetime | None) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else ""
