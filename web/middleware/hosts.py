"""Which pages answer whatever host name a request has."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware as StockCommonMiddleware

BY_ADDRESS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Monitors ask for these by whatever name or address the hub has; no answer holds either."""


class CommonMiddleware(StockCommonMiddleware):
    """Django's, which refuses foreign names of the host, but not where the answer does not depend on it."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """What answers *request* instead of its page."""
        return None if request.path_info in BY_ADDRESS else super().process_request(request)
