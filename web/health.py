"""For supervisors and load balancers: is the process alive, and can it work? No token, and no detail."""

from __future__ import annotations

from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 where the database answers and has all migrations that this code came with, else 503."""
    try:
        ready = _wanted() <= set(MigrationRecorder(connection).applied_migrations())
    except DatabaseError:
        ready = False
    return HttpResponse("ready\n" if ready else "not ready\n", status=200 if ready else 503, content_type="text/plain")


@cache
def _wanted() -> frozenset[tuple[str, str]]:
    """The newest migration of each app, which all others precede; read from the code once."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())
