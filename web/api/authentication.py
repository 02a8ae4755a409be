"""Authenticates requests by their bearer token."""

from __future__ import annotations

import logging
from typing import NoReturn, cast

from django.http import HttpRequest
from ninja.security.http import HttpAuthBase

from web.api import throttling, tokens
from web.api.problems import INVALID_TOKEN, NOT_AUTHENTICATED, READ_ONLY, ProblemError
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
    failure = throttling.record_failure(str(request.META.get("REMOTE_ADDR", "")))
    throttling.report_failure(request, failure, "a token", reason, log)
    challenge = f'{CHALLENGE}, error="invalid_token"'
    raise ProblemError(
        INVALID_TOKEN, "the token is unknown, expired or revoked", headers={"WWW-Authenticate": challenge}
    )
