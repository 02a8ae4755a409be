"""Who may come in: checks a request's bearer token, and what it may do."""

from __future__ import annotations

import logging
from typing import NoReturn, cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from statehub.text import escape_control
from web.api import throttling, tokens
from web.api.problems import INVALID_TOKEN, NOT_AUTHENTICATED, READ_ONLY, TOO_MANY_REQUESTS, ProblemError
from web.models import ApiToken

log = logging.getLogger("statehub.api")

CHALLENGE = 'Bearer realm="State Hub"'


class TokenAuth(HttpBearer):
    """The scheme as the API's document names it. Its own `__call__`: the framework's logs foreign headers in DEBUG."""

    def __call__(self, request: HttpRequest) -> ApiToken:
        """The token that *request* brought. Raises Problem."""
        return authenticate(request)

    def authenticate(self, request: HttpRequest, token: str) -> NoReturn:
        """Never called; the framework asks for it."""
        raise NotImplementedError


class ReportTokenAuth(TokenAuth):
    """The same, for those that may write."""

    def __call__(self, request: HttpRequest) -> ApiToken:
        """The token that *request* brought, which may write. Raises Problem."""
        token = authenticate(request)
        if token.read_only:
            raise ProblemError(READ_ONLY, f"the token '{token.name}' has read-only access")
        return token


def token_of(request: HttpRequest) -> ApiToken:
    """The token that the framework let in."""
    return cast("ApiToken", request.auth)  # type: ignore[attr-defined]  # the framework sets it


def authenticate(request: HttpRequest) -> ApiToken:
    """The token that *request* brought, in use and stamped. Raises Problem.

    A good token passes from any address, however many bad ones came from there: behind a tunnel or a proxy all
    machines have one address, and one with an old token must not shut out the others. Its 256 bits need no such help.
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
    if token.trouble:
        _reject(request, f"'{token.name}' is {token.trouble}")
    tokens.touch_last_used(token)
    return token


def _reject(request: HttpRequest, why: str) -> NoReturn:
    address = str(request.META.get("REMOTE_ADDR", ""))
    over, last = throttling.record_failure(address)
    if over:
        seconds = str(throttling.seconds_left())
        raise ProblemError(
            TOO_MANY_REQUESTS,
            f"too many refused tokens from this address; wait {seconds} s",
            headers={"Retry-After": seconds},
        )
    quiet = "; further ones in this minute are not logged" if last else ""
    log.warning(
        "refused a token from %s for %s: %s%s",
        escape_control(address),
        escape_control(request.path[:200]),
        escape_control(why),
        quiet,
    )
    challenge = f'{CHALLENGE}, error="invalid_token"'
    raise ProblemError(
        INVALID_TOKEN, "the token is unknown, expired or revoked", headers={"WWW-Authenticate": challenge}
    )
