"""Bearer tokens: created once, stored as a hash, looked up by it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from statehub.database_errors import is_taken
from statehub.errors import StateHubError
from web.models import ApiToken

PREFIX = "sth_"
"""Lets secret scanners recognise a token."""

MAX_NAME_LENGTH = 200

TOUCH_INTERVAL = timedelta(minutes=1)

_TOKENS = ApiToken.objects.order_by()  # Built once. In no order: digests are unique.


class NameTakenError(StateHubError):
    """Another active token has the name."""


def create(name: str, *, read_only: bool = False, days: int | None = None) -> tuple[ApiToken, str]:
    """Create a token that expires in *days*; return it and its secret, stored nowhere. Raises NameTakenError."""
    secret = PREFIX + secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=days) if days else None
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                name=name, digest=hash_secret(secret), read_only=read_only, expires_at=expires
            )
    except IntegrityError as error:
        if not is_taken(error, (ApiToken._meta.db_table,)):
            raise
        raise NameTakenError(
            f"a token named '{name}' is in use; revoke it in the admin, or take another name"
        ) from error
    return token, secret


def revoke(token: ApiToken) -> bool:
    """Revoke *token*. Return False if it was revoked before."""
    rows = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    return bool(rows.update(revoked_at=timezone.now()))


def hash_secret(secret: str) -> str:
    """Return the hash to store. A plain one is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def get_by_secret(secret: str) -> ApiToken | None:
    """Return the token with that *secret*, even if it is expired or revoked, or None."""
    wanted = hash_secret(secret)
    return next((token for token in _TOKENS.filter(digest=wanted) if hmac.compare_digest(token.digest, wanted)), None)


def touch_last_used(token: ApiToken) -> None:
    """Record that *token* was used, at most once a minute: most calls write nothing."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - TOUCH_INTERVAL:
        is_due = Q(last_used_at=None) | Q(last_used_at__lte=now - TOUCH_INTERVAL)
        ApiToken.objects.filter(is_due, pk=token.pk).update(last_used_at=now)
