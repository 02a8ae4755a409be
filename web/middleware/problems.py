"""Limits the size of the API's requests and turns every error response of API and webhooks into a problem document."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from statehub.numbers import NotANumberError, parse_whole_number
from web.api.problems import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    LENGTH_REQUIRED,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PROBLEM_TYPES,
    TOO_LARGE,
    ProblemError,
    ProblemType,
)

MAX_BODY_BYTES = 1024 * 1024
"""Bytes of the largest body of the API."""

MAX_CONTENT_LENGTH = 2**63 - 1
"""Bytes; a larger number is not a valid length."""

_PATHS = re.compile(r"/(?:api(?:/|$)|metrics|mcp/?$)")
_ERRORS = (MEDIA_TYPE, "application/json")  # the second are errors of JSON-RPC
_KINDS = {400: BAD_REQUEST, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE, 500: INTERNAL_ERROR}
_OURS = ("content-type", "content-length", "content-encoding")  # headers of the body that is replaced


class ProblemMiddleware:
    """Middleware before those that may refuse a request. It leaves the admin's pages alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Respond to *request*."""
        is_hook = request.path_info.startswith("/hooks/")
        if not is_hook and not _PATHS.match(request.path_info):
            return self.get_response(request)
        try:
            if not is_hook:  # its view checks the size, and records a refusal
                read_size(request)
        except ProblemError as problem:
            return problem.response()
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Authorization"])
        if response.status_code < 400 or response.headers.get("Content-Type") in _ERRORS:
            return response
        return _as_problem(request, response)


def read_size(request: HttpRequest, limit: int = MAX_BODY_BYTES) -> int:
    """Return the announced size of *request*'s body. Raises ProblemError if it is unknown or over *limit* bytes."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise ProblemError(LENGTH_REQUIRED, "send Content-Length, and no Transfer-Encoding")
    try:
        size = parse_whole_number(length, 0, MAX_CONTENT_LENGTH)
    except NotANumberError as error:
        raise ProblemError(BAD_REQUEST, f"Content-Length {error}") from error
    if size > limit:
        raise ProblemError(TOO_LARGE, f"the body has {size} bytes; {limit} are allowed")
    return size


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    """Return an error *response* of Django or ninja as a problem document with the same headers."""
    status = response.status_code
    kind = _KINDS.get(status) or next(
        (kind for kind in PROBLEM_TYPES if kind.status == status), ProblemType("refused", status, "Refused")
    )
    hint = "" if request.path.endswith("/") or request.path.startswith("/hooks/") else " (paths end with a slash)"
    allow = response.headers.get("Allow", "")
    detail = {
        NOT_FOUND.name: f"there is no {request.path}{hint}",
        METHOD_NOT_ALLOWED.name: f"{request.method} is not allowed here; {allow} is",
        INTERNAL_ERROR.name: "the error is in State Hub's log; nothing was recorded",
    }.get(kind.name, kind.title)
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _OURS}
    allowed = sorted(part.strip() for part in allow.split(",") if part.strip())
    # The old response is not closed: Django would end the request. An error page has nothing open.
    return ProblemError(kind, detail, allowed=allowed, headers=headers).response()
