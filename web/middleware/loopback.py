"""Lets calls from this machine itself stay on http: what an ssh tunnel brings to 127.0.0.1 was encrypted on its way.

A redirect would lead such a caller to an https that nobody serves at the other end of the tunnel.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

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


class LoopbackMiddleware:
    """Stands right before Django's SecurityMiddleware, which then has nothing to redirect.

    To the view, the call is again what it is: plain http.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer to *request*."""
        if is_from_this_machine(request):
            request.META[_TRUE_SCHEME], request.META[_SCHEME] = request.META[_SCHEME], "https"
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Take the scheme back: Django calls this after the last middleware, before the view."""
        if _TRUE_SCHEME in request.META:
            request.META[_SCHEME] = request.META.pop(_TRUE_SCHEME)


def is_from_this_machine(request: HttpRequest) -> bool:
    """Whether *request* was made on this machine, under a name of its own, and not passed on by a proxy."""
    return (
        request.META.get("REMOTE_ADDR") in LOOPBACK_ADDRESSES
        and LOOPBACK_HOST.fullmatch(request.META.get("HTTP_HOST", "")) is not None
        and not any(header in request.META for header in PROXY_HEADERS)
    )
