"""A signature verifies outside KMS as inside, of a message or of its digest; a wrong one is an error.

moto hashes a digest once more, salts PSS to the maximum and answers `SignatureValid: false`. AWS: KMS API Reference, "Sign",
"Verify"; KMS cryptographic details, "Offline verification with asymmetric keys" (salt as long as the digest).
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.responses import KmsResponse

from ..amendments import Amendments
from ..aws_error import SandboxError
from .kms_key_states import require_usable

amendments = Amendments()
apply = amendments.apply

HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
MESSAGE_BYTES = 4096


@amendments.add(KmsResponse)
def sign(self: KmsResponse) -> str:
    key, algorithm, message = _request(self)
    private_key = key.private_key.private_key
    how = _how(private_key, algorithm, self._get_param("MessageType") or "RAW")
    signature = private_key.sign(message, *how)
    return json.dumps({"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": algorithm})


@amendments.add(KmsResponse)
def verify(self: KmsResponse) -> str:
    key, algorithm, message = _request(self)
    private_key = key.private_key.private_key
    how = _how(private_key, algorithm, self._get_param("MessageType") or "RAW")
    try:
        private_key.public_key().verify(base64.b64decode(self._get_param("Signature")), message, *how)
    except InvalidSignature as error:
        raise SandboxError("KMSInvalidSignatureException", "The request was rejected because the signature verification failed.") from error
    return json.dumps({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm})


@amendments.method(KmsResponse, "get_public_key")
def get_public_key(original: Any, self: KmsResponse) -> str:
    answer = json.loads(original(self))
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    if key.key_usage not in ("SIGN_VERIFY", "ENCRYPT_DECRYPT") or key.key_spec == "SYMMETRIC_DEFAULT":
        raise SandboxError("UnsupportedOperationException", f"{key.arn} is not an asymmetric key.")
    used = "SigningAlgorithms" if key.key_usage == "SIGN_VERIFY" else "EncryptionAlgorithms"
    unused = {"SigningAlgorithms", "EncryptionAlgorithms"} - {used}
    return json.dumps({name: value for name, value in {**answer, "KeyId": key.arn, "KeySpec": key.key_spec}.items() if name not in unused})


def _request(self: KmsResponse) -> tuple[Any, str, bytes]:
    """Key, algorithm and message of the request, each checked against the others."""
    self._validate_key_id(self._get_param("KeyId"))
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    require_usable(key)
    algorithm, message = self._get_param("SigningAlgorithm"), self._get_param("Message")
    if key.key_usage != "SIGN_VERIFY":
        raise SandboxError("InvalidKeyUsageException", f"{key.arn} key usage is {key.key_usage} which is not valid for this operation.")
    if algorithm not in key.signing_algorithms:
        raise SandboxError("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.")
    digest_bytes = _hash(algorithm).digest_size
    if self._get_param("MessageType") == "DIGEST":
        if len(message) != digest_bytes:
            raise SandboxError("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
    elif not 1 <= len(message) <= MESSAGE_BYTES:
        raise SandboxError("ValidationException", f"Value at 'message' failed to satisfy constraint: 1 to {MESSAGE_BYTES} bytes.")
    return key, algorithm, message


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return HASHES[algorithm[-3:]]


def _how(private_key: Any, algorithm: str, message_type: str) -> tuple[Any, ...]:
    """What the key's own sign and verify take after the message."""
    digest = _hash(algorithm)
    hashed = Prehashed(digest) if message_type == "DIGEST" else digest
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return (ec.ECDSA(hashed),)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise NotImplementedError(f"signing with {algorithm}")
    if "PSS" in algorithm:
        return padding.PSS(padding.MGF1(digest), digest.digest_size), hashed
    return padding.PKCS1v15(), hashed
