"""Inserts or finds any number of rows in one statement, on SQLite and on PostgreSQL.

Django's `bulk_create` makes an object and a dozen prepared values for each row, and on SQLite one statement for every
hundred; here the rows are one JSON array, which both databases unpack themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import Field, Model, UUIDField
from django.db.models.expressions import RawSQL

MAX_ROWS = 25_000
"""In one statement: bounds the JSON text to a few megabytes."""

FEW_ROWS = 2_000
"""In one statement of a first import, which is at its peak of memory then: more at once would be no faster."""


def bulk_upsert(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    conflict: Sequence[str] = (),
    update: Sequence[str] = (),
    most: int = MAX_ROWS,
) -> None:
    """Insert *rows*, whose values follow *columns*: field names, all that the database needs.

    Values are str, int, bool, None, datetime or UUID (or its text). A row that has the columns *conflict* in
    common with an existing one gives that its columns *update* instead. A statement has at most *most* rows.
    Raises django.db.Error; no signals are sent, and no defaults are filled in.
    """
    left = iter(rows)
    while batch := list(islice(left, most)):
        statement = _statement(model, tuple(columns), tuple(conflict), tuple(update))
        with connection.cursor() as cursor:
            cursor.execute(statement, [_JSON.encode(batch)])


def bulk_update(model: type[Model], keys: Sequence[str], column: str, rows: Iterable[Sequence[object]]) -> None:
    """Give the rows with the values *keys* another *column*: each of *rows* has those of the keys, and the new value.

    Rows that have it already stay as they are. Raises django.db.Error.
    """
    table, fields = connection.ops.quote_name(model._meta.db_table), [_field(model, name) for name in (*keys, column)]
    values = ", ".join(f"{_value(field, at)} AS v{at}" for at, field in enumerate(fields))
    same = " AND ".join(f"{table}.{_column(field)} = wanted.v{at}" for at, field in enumerate(fields[:-1]))
    name, new = _column(fields[-1]), f"wanted.v{len(keys)}"
    statement = (
        f"UPDATE {table} SET {name} = {new} FROM (SELECT {values} FROM {_source()}) wanted "  # noqa: S608 - our names
        f"WHERE {same} AND {table}.{name} <> {new}"
    )
    left = iter(rows)
    while batch := list(islice(left, MAX_ROWS)):
        with connection.cursor() as cursor:
            cursor.execute(statement, [_JSON.encode(batch)])


def keys_of(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[object]]) -> RawSQL:
    """Return the subquery of the primary keys of those that have one of *rows* in their *columns*, at most MAX_ROWS.

    The database looks up each by an index of these columns, whatever other indexes there are.
    """
    table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
    same = (
        f"{table}.{_column(field)} = {_value(field, at)}"
        for at, field in enumerate(_field(model, name) for name in columns)
    )
    # CROSS: SQLite begins with the rows then (sqlite.org, "Query Planner", 7.2).
    sql = f"SELECT {table}.{key} FROM {_source()} CROSS JOIN {table} WHERE {' AND '.join(same)}"  # noqa: S608 - our names
    return RawSQL(sql, [_JSON.encode(rows)])  # noqa: S611 - the values are parameters


def values_of(model: type[Model], column: str, values: Sequence[object]) -> RawSQL:
    """Return the subquery of *values*, at most MAX_ROWS, as the *column* has them."""
    sql = f"SELECT {_value(_field(model, column), 0)} FROM {_source()}"  # noqa: S608 - our names
    return RawSQL(sql, [_JSON.encode([[value] for value in values])])  # noqa: S611 - the values are parameters


def _source() -> str:
    return "json_each(%s)" if connection.vendor == "sqlite" else "jsonb_array_elements(%s::jsonb)"


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", model._meta.get_field(name))


def _column(field: Field[Any, Any]) -> str:
    return connection.ops.quote_name(str(field.column))


def _plain(value: object) -> str:
    """Return *value*, which JSON cannot hold, as text for the database."""
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no column takes {value!r}")


_JSON = json.JSONEncoder(default=_plain, check_circular=False, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1_000)
def _moment(value: datetime) -> str:
    """Cached: the rows of one run mostly share one moment."""
    return str(connection.ops.adapt_datetimefield_value(value))


@lru_cache(maxsize=100)
def _statement(model: type[Model], columns: Sequence[str], conflict: Sequence[str], update: Sequence[str]) -> str:
    """Return the statement of `bulk_upsert`. Cached: a process has one database, and a sweep makes the same few."""
    table, fields = connection.ops.quote_name(model._meta.db_table), [_field(model, name) for name in columns]
    names, values = ", ".join(map(_column, fields)), ", ".join(_value(field, at) for at, field in enumerate(fields))
    # WHERE true: without it SQLite takes the ON of an upsert for that of a join (sqlite.org, "UPSERT", 2.2).
    insert = f"INSERT INTO {table} ({names}) SELECT {values} FROM {_source()} WHERE true"  # noqa: S608 - our names
    return insert + _on_conflict(model, conflict, update)


def _on_conflict(model: type[Model], conflict: Sequence[str], update: Sequence[str]) -> str:
    if not conflict:
        return ""
    taken = ", ".join(f"{column} = excluded.{column}" for column in (_column(_field(model, name)) for name in update))
    return f" ON CONFLICT ({', '.join(_column(_field(model, name)) for name in conflict)}) DO UPDATE SET {taken}"


def _value(field: Field[Any, Any], at: int) -> str:
    """Return the SQL for the column at index *at* of the JSON array `value`."""
    kind = field.db_type(connection)
    if connection.vendor != "sqlite":
        return f"(value->>{at})::{kind}"
    text = f"json_extract(value, '$[{at}]')"
    # SQLite has no UUIDs; Django keeps them as their 32 digits.
    return f"replace({text}, '-', '')" if kind == UUIDField().db_type(connection) else text
