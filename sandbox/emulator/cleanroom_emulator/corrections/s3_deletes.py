"""DeleteObjects treats each object as DeleteObject would: policy, lock, version.

moto checks the policy for one action only and does not say which version it could not delete. AWS: S3 API Reference, "DeleteObjects".
"""

from __future__ import annotations

from typing import Any

import xmltodict
from moto.core.responses import ActionResult
from moto.s3.exceptions import MalformedXML, S3ClientError
from moto.s3.responses import S3Response

from ..amendments import Amendments
from ..callers import caller_of
from .s3_permissions import check

amendments = Amendments()
apply = amendments.apply

AT_MOST = 1000


@amendments.add(S3Response, "_bucket_response_delete_keys")
def delete_keys(self: S3Response, bucket_name: str, authenticated: bool = True) -> Any:
    request = xmltodict.parse(self.body, strip_whitespace=False, force_list=("Object",))["Delete"]
    objects = request.get("Object", [])
    if not 1 <= len(objects) <= AT_MOST:
        raise MalformedXML()
    bypass = self.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    deleted, errors = [], []
    for one in objects:
        named = {"Key": one["Key"], "VersionId": one.get("VersionId")}
        try:
            deleted.append({**named, **_delete(self, bucket_name, named, bypass)})
        except S3ClientError as error:
            errors.append({**named, "Code": error.code, "Message": error.message})
    quiet = str(request.get("Quiet", "")).lower() == "true"
    self.data["Action"] = "DeleteObjects"
    return self.serialized(ActionResult({"Deleted": [] if quiet else deleted, "Errors": errors}))


def _delete(self: S3Response, bucket_name: str, named: dict[str, Any], bypass: bool) -> dict[str, Any]:
    bucket = self.backend.get_bucket(bucket_name)
    caller = caller_of(self.access_key, self.current_account)
    resource = f"{bucket.arn}/{named['Key']}"
    check(self, caller, bucket, "DeleteObjectVersion" if named["VersionId"] else "DeleteObject", resource)
    if bypass:
        check(self, caller, bucket, "BypassGovernanceRetention", resource)
    _, answer = self.backend.delete_object(bucket_name, named["Key"], version_id=named["VersionId"], bypass=bypass)
    if named["VersionId"] or "delete-marker" not in answer:
        return {}
    return {"DeleteMarker": True, "DeleteMarkerVersionId": answer["version-id"]}
