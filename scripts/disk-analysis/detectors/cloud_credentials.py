"""Long-lived cloud credentials that whoever was on the machine could read. Reported as a risk, masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

_FILES = re.compile(r"/\.aws/(?:credentials|config)$|/\.(?:s3cfg|boto|passwd-s3fs)$|/\.env(?:\.\w+)?$|/\.config/gcloud/.*\.(?:json|db)$|/\.azure/(?:accessTokens|msal_token_cache)\.json$|/(?:wp-config|config|settings)\.(?:php|py|ya?ml)$")
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_SERVICE_ACCOUNT = re.compile(r"\"type\":\s*\"service_account\"|\"private_key\":\s*\"-----BEGIN")
_PACKAGED = re.compile(r"^/usr/(?:lib|share)/")
BYTES = 256 * 1024


def detect(machine: Machine, _: Analysis) -> Iterator[Finding]:
    for file in machine.files():
        if file.is_regular and _FILES.search(file.path) and not _PACKAGED.match(file.where):
            yield from in_file(file)


def in_file(file: File) -> Iterator[Finding]:
    text = file.text(BYTES)
    keys = sorted(set(_ACCESS_KEY.findall(text)))
    if keys:
        ids = ", ".join(f"{key[:6]}…{key[-2:]}" for key in keys[:10])
        yield Finding("cloud-credentials", "medium", "high", "Access keys of AWS are in plain text; with the web server's or root's rights they could be read", file, f"access key {ids}")
    elif _SERVICE_ACCOUNT.search(text):
        yield Finding("cloud-credentials", "medium", "high", "A service account's private key is in plain text", file, "a private key")
