"""An AWS error in the protocol of the service it comes from, so that SDKs read code and message."""

from __future__ import annotations

from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random
from werkzeug.wrappers import Response

# Signing names whose botocore service has another name.
SERVICE_MODELS = {
    "elasticloadbalancing": "elbv2",
    "email": "ses",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}


class SandboxError(ServiceException):
    """An error of the sandbox's own making; moto looks for a service model by the module an exception is defined in."""


def error_response(service: str, code: str, message: str, status: int = 400, content_type: str = "") -> Response:
    """Serialises `code` and `message` as `service` (its signing name) would; an unknown service gets S3's XML."""
    request_id = str(mock_random.uuid4())
    try:
        model = get_service_model(SERVICE_MODELS.get(service, service))
    except Exception:  # botocore does not know the service
        model = get_service_model("s3")
    try:
        protocol = determine_request_protocol(model, content_type)
    except NotImplementedError:
        protocol = str(model.protocol)
    serializer = get_serializer_class(model.service_name, protocol)(operation_model=OperationModel({}, model))
    serialized = serializer.serialize(SandboxError(code, message))
    headers = {**serialized["headers"], "x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    body = serialized["body"]
    return Response(body.replace("__request_id__", request_id) if isinstance(body, str) else body, status, headers)
