"""Command documents of Systems Manager: their schema, their parameters, and the steps they come to. Pure.

Systems Manager User Guide, "Schema features and examples", "Data elements and parameters" and "Command document
plugin reference".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

PARAMETER_TYPES = {"String", "StringList", "Boolean", "Integer", "MapList", "StringMap"}
COMMAND_SCHEMAS = {"1.2", "2.0", "2.2"}
RUN_SHELL_SCRIPT = "aws:runShellScript"
# What each action runs on; an action that is not named here runs anywhere.
PLATFORMS_OF_ACTION = {RUN_SHELL_SCRIPT: ("Linux", "MacOS"), "aws:runPowerShellScript": ("Windows", "Linux", "MacOS")}
DEFAULT_TIMEOUT_SECONDS = 3600
MAXIMUM_BYTES = 64 * 1024
STEP_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:-]{0,127}")
WHOLE_REFERENCE = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*")
REFERENCE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

# Public document of Amazon's, as GetDocument answers it.
AWS_RUN_SHELL_SCRIPT = {
    "schemaVersion": "1.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {
            "type": "StringList",
            "description": "(Required) Specify a shell script or a command to run.",
            "minItems": 1,
            "displayType": "textarea",
        },
        "workingDirectory": {
            "type": "String",
            "default": "",
            "description": "(Optional) The path to the working directory on your instance.",
            "maxChars": 4096,
        },
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "description": "(Optional) The time in seconds for a command to complete before it is considered to have failed. "
            "Default is 3600 (1 hour). Maximum is 172800 (48 hours).",
            "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)",
        },
    },
    "runtimeConfig": {
        RUN_SHELL_SCRIPT: {
            "properties": [
                {
                    "id": "0.aws:runShellScript",
                    "runCommand": "{{ commands }}",
                    "workingDirectory": "{{ workingDirectory }}",
                    "timeoutSeconds": "{{ executionTimeout }}",
                }
            ]
        }
    },
}


class InvalidContent(ValueError):
    """The document does not follow its schema."""


class InvalidParameters(ValueError):
    """What the command was sent with is not what the document's parameters allow."""


@dataclass(frozen=True)
class Step:
    """One step with its parameters put in; `timeout_seconds` is its execution time-out."""

    name: str
    action: str
    script: str
    working_directory: str
    timeout_seconds: float
    applies: bool = True
    exit_on_failure: bool = False
    environment: dict[str, str] = field(default_factory=dict)


def check_content(content: Any) -> None:
    """Refuses content of a Command document that Systems Manager would refuse.

    Raises InvalidContent.
    """
    if not isinstance(content, dict) or str(content.get("schemaVersion")) not in COMMAND_SCHEMAS:
        raise InvalidContent("A Command document needs schemaVersion 1.2, 2.0 or 2.2.")
    for name, schema in (content.get("parameters") or {}).items():
        if not isinstance(schema, dict) or schema.get("type") not in PARAMETER_TYPES:
            raise InvalidContent(f"Parameter {name} has no valid type.")
        try:
            re.compile(schema.get("allowedPattern", ""))
        except re.error as error:
            raise InvalidContent(f"The allowedPattern of parameter {name} is no regular expression: {error}") from error
    steps = _declared_steps(content)
    if not steps:
        raise InvalidContent("The document has no steps.")
    names = [step.get("name") for step in steps]
    if (
        not all(STEP_NAME.fullmatch(str(name)) for name in names)
        or not all(step.get("action") for step in steps)
        or len(set(names)) != len(names)
    ):
        raise InvalidContent("Each step needs an action and a name of its own.")


def platform_types(content: dict[str, Any]) -> list[str]:
    """The platforms that DescribeDocument names: those on which every step's action exists."""
    platforms = {"Windows", "Linux", "MacOS"}
    for step in _declared_steps(content):
        platforms &= set(PLATFORMS_OF_ACTION.get(step["action"], platforms))
    return [platform for platform in ("Windows", "Linux", "MacOS") if platform in platforms]


