"""Accepts any host name for the pages that monitors ask for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware as StockCommonMiddleware

BY_ADDRESS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Monitors use any name or address of the hub for these; no response contains it."""


class CommonMiddleware(StockCommonMiddleware):
    """Django's middleware, which refuses unknown host names, except for the pages in BY_ADDRESS."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Return a redirect that Django wants instead of the page, or None. Raises DisallowedHost."""
        return None if request.path_info in BY_ADDRESS else super().process_request(request)
