"""A key that is disabled or waits for its deletion can be described and managed, and not used.

moto uses it all the same, and fails on the ARN of a key to enable or disable. AWS: KMS Developer Guide, "Key states of AWS KMS keys".
"""

from __future__ import annotations

from typing import Any

from moto.kms.models import KmsBackend, kms_backends
from moto.kms.responses import KmsResponse

from ..amendments import Amendments
from ..aws_error import SandboxError

amendments = Amendments()
apply = amendments.apply

# Request member that names the key of each operation that uses one; Sign and Verify are in `kms_signatures`.
USES = {
    "encrypt": ("KeyId",), "generate_data_key": ("KeyId",), "generate_data_key_without_plaintext": ("KeyId",),
    "generate_mac": ("KeyId",), "verify_mac": ("KeyId",), "create_grant": ("KeyId",), "get_public_key": ("KeyId",),
    "re_encrypt": ("DestinationKeyId",), "enable_key_rotation": ("KeyId",), "disable_key_rotation": ("KeyId",),
}  # fmt: skip


def require_usable(key: Any) -> None:
    """Raises DisabledException or KMSInvalidStateException."""
    if key.key_state == "Disabled":
        raise SandboxError("DisabledException", f"{key.arn} is disabled.")
    if key.key_state != "Enabled":
        raise SandboxError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def _guard(operation: str, members: tuple[str, ...]) -> None:
    @amendments.method(KmsResponse, operation)
    def guarded(original: Any, self: KmsResponse) -> Any:
        for member in members:
            name = self._get_param(member)
            self._validate_key_id(name)
            require_usable(self.kms_backend.keys[self.kms_backend.any_id_to_key_id(name)])
        return original(self)


for _operation, _members in USES.items():
    _guard(_operation, _members)


@amendments.method(KmsBackend, "decrypt")
def decrypt(original: Any, self: KmsBackend, *args: Any, **kwargs: Any) -> Any:
    """The ciphertext names the key; nothing it holds leaves this function when the key may not be used."""
    plaintext, arn = original(self, *args, **kwargs)
    _, _, _, region, account, _ = arn.split(":", 5)
    backend = kms_backends[account][region]
    require_usable(backend.keys[backend.any_id_to_key_id(arn)])
    return plaintext, arn


def _by_arn(name: str) -> None:
    @amendments.method(KmsBackend, name)
    def by_arn(original: Any, self: KmsBackend, key_id: str, *args: Any, **kwargs: Any) -> Any:
        found = self.get_key_id(key_id)
        if name != "cancel_key_deletion" and self.keys[found].key_state == "PendingDeletion":
            raise SandboxError("KMSInvalidStateException", f"{self.keys[found].arn} is pending deletion.")
        if name == "cancel_key_deletion" and self.keys[found].key_state != "PendingDeletion":
            raise SandboxError("KMSInvalidStateException", f"{self.keys[found].arn} is not pending deletion.")
        return original(self, found, *args, **kwargs)


for _name in ("enable_key", "disable_key", "cancel_key_deletion", "schedule_key_deletion"):
    _by_arn(_name)
