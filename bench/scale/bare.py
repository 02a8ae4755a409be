"""A bare API on the same framework: views that do nothing but run what was recorded, and return rows.

They evaluate the recorded querysets, or send the recorded statements without the ORM. The product is served beside
them, by the same worker and through the same middleware. BENCH_STATEMENTS names the file with the recorded calls.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import include, path
from django.utils import timezone
from ninja import NinjaAPI, Schema

from bench.scale.api import REPORT, STATUSES
from bench.scale.recorded import Read, Recorded


class Report(Schema):
    """The body of a report."""

    status: str


def _load() -> tuple[dict[str, Recorded], dict[str, dict[str, Any]]]:
    found: tuple[dict[str, Recorded], dict[str, dict[str, Any]]]
    found = pickle.loads(Path(os.environ["BENCH_STATEMENTS"]).read_bytes())  # noqa: S301 - written by the benchmark
    return found


CALLS, TASKS = _load()
api = NinjaAPI(urls_namespace="bare", docs_url=None, openapi_url=None)


@api.get("/cursor/{name}/")
def read_by_cursor(request: HttpRequest, name: str) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Run the statements of the call *name*, without the ORM."""
    return _run(CALLS[name], {})


@api.get("/orm/{name}/")
def read_by_orm(request: HttpRequest, name: str) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Evaluate the querysets of the call *name*; return the rows of the longest."""
    return max((_evaluate(read) for read in CALLS[name].reads), key=len)


@api.patch("/report/{task}/")
def report(request: HttpRequest, task: str, body: Report) -> list[dict[str, Any]]:  # noqa: ARG001 - the framework gives it
    """Run the statements of a report of *task*, which has the other one of the two statuses."""
    other = STATUSES[body.status == STATUSES[0]]
    return _run(CALLS[REPORT], {**TASKS[task], "new": body.status, "old": other})


def _evaluate(read: Read) -> list[dict[str, Any]]:
    rows: Any = QuerySet(read.model, read.query.clone())
    rows._iterable_class, rows._fields = read.rows, read.fields
    return [_as_dict(row) for row in rows]


def _as_dict(row: Any) -> dict[str, Any]:
    if isinstance(row, Model):
        return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    if isinstance(row, dict):
        return row
    return {str(number): value for number, value in enumerate(row if isinstance(row, tuple) else (row,))}


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
