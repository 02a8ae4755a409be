"""A bare API on the same framework: views that run recorded statements and return the rows of the last query.

It is served with the product, by the same worker and through the same middleware: BENCH_STATEMENTS names the file with
the recorded calls.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest
from django.urls import include, path
from django.utils import timezone
from ninja import NinjaAPI, Schema

from bench.scale.api import ONE_TASK, REPORT, STATUSES
from bench.scale.recorded import Recorded


class Report(Schema):
    """The body of a report."""

    status: str


def _load() -> tuple[dict[str, Recorded], dict[str, dict[str, Any]]]:
    found: tuple[dict[str, Recorded], dict[str, dict[str, Any]]]
    found = pickle.loads(Path(os.environ["BENCH_STATEMENTS"]).read_bytes())  # noqa: S301 - written by the benchmark
    return found


CALLS, TASKS = _load()
api = NinjaAPI(urls_namespace="bare", docs_url=None, openapi_url=None)


@api.get("/list/{name}/")
def list_rows(request: HttpRequest, name: str) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Run the statements of the list *name*."""
    return _run(CALLS[name], {})


@api.get("/read/{task}/")
def read(request: HttpRequest, task: str) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Run the statements that read *task*."""
    return _run(CALLS[ONE_TASK], TASKS[task])


@api.patch("/report/{task}/")
def report(request: HttpRequest, task: str, body: Report) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Run the statements of a report of *task*, which has the other one of the two statuses."""
    other = STATUSES[body.status == STATUSES[0]]
    return _run(CALLS[REPORT], {**TASKS[task], "new": body.status, "old": other})


def _run(call: Recorded, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run all statements, with *values* instead of those recorded; return the rows of the last query."""
    replaced = {call.values[name]: value for name, value in values.items()}
    rows: list[dict[str, Any]] = []
    outside = [statement for statement in call.statements if not statement.is_atomic]
    inside = [statement for statement in call.statements if statement.is_atomic]
    with connection.cursor() as cursor:
        for statements, block in (
            (outside, nullcontext()),
            (inside, transaction.atomic() if inside else nullcontext()),
        ):
            with block:
                for statement in statements:
                    cursor.execute(statement.sql, _replace(statement.parameters, replaced))
                    if cursor.description:
                        names = [column.name for column in cursor.description]
                        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return rows


def _replace(value: Any, replaced: Mapping[Any, Any]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_replace(item, replaced) for item in value)
    if value is None or not replaced:
        return value
    if hasattr(value, "isoformat"):
        return timezone.now()
    try:
        return replaced.get(value, value)
    except TypeError:  # a JSON value
        return value


urlpatterns = [path("bare/", api.urls), path("", include("web.urls"))]
