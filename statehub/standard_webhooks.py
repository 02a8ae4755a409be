"""The secrets and signatures of the Standard Webhooks scheme, which the hub's own webhooks and those of forges use."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
"""Lets secret scanners recognise a secret."""

SECRET_BYTES = 32
"""Random bytes of a secret; the scheme asks for 24 to 64."""


def make_secret() -> str:
    """Return a new secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def start_signature(secret: str, id: str, timestamp: str) -> hmac.HMAC:
    """Return the signature of a message by *secret*, still without its body, which `update` adds in pieces."""
    start = f"{id}.{timestamp}.".encode("latin-1", "replace")
    return hmac.new(base64.b64decode(secret.removeprefix(SECRET_PREFIX)), start, hashlib.sha256)
