"""The one WSGI middleware: logs every AWS call, adds latency and faults, and answers what moto cannot in AWS's own form."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from werkzeug.wrappers import Response

from .access_keys import refusal_of
from .aws_call import AwsCall, identify
from .aws_error import error_response
from .call_log import CallLog
from .control import CONTROL_PREFIX
from .faults import Fault, FaultScript
from .settings import current
from .transitions import run_due

logger = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

# These services change one another's in-memory state, which moto does not guard; latency and faults stay outside the lock.
SHARED_STATE = {"ec2", "autoscaling", "elasticloadbalancing", "route53resolver"}
CREATING_ACTION = re.compile(r"(?:Allocate|Copy|Create|Register|Run)([A-Z]\w+)")
CREATED_NOUNS = {"Address": "allocation", "SecurityGroup": "group"}
ERROR_CODE = re.compile(r"<Code>([^<]+)</Code>")
JSON_ERROR_CODE = re.compile(r'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"')
PLACEHOLDER_REQUEST_ID = b"<requestId>request-id<"


class Gateway:
    def __init__(self, aws: WsgiApp, control: WsgiApp, log: CallLog, faults: FaultScript) -> None:
        self._aws = aws
        self._control = control
        self._log = log
        self._faults = faults
        self._shared_state = threading.RLock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(CONTROL_PREFIX):
            return self._control(environ, start_response)
        start = time.time()
        call = identify(environ)
        fault = self._faults.next_for(call)
        _wait(current().latency_ms)
        if fault is None:
            response, lost = self._answer(call, environ), None
        elif fault.takes_effect:
            answer = self._answer(call, environ)
            response = _spoil(fault, call, environ) or answer
            lost = answer.status_code if response is not answer else None
        else:
            # A client that gives up meanwhile does not call the request back: it takes effect all the same, as in AWS.
            response, lost = _spoil(fault, call, environ) or self._answer(call, environ), None
        self._record(call, start, response, lost)
        return response(environ, start_response)

    def _answer(self, call: AwsCall, environ: dict[str, Any]) -> Response:
        content_type = environ.get("CONTENT_TYPE", "")
        if refusal := refusal_of(call, content_type):
            code, status, message = refusal
            return error_response(call.service, code, message, status, content_type)
        try:
            with self._shared_state:
                run_due()
            with self._shared_state if call.service in SHARED_STATE else nullcontext():
                response = Response.from_app(self._aws, environ, buffered=True)
        except NotImplementedError as error:
            message = f"The sandbox does not implement this part of {call.service}:{call.action}: {error}"
            return error_response(call.service, "UnsupportedOperation", message, 400, content_type)
        except Exception:
            logger.exception("%s:%s failed inside the emulator", call.service, call.action)
            message = f"The sandbox failed on {call.service}:{call.action}; its standard error has the trace."
            # 400, not 500: SDKs retry a 500, and this fails the same way every time.
            return error_response(call.service, "SandboxFailure", message, 400, content_type)
        if response.status_code >= 400 and response.get_data().startswith(b"<!doctype html"):
            message = f"The sandbox does not implement {call.service}:{call.action}"
            return error_response(call.service, "UnsupportedOperation", message, 400, content_type)
        _set_request_id(response)
        return response

    def _record(self, call: AwsCall, start: float, response: Response, lost: int | None) -> None:
        entry: dict[str, Any] = {
            "start": round(start * 1000),
            "end": round(time.time() * 1000),
            "service": call.service,
            "action": call.action,
            "status": response.status_code,
            "account": call.account,
            "region": call.region,
            "principal": call.principal,
        }
        if response.status_code >= 400:
            entry["error"] = _error_code(response)
        if lost is not None:
            entry["lostStatus"] = lost
        if request_id := response.headers.get("x-amzn-RequestId"):
            entry["requestId"] = request_id
        if resource := _created_resource(call, response) or call.resource:
            entry["resource"] = resource
        self._log.append(entry, call.params)


def _wait(milliseconds: float) -> None:
    if milliseconds:
        time.sleep(milliseconds / 1000)


def _spoil(fault: Fault, call: AwsCall, environ: dict[str, Any]) -> Response | None:
    """Waits as the fault says; its error, if it is one."""
    _wait(fault.delay_ms)
    if fault.code is None:
        return None
    return error_response(call.service, fault.code, fault.message, fault.status, environ.get("CONTENT_TYPE", ""))


def _created_resource(call: AwsCall, response: Response) -> str | None:
    """The id of what an EC2 call made: `CreateSubnet` answers a `subnetId`, and so on."""
    made = CREATING_ACTION.fullmatch(call.action)
    if call.service != "ec2" or not made or response.status_code >= 300:
        return None
    noun = CREATED_NOUNS.get(made[1], made[1][0].lower() + made[1][1:])
    found = re.search(rf"<{noun.removesuffix('s')}Id>([^<]+)<", response.get_data(as_text=True))
    return found[1] if found else None


def _set_request_id(response: Response) -> None:
    """moto's EC2 answers carry the words `request-id` in their body; AWS's carry the id that is in the header."""
    request_id = response.headers.get("x-amzn-RequestId", "")
    if response.mimetype == "text/xml" and PLACEHOLDER_REQUEST_ID in response.get_data():
        response.set_data(response.get_data().replace(PLACEHOLDER_REQUEST_ID, b"<requestId>%s<" % request_id.encode()))


def _error_code(response: Response) -> str:
    """The error's code in the header or body of any AWS protocol, else the HTTP status."""
    header = response.headers.get("x-amzn-ErrorType") or response.headers.get("x-amzn-query-error")
    if header:
        return re.split("[:;]", header)[0].split("#")[-1]
    text = response.get_data(as_text=True)
    found = ERROR_CODE.search(text) or JSON_ERROR_CODE.search(text)
    return found.group(1) if found else str(response.status_code)