def resolve_parameters(content: dict[str, Any], given: dict[str, list[str]]) -> dict[str, Any]:
    """Each parameter of the document with its value, given or default.

    Raises InvalidParameters for an unknown or missing one, and for a value that its schema refuses.
    """
    schemas: dict[str, dict[str, Any]] = content.get("parameters") or {}
    if unknown := sorted(set(given) - set(schemas)):
        raise InvalidParameters(f"document does not support parameters: {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, schema in schemas.items():
        if name in given:
            values[name] = _value(name, schema, given[name])
        elif "default" in schema:
            values[name] = schema["default"]
        else:
            raise InvalidParameters(f"Parameter {name} is required but was not given.")
    return values


def steps_of(content: dict[str, Any], values: dict[str, Any], platform: str = "Linux") -> list[Step]:
    """The document's steps in order with the parameters' `values` put in."""
    environment = {
        f"SSM_{name}": _text(values[name])
        for name, schema in (content.get("parameters") or {}).items()
        if schema.get("interpolationType") == "ENV_VAR"
    }
    return [_step(declared, values, environment, platform) for declared in _declared_steps(content)]


def _declared_steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    if str(content.get("schemaVersion")) == "1.2":
        return [
            {"action": action, "name": properties.get("id", action), "inputs": properties}
            for action, config in (content.get("runtimeConfig") or {}).items()
            for properties in config.get("properties", [])
        ]
    return [step for step in content.get("mainSteps") or [] if isinstance(step, dict)]


def _step(declared: dict[str, Any], values: dict[str, Any], environment: dict[str, str], platform: str) -> Step:
    inputs = substitute(declared.get("inputs") or {}, values)
    commands = inputs.get("runCommand", [])
    lines = (
        [commands] if isinstance(commands, str) else [line for item in commands for line in (item if isinstance(item, list) else [item])]
    )
    return Step(
        name=declared["name"],
        action=declared["action"],
        script="\n".join(_text(line) for line in lines),
        working_directory=str(inputs.get("workingDirectory") or ""),
        timeout_seconds=float(inputs.get("timeoutSeconds") or DEFAULT_TIMEOUT_SECONDS),
        applies=_applies(declared, values, platform),
        exit_on_failure=(declared.get("inputs") or {}).get("onFailure", declared.get("onFailure")) == "exit",
        environment=environment,
    )


def _applies(declared: dict[str, Any], values: dict[str, Any], platform: str) -> bool:
    operands = (declared.get("precondition") or {}).get("StringEquals")
    if not operands:
        return platform in PLATFORMS_OF_ACTION.get(declared["action"], (platform,))
    left, right = (platform if operand == "platformType" else _text(substitute(operand, values)) for operand in operands)
    return left == right


def substitute(template: Any, values: dict[str, Any]) -> Any:
    """Puts parameters in: one that is the whole text keeps its type, one inside a text becomes text."""
    if isinstance(template, dict):
        return {key: substitute(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [substitute(item, values) for item in template]
    if not isinstance(template, str):
        return template
    whole = WHOLE_REFERENCE.fullmatch(template)
    if whole and whole.group(1) in values:
        return values[whole.group(1)]
    return REFERENCE.sub(lambda match: _text(values[match.group(1)]) if match.group(1) in values else match.group(0), template)


def _value(name: str, schema: dict[str, Any], given: list[str]) -> Any:
    kind = schema["type"]
    if kind != "StringList" and len(given) != 1:
        raise InvalidParameters(f"Parameter {name} of type {kind} takes one value.")
    if kind == "StringList":
        _check_count(name, schema, given, "minItems", "maxItems", "values")
    pattern, allowed = schema.get("allowedPattern"), schema.get("allowedValues")
    for value in given:
        if pattern and not re.fullmatch(pattern, value):
            raise InvalidParameters(f"Parameter {name} does not match the pattern {pattern}")
        if allowed and value not in [_text(item) for item in allowed]:
            raise InvalidParameters(f"Parameter {name} is not one of the allowed values {allowed}")
        _check_count(name, schema, value, "minChars", "maxChars", "characters")
    if kind in ("String", "StringList"):
        return given if kind == "StringList" else given[0]
    return _typed(name, kind, given[0])


def _check_count(name: str, schema: dict[str, Any], value: Any, least: str, most: str, unit: str) -> None:
    if not int(schema.get(least, 0)) <= len(value) <= int(schema.get(most, len(value))):
        raise InvalidParameters(f"Parameter {name} has {len(value)} {unit}, outside {least} and {most}.")


def _typed(name: str, kind: str, text: str) -> Any:
    types = {"Boolean": bool, "Integer": int, "MapList": list, "StringMap": dict}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if type(value) is not types[kind]:
        raise InvalidParameters(f"Parameter {name} is not of type {kind}.")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
