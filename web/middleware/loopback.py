"""Lets requests from this machine stay on http: an ssh tunnel to 127.0.0.1 has already encrypted them.

A redirect would lead such a client to https, which is not served at its end of the tunnel.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "::1"})
LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?", re.IGNORECASE)
PROXY_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
)

_SCHEME, _TRUE_SCHEME = "wsgi.url_scheme", "statehub.true_scheme"


class LoopbackMiddleware(MiddlewareMixin):
    """Middleware right before Django's SecurityMiddleware, which then does not redirect.

    The view sees the request as plain http again.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Let a request from this machine look like https."""
        if is_from_this_machine(request):
            request.META[_TRUE_SCHEME], request.META[_SCHEME] = request.META[_SCHEME], "https"

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Restore the scheme: Django calls this after the last middleware and before the view."""
        if _TRUE_SCHEME in request.META:
            request.META[_SCHEME] = request.META.pop(_TRUE_SCHEME)


def is_from_this_machine(request: HttpRequest) -> bool:
    """Return whether *request* was made on this machine, under a loopback name and without a proxy."""
    return (
        request.META.get("REMOTE_ADDR") in LOOPBACK_ADDRESSES
        and LOOPBACK_HOST.fullmatch(request.META.get("HTTP_HOST", "")) is not None
        and not any(header in request.META for header in PROXY_HEADERS)
    )
