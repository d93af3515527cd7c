"""A service-linked role is its service's: nobody else changes its policies. A role that does not exist has no profiles.

moto changes them, and answers an empty list. AWS: IAM API Reference, "PutRolePolicy" (UnmodifiableEntity: "only the service
that depends on the service-linked role can modify or delete the role on your behalf"), "ListInstanceProfilesForRole".
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import IAMException
from moto.iam.responses import IamResponse

from ..amendments import Amendments

amendments = Amendments()
apply = amendments.apply

SERVICE_PATH = "/aws-service-role/"
CHANGES = ("put_role_policy", "delete_role_policy", "attach_role_policy", "detach_role_policy", "update_assume_role_policy")


class UnmodifiableEntity(IAMException):
    code = "UnmodifiableEntity"


def _change(original: Any, self: IamResponse) -> ActionResult:
    role = self.backend.get_role(self._get_param("RoleName"))
    if role.path.startswith(SERVICE_PATH):
        message = f"Cannot perform the operation on the protected role '{role.name}' - this role is only modifiable by AWS"
        raise UnmodifiableEntity(message)
    return original(self)


for _name in CHANGES:
    amendments.method(IamResponse, _name)(_change)


@amendments.method(IamResponse, "list_instance_profiles_for_role")
def list_instance_profiles_for_role(original: Any, self: IamResponse) -> ActionResult:
    self.backend.get_role(self._get_param("RoleName"))
    return original(self)
