"""Keys that are switched off: what AWS answers to a call signed with one.

IAM User Guide, "Update access keys" (an inactive key "can't be used"); "Common errors" of each service.
"""

from __future__ import annotations

from moto.iam.models import iam_backends

from .aws_call import AwsCall

JSON_TYPE = "application/x-amz-json"
# Code, HTTP status and message by signing name; then by protocol.
REFUSALS = {
    "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "s3": ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
    "sqs": ("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
}
OF_QUERY = ("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
OF_JSON = ("UnrecognizedClientException", 400, "The security token included in the request is invalid.")


def refusal_of(call: AwsCall, content_type: str) -> tuple[str, int, str] | None:
    """Code, HTTP status and message of the error for a call whose key is inactive."""
    key = iam_backends[call.account]["aws"].access_keys.get(call.access_key)
    if key is None or key.status == "Active":
        return None
    return REFUSALS.get(call.service) or (OF_JSON if content_type.startswith(JSON_TYPE) else OF_QUERY)
