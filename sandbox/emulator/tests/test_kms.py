"""KMS. KMS Developer Guide, "Key states of AWS KMS keys"; API Reference, "Sign", "Verify", "GetPublicKey"."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

MESSAGE = b"manifest"


@pytest.fixture(scope="module")
def kms(emulator: Any) -> Any:
    return emulator.client("kms")


def signing_key(kms: Any, spec: str) -> str:
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


@pytest.mark.parametrize(
    ("spec", "algorithm", "digest", "offline"),
    [
        ("ECC_NIST_P256", "ECDSA_SHA_256", "sha256", (ec.ECDSA(hashes.SHA256()),)),
        ("ECC_NIST_P384", "ECDSA_SHA_384", "sha384", (ec.ECDSA(hashes.SHA384()),)),
        ("RSA_2048", "RSASSA_PSS_SHA_256", "sha256", (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", "sha512", (padding.PKCS1v15(), hashes.SHA512())),
    ],
)
def test_a_signature_of_message_or_digest_verifies_without_kms(
    kms: Any, spec: str, algorithm: str, digest: str, offline: tuple[Any, ...]
) -> None:
    key = signing_key(kms, spec)
    public_key = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    for message, kind in ((MESSAGE, "RAW"), (hashlib.new(digest, MESSAGE).digest(), "DIGEST")):
        asked = {"KeyId": key, "Message": message, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked)["Signature"]
        public_key.verify(signature, MESSAGE, *offline)
        with pytest.raises(InvalidSignature):
            public_key.verify(signature, b"another", *offline)
        assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True


def test_a_wrong_signature_is_an_error(kms: Any, refused: Any) -> None:
    key = signing_key(kms, "ECC_NIST_P384")
    signature = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_384")["Signature"]
    with refused("KMSInvalidSignatureException"):
        kms.verify(KeyId=key, Message=b"another", Signature=signature, SigningAlgorithm="ECDSA_SHA_384")
    with refused("KMSInvalidSignatureException"):
        kms.verify(KeyId=key, Message=MESSAGE, Signature=b"not a signature", SigningAlgorithm="ECDSA_SHA_384")


def test_a_key_signs_only_what_fits_it(kms: Any, refused: Any) -> None:
    key = signing_key(kms, "ECC_NIST_P384")
    with refused("ValidationException"):
        kms.sign(KeyId=key, Message=hashlib.sha256(MESSAGE).digest(), MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_384")
    with refused("ValidationException"):
        kms.sign(KeyId=key, Message=b"x" * 4097, SigningAlgorithm="ECDSA_SHA_384")
    with refused("InvalidKeyUsageException"):
        kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")
    with refused("InvalidKeyUsageException"):
        kms.sign(KeyId=kms.create_key()["KeyMetadata"]["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_384")


def test_the_public_key_says_what_it_is_for(kms: Any, refused: Any) -> None:
    key = signing_key(kms, "ECC_NIST_P384")
    found = kms.get_public_key(KeyId=key)
    assert (found["KeyId"], found["KeySpec"], found["KeyUsage"], found["SigningAlgorithms"]) == (
        key,
        "ECC_NIST_P384",
        "SIGN_VERIFY",
        ["ECDSA_SHA_384"],
    )
    with refused("UnsupportedOperationException"):
        kms.get_public_key(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])


def uses(kms: Any, symmetric: str, signing: str) -> list[Callable[[], Any]]:
    ciphertext = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    return [
        lambda: kms.encrypt(KeyId=symmetric, Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=ciphertext),
        lambda: kms.re_encrypt(CiphertextBlob=ciphertext, DestinationKeyId=other),
        lambda: kms.generate_data_key(KeyId=symmetric, KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=symmetric, KeySpec="AES_256"),
        lambda: kms.create_grant(KeyId=symmetric, GranteePrincipal="arn:aws:iam::123456789012:root", Operations=["Decrypt"]),
        lambda: kms.sign(KeyId=signing, Message=b"x", SigningAlgorithm="ECDSA_SHA_384"),
    ]


def test_a_disabled_key_refuses_every_use_until_it_is_enabled(kms: Any, refused: Any) -> None:
    symmetric, signing = kms.create_key()["KeyMetadata"]["Arn"], signing_key(kms, "ECC_NIST_P384")
    all_uses = uses(kms, symmetric, signing)
    for key in (symmetric, signing):
        kms.disable_key(KeyId=key)
    for use in all_uses:
        with refused("DisabledException"):
            use()
    assert kms.describe_key(KeyId=symmetric)["KeyMetadata"]["KeyState"] == "Disabled"
    for key in (symmetric, signing):
        kms.enable_key(KeyId=key)
    for use in all_uses:
        use()


def test_a_key_pending_deletion_refuses_every_use_until_the_deletion_is_cancelled(kms: Any, refused: Any) -> None:
    symmetric, signing = kms.create_key()["KeyMetadata"]["Arn"], signing_key(kms, "ECC_NIST_P384")
    all_uses = uses(kms, symmetric, signing)
    for key in (symmetric, signing):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for use in [*all_uses, lambda: kms.enable_key(KeyId=symmetric), lambda: kms.schedule_key_deletion(KeyId=symmetric)]:
        with refused("KMSInvalidStateException"):
            use()
    kms.cancel_key_deletion(KeyId=symmetric)
    assert kms.describe_key(KeyId=symmetric)["KeyMetadata"]["KeyState"] == "Disabled"
