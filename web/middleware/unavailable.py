"""Answers 503 and one sentence for people if the database cannot serve, on whatever page that shows."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.views import defaults

from statehub.database_errors import explain_database_error
from web.api.problems import RETRY_SECONDS

logger = logging.getLogger(__name__)

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>State Hub: not available</title>
<h1>State Hub is not available</h1>
<p>{}</p>
<p>Nothing was changed. The server's log has details.</p>
</html>
"""


class UnavailableMiddleware:
    """Middleware: what a page's view, or its template, met at the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer to *request*."""
        return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for *error*, if it is the database's."""
        return unavailable_page(error)


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer if something else than a view failed: another middleware that asked the database, say."""
    return unavailable_page(sys.exc_info()[1]) or defaults.server_error(request)


def unavailable_page(error: BaseException | None) -> HttpResponse | None:
    """The page that says why the database cannot serve; None if *error* says something else."""
    if not isinstance(error, DatabaseError):
        return None
    trouble = explain_database_error(error)
    if not trouble.is_unavailable:
        return None
    logger.error("%s", trouble.line)
    said = trouble.line if settings.DEBUG else trouble.public
    page = format_html(_PAGE, said[:1].upper() + said[1:] + ".")
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_SECONDS, "Cache-Control": "no-store"})
