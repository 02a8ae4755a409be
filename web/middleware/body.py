"""Reads the rest of a request's body after the response was sent.

A server that responds and closes while the client is still sending resets the connection, and the response is lost: a
proxy then reports 502 (RFC 9112, section 9.6).
"""

from __future__ import annotations

from django.http import HttpRequest, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from statehub.numbers import NotANumberError, parse_whole_number

MAX_DRAINED_BYTES = 2 * 1024 * 1024
"""Bytes of the largest body that is read to its end; the examples for proxies let no larger one through to the API."""

CHUNK_BYTES = 64 * 1024


class DrainBodyMiddleware(MiddlewareMixin):
    """Middleware; the first, so that it sees the responses of all others."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Drain the body of *request* when the server closes *response*."""
        if request.META.get("CONTENT_LENGTH"):
            # The server closes a response after sending it. Django calls no middleware after that.
            response._resource_closers.append(lambda: _drain(request))  # type: ignore[attr-defined]
        return response


def _drain(request: HttpRequest) -> None:
    try:
        parse_whole_number(request.META["CONTENT_LENGTH"], 1, MAX_DRAINED_BYTES)
        while request.read(CHUNK_BYTES):
            pass
    except (NotANumberError, UnreadablePostError):
        return
