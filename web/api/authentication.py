"""Authenticates requests by their bearer token."""

from __future__ import annotations

import logging
from typing import NoReturn, cast

from django.http import HttpRequest
from ninja.security.http import HttpAuthBase

from statehub.text import escape_control
from web.api import throttling, tokens
from web.api.problems import INVALID_TOKEN, NOT_AUTHENTICATED, READ_ONLY, TOO_MANY_REQUESTS, ProblemError
from web.models import ApiToken

log = logging.getLogger("statehub.api")

CHALLENGE = 'Bearer realm="State Hub"'


class TokenAuth(HttpAuthBase):
    """The scheme in the API's document. The framework's own class for it, HttpBearer, logs any header in DEBUG."""

    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> ApiToken:
        """Return the token of *request*. Raises ProblemError."""
        return authenticate(request)


class ReportTokenAuth(TokenAuth):
    """The same, for tokens that may report."""

    def __call__(self, request: HttpRequest) -> ApiToken:
        """Return the token of *request*, which may report. Raises ProblemError."""
        token = authenticate(request)
        if token.read_only:
            raise ProblemError(READ_ONLY, f"the token '{token.name}' has read-only access")
        return token


def token_of(request: HttpRequest) -> ApiToken:
    """Return the token that the framework has authenticated."""
    return cast("ApiToken", request.auth)  # type: ignore[attr-defined]  # the framework sets it


def authenticate(request: HttpRequest) -> ApiToken:
    """Return the active token of *request* and record its use. Raises ProblemError.

    A valid token passes from any address, however many invalid ones came from there: behind a tunnel or a proxy all
    machines have one address, and one with an old token must not lock out the others. 256 bits cannot be guessed.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise ProblemError(
            NOT_AUTHENTICATED, "send 'Authorization: Bearer TOKEN'", headers={"WWW-Authenticate": CHALLENGE}
        )
    if scheme.lower() != "bearer":
        _reject(request, "not a bearer token")
    token = tokens.get_by_secret(secret.strip())
    if token is None:
        _reject(request, "unknown token")
    if token.inactive_reason:
        _reject(request, f"'{token.name}' is {token.inactive_reason}")
    tokens.touch_last_used(token)
    return token


def _reject(request: HttpRequest, reason: str) -> NoReturn:
    address = str(request.META.get("REMOTE_ADDR", ""))
    failure = throttling.record_failure(address)
    if failure.is_over_limit:
        seconds = str(throttling.seconds_left())
        raise ProblemError(
            TOO_MANY_REQUESTS,
            f"too many refused tokens from this address; wait {seconds} s",
            headers={"Retry-After": seconds},
        )
    note = "; further ones in this minute are not logged" if failure.reaches_limit else ""
    log.warning(
        "refused a token from %s for %s: %s%s",
        escape_control(address),
        escape_control(request.path[:200]),
        escape_control(reason),
        note,
    )
    challenge = f'{CHALLENGE}, error="invalid_token"'
    raise ProblemError(
        INVALID_TOKEN, "the token is unknown, expired or revoked", headers={"WWW-Authenticate": challenge}
    )
