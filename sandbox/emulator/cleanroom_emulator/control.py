"""The control API under /_sandbox: how the sandbox binds disks and machines and scripts faults. Not part of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

from . import bindings, disk_images
from .call_log import CallLog
from .faults import FaultScript

CONTROL_PREFIX = "/_sandbox/"
Handler = Callable[[Request, str], Any]


class ControlApi:
    """`PUT` bodies and all answers are JSON; a body it does not understand is answered 400 with the reason."""

    def __init__(self, log: CallLog, faults: FaultScript) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            ("GET", re.compile(r"health()"), lambda request, _: {"ok": True}),
            (
                "GET",
                re.compile(r"calls()"),
                lambda request, _: log.since(int(request.args.get("since", 0)), "parameters" in request.args),
            ),
            ("GET", re.compile(r"faults()"), lambda request, _: faults.counts()),
            ("PUT", re.compile(r"faults()"), lambda request, _: faults.replace(request.get_json(force=True))),
            ("PUT", re.compile(r"volumes/(vol-\w+)"), self._bind_volume),
            ("PUT", re.compile(r"instances/(i-\w+)"), lambda request, id: bindings.bind_instance(id, _object(request))),
            (
                "PUT",
                re.compile(r"machine-images/(ami-\w+)"),
                lambda request, id: bindings.bind_machine_image(id, _object(request)),
            ),
        ]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        path = request.path.removeprefix(CONTROL_PREFIX)
        for method, pattern, handler in self._routes:
            if method == request.method and (match := pattern.fullmatch(path)):
                try:
                    return _json(handler(request, match.group(1)) or {})(environ, start_response)
                except ValueError as error:
                    return _json({"error": str(error)}, 400)(environ, start_response)
        return _json({"error": f"no such control call: {request.method} {request.path}"}, 404)(environ, start_response)

    @staticmethod
    def _bind_volume(request: Request, volume_id: str) -> None:
        body = _object(request)
        if set(body) != {"image"}:
            raise ValueError('expected {"image": "/absolute/path"}')
        disk_images.bind_volume(volume_id, body["image"])


def _object(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("expected a JSON object")
    return body


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")
