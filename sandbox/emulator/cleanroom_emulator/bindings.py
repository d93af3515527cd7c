"""What the sandbox says about machines: their agent, their memory, and the software an image carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

AGENT_STATES = ("online", "absent", "offline")


class InvalidBinding(ValueError):
    """The control API was sent something it does not know."""


@dataclass
class InstanceBinding:
    """`ssm_agent` None means as the machine's image says; `memory` is the file memory capture yields."""

    ssm_agent: str | None = None
    memory: str | None = None


@dataclass
class MachineImage:
    """The software of machines started from an image: directories to put before `PATH`, and environment."""

    path: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    ssm_agent: str | None = None


instances: dict[str, InstanceBinding] = {}
machine_images: dict[str, MachineImage] = {}


def bind_instance(instance_id: str, body: dict[str, Any]) -> None:
    """Body: `{"ssmAgent": "online"|"absent"|"offline", "memory": "/abs/path"?}`; what is left out stays as it was."""
    _refuse_unknown(body, {"ssmAgent", "memory"})
    binding = instances.setdefault(instance_id, InstanceBinding())
    if "ssmAgent" in body:
        binding.ssm_agent = _agent(body["ssmAgent"])
    if "memory" in body:
        binding.memory = body["memory"]


def bind_machine_image(image_id: str, body: dict[str, Any]) -> None:
    """Body: `{"path": ["/dir", …], "env": {K: V}, "ssmAgent": "online"}`; replaces the image's binding."""
    _refuse_unknown(body, {"path", "env", "ssmAgent"})
    agent = body.get("ssmAgent")
    machine_images[image_id] = MachineImage(
        path=list(body.get("path", [])), env=dict(body.get("env", {})), ssm_agent=_agent(agent) if agent else None
    )


def ssm_agent(instance_id: str, image_id: str | None) -> str:
    """The machine's agent: its own binding, else its image's, else online (Amazon's images carry the agent)."""
    own = instances.get(instance_id)
    if own and own.ssm_agent:
        return own.ssm_agent
    image = machine_images.get(image_id or "")
    return (image and image.ssm_agent) or "online"


def _agent(value: Any) -> str:
    if value not in AGENT_STATES:
        raise InvalidBinding(f"ssmAgent must be one of {', '.join(AGENT_STATES)}, not {value!r}")
    return str(value)


def _refuse_unknown(body: dict[str, Any], known: set[str]) -> None:
    if unknown := set(body) - known:
        raise InvalidBinding(f"unknown field {', '.join(sorted(unknown))}")
