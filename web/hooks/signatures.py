"""Verifies that a delivery comes from one who has the secret: over the raw body, in pieces, in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence

from statehub.models import Forge
from statehub.standard_webhooks import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, make_secret, start_signature
from web.hooks.forges import (
    GITLAB_TOKEN,
    SIGNATURE_HEADERS,
    list_header_names,
)

SECRETS_CHECKED = 2
"""Secrets that every delivery is checked against; random ones if the hook has fewer."""

MAX_SIGNATURES = 8
"""Signatures in one header that are compared."""

_NONE = b""


class Verification:
    """The check of one delivery: `update` takes each piece of its body, then `is_valid` has the result.

    The work depends on the request alone, not on the forge, on the secrets or on whether there is such a hook.
    """

    def __init__(self, forge: str, known: Sequence[str], headers: Mapping[str, str]) -> None:
        """Take the headers of the delivery. *known* are the secrets of its hook, at most SECRETS_CHECKED."""
        self._forge, self._headers = forge, headers
        self._secrets = [*known, *(make_secret() for _ in range(SECRETS_CHECKED - len(known)))]
        self._bodies = [hmac.new(secret.encode(), digestmod=hashlib.sha256) for secret in self._secrets]
        self._standards: list[hmac.HMAC] = []
        if SIGNATURE_HEADER in headers:
            names = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
            self._standards = [start_signature(secret, *names) for secret in self._secrets]

    def update(self, piece: bytes) -> None:
        """Add the next *piece* of the body."""
        for mac in (*self._bodies, *self._standards):
            mac.update(piece)

    def is_valid(self) -> bool:
        """Return whether a header that the forge sends proves that the sender has one of the secrets."""
        pairs = [
            (_read_hex(self._headers.get(header.name, ""), header.prefix), mac.digest())
            for header in SIGNATURE_HEADERS[self._forge]
            for mac in self._bodies
        ]
        if self._forge == Forge.GITLAB:
            token = self._headers.get(GITLAB_TOKEN, "").encode("latin-1", "replace")
            pairs += [(token, secret.encode()) for secret in self._secrets]
            given = _read_standard(self._headers.get(SIGNATURE_HEADER, ""))
            pairs += [(signature, mac.digest()) for signature in given for mac in self._standards]
        results = [hmac.compare_digest(given, wanted) for given, wanted in pairs]  # all, before one counts
        return True in results

    def explain(self) -> str:
        """Return why the delivery is not valid, for the people who look after the hook."""
        wanted = list_header_names(self._forge)
        if any(name in self._headers for name in wanted):
            return "wrong signature: the secret at the forge is not that of the hub"
        names = dict.fromkeys(name for forge in Forge for name in list_header_names(forge))
        others = [name for name in names if name in self._headers]
        found = f", but {' and '.join(others)}: another forge, or another program, has sent it" if others else ""
        return f"not signed: no header {' or '.join(wanted)}{found}"


def _read_hex(value: str, prefix: str) -> bytes:
    """Return the signature in the header's *value*, or no bytes if it is malformed."""
    try:
        return bytes.fromhex(value.removeprefix(prefix)) if value.startswith(prefix) else _NONE
    except ValueError:
        return _NONE


def _read_standard(value: str) -> list[bytes]:
    """Return the signatures of version 1 in the header's *value*, in which blanks separate them."""
    found = []
    for each in value.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES]:
        version, _, signature = each.partition(",")
        try:
            found.append(base64.b64decode(signature, validate=True) if version == "v1" else _NONE)
        except (Base64Error, ValueError):
            found.append(_NONE)
    return found
