"""Responds 503 with one sentence if the database is unavailable."""

from __future__ import annotations

import logging
import sys

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
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


class UnavailableMiddleware(MiddlewareMixin):
    """Middleware for database errors in views and templates."""

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for *error* if it means that the database is unavailable."""
        return unavailable_page(error)


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond if something other than a view failed, such as another middleware."""
    return unavailable_page(sys.exc_info()[1]) or defaults.server_error(request)


def unavailable_page(error: BaseException | None) -> HttpResponse | None:
    """Return the page that says why the database is unavailable; None if *error* has another cause."""
    if not isinstance(error, DatabaseError):
        return None
    problem = explain_database_error(error)
    if not problem.is_unavailable:
        return None
    logger.error("%s", problem.line)
    reason = problem.line if settings.DEBUG else problem.public
    page = format_html(_PAGE, reason[:1].upper() + reason[1:] + ".")
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_SECONDS, "Cache-Control": "no-store"})
