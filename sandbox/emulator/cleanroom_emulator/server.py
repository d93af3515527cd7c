"""The emulator's HTTP server: moto, corrected, behind the gateway; one thread per connection."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from . import corrections
from .call_log import CallLog
from .control import ControlApi
from .faults import FaultScript
from .gateway import Gateway
from .settings import Settings, configure

# AWS's models leave out many of AWS's own error codes; moto warns of each.
warnings.filterwarnings("ignore", message="Exception.* does not match an error shape")


class QuietRequestHandler(MotoRequestHandler):
    """No access log on standard error (the call log has it), and no delay of small answers."""

    disable_nagle_algorithm = True

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass


def build_server(host: str, port: int, settings: Settings, log: CallLog, faults: FaultScript) -> BaseWSGIServer:
    """Binds the port (0: a free one), applies every correction and sets `settings.endpoint`; does not yet serve."""
    configure(settings)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    corrections.apply_all()
    gateway = Gateway(DomainDispatcherApplication(_create_app), ControlApi(log, faults), log, faults)
    server = make_server(host, port, gateway, threaded=True, request_handler=QuietRequestHandler)
    settings.endpoint = f"http://{host}:{server.port}"
    # moto itself calls back to this port for some services.
    os.environ["MOTO_PORT"] = str(server.port)
    return server


def _create_app(service: Any) -> Any:
    if service is None:  # moto's way of saying that it has no such service
        raise NotImplementedError("the whole service")
    return create_backend_app(service)


def write_ready_file(path: Path, endpoint: str) -> None:
    """Writes `{endpoint, pid}` so that a reader sees the whole file or none."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps({"endpoint": endpoint, "pid": os.getpid()}))
    partial.replace(path)
