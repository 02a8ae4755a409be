"""Health checks for supervisors and load balancers; they need no token and give no details."""

from __future__ import annotations

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from statehub.schema import read_schema


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Respond 200: the process is alive."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Respond 200 if the database is available and has exactly the migrations of this code, else 503."""
    try:
        ready = not read_schema().mismatch
    except DatabaseError:
        ready = False
    return HttpResponse("ready\n" if ready else "not ready\n", status=200 if ready else 503, content_type="text/plain")
