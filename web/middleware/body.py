"""Reads what is left of a request's body after the answer was sent.

A server that answers and closes while the client still sends resets the connection, and the answer is lost on the way:
a proxy then says 502 (RFC 9112, section 9.6).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, UnreadablePostError
from django.http.response import HttpResponseBase

from statehub.numbers import NotANumberError, parse_whole_number

MAX_DRAINED_BYTES = 2 * 1024 * 1024
"""Bytes of the largest body that is read to its end: what the examples for proxies let through. Others are cut off."""

CHUNK_BYTES = 64 * 1024


class DrainBodyMiddleware:
    """Middleware; the first of all, so that what any other answers passes it, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer *request*, and read the rest of its body then."""
        response = self.get_response(request)
        if request.META.get("CONTENT_LENGTH"):
            # The server closes an answer that it has sent. Django's own middleware has no later moment.
            response._resource_closers.append(lambda: _drain(request))  # type: ignore[attr-defined]
        return response


def _drain(request: HttpRequest) -> None:
    try:
        parse_whole_number(request.META["CONTENT_LENGTH"], 1, MAX_DRAINED_BYTES)
        while request.read(CHUNK_BYTES):
            pass
    except (NotANumberError, UnreadablePostError):
        return
