"""Inserts, updates or finds many rows in one statement, on SQLite and on PostgreSQL.

Django's `bulk_create` makes an object and a dozen prepared values for each row, and on SQLite one statement for every
hundred. Here the rows are one JSON array, which both databases unpack themselves. For inserts, SQLite gets the values
as parameters: that takes three quarters of the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, Field, JSONField, Model, UUIDField
from django.db.models.expressions import RawSQL

MAX_ROWS = 25_000
"""In one statement: bounds the JSON text to a few megabytes."""

MAX_PARAMETERS = 32_766
"""In one statement on SQLite: its limit, unless it was built with another one (sqlite.org, "Limits", 9)."""

FEW_ROWS = 2_000
"""In one statement of a first import, which is at its peak of memory then: more at once would be no faster."""


def bulk_upsert(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    same: Mapping[str, object] = MappingProxyType({}),
    conflict: Sequence[str] = (),
    update: Sequence[str] = (),
    most: int = MAX_ROWS,
) -> None:
    """Insert *rows*, whose values follow *columns*; with *same*, which all rows share, that is all the database needs.

    Columns are names of fields, values are str, int, bool, None, datetime, UUID (or its text), or of a JSON field.
    A row that has the columns *conflict* in common with an existing one gives that its columns *update* instead. A
    statement has at most *most* rows. Raises django.db.Error; no signals are sent, and no defaults are filled in.
    """
    head, tail = _insert(model, tuple(columns), tuple(same), tuple(conflict), tuple(update))
    shared = [_convert(model, name, [value])[0] for name, value in same.items()]
    if connection.vendor == "sqlite":
        most = min(most, (MAX_PARAMETERS - len(shared)) // len(columns))
    left = iter(rows)
    while batch := list(islice(left, most)):
        source, values = _new_rows(model, columns, batch)
        with connection.cursor() as cursor:
            cursor.execute(head + source + tail, [*shared, *values])


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


@lru_cache(maxsize=100)
def column_names(model: type[Model]) -> Sequence[str]:
    """Return the names of the attributes that have the values of the columns, in the columns' order."""
    return tuple(field.attname for field in model._meta.concrete_fields)


def insert_row(row: Model) -> None:
    """Insert *row*, an instance with all its values, as `bulk_upsert` does. Raises django.db.Error."""
    names = column_names(type(row))
    bulk_upsert(type(row), names, [[getattr(row, name) for name in names]])


def update_row(model: type[Model], pk: object, values: Mapping[str, object]) -> bool:
    """Give the row *pk* these *values* by the names of their fields; return whether it is still there.

    Raises django.db.Error.
    """
    parameters = [_convert(model, name, [value])[0] for name, value in (*values.items(), ("pk", pk))]
    with connection.cursor() as cursor:
        cursor.execute(_update(model, tuple(values)), parameters)
        return bool(cursor.rowcount)


def rows_text(rows: Sequence[Sequence[object]]) -> str:
    """Return *rows*, at most MAX_ROWS, as the text that `keys_of` takes."""
    return _JSON.encode(rows)


def values_text(values: Iterable[object]) -> str:
    """Return *values*, at most MAX_ROWS, as the text that `values_of` takes."""
    return _JSON.encode([[value] for value in values])


def keys_of(model: type[Model], columns: Sequence[str], rows: str) -> RawSQL:
    """Return the subquery of the primary keys of those that have one of *rows* (`rows_text`) in their *columns*.

    The database looks up each by an index of these columns, whatever other indexes there are.
    """
    table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
    same = (
        f"{table}.{_column(field)} = {_value(field, at)}"
        for at, field in enumerate(_field(model, name) for name in columns)
    )
    # CROSS: SQLite begins with the rows then (sqlite.org, "Query Planner", 7.2).
    sql = f"SELECT {table}.{key} FROM {_source()} CROSS JOIN {table} WHERE {' AND '.join(same)}"  # noqa: S608 - our names
    return RawSQL(sql, [rows])  # noqa: S611 - the values are parameters


def values_of(model: type[Model], column: str, values: str) -> RawSQL:
    """Return the subquery of *values* (`values_text`) in the form in which the *column* has them."""
    sql = f"SELECT {_value(_field(model, column), 0)} FROM {_source()}"  # noqa: S608 - our names
    return RawSQL(sql, [values])  # noqa: S611 - the values are parameters


def _source() -> str:
    """Return the SQL for the rows of a JSON array, whose column is `value`."""
    if connection.vendor == "sqlite":
        return "json_each(%s)"
    # PostgreSQL expects 10 rows of an array, 100 of the function alone: for these it may read all of a table.
    return "unnest(ARRAY(SELECT jsonb_array_elements(%s::jsonb))) AS value"


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", model._meta.pk if name == "pk" else model._meta.get_field(name))


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
def _update(model: type[Model], names: Sequence[str]) -> str:
    """Return the statement of `update_row`."""
    table, columns = connection.ops.quote_name(model._meta.db_table), [_column(_field(model, name)) for name in names]
    values = ", ".join(f"{column} = %s" for column in columns)
    return f"UPDATE {table} SET {values} WHERE {_column(_field(model, 'pk'))} = %s"  # noqa: S608 - our names


@lru_cache(maxsize=100)
def _insert(
    model: type[Model], columns: Sequence[str], same: Sequence[str], conflict: Sequence[str], update: Sequence[str]
) -> tuple[str, str]:
    """Return the statement of `bulk_upsert` in front of the rows, and behind them.

    Cached: a process has one database, and a sweep makes the same few.
    """
    names = ", ".join(_column(_field(model, name)) for name in (*same, *columns))
    if connection.vendor == "sqlite":
        values = [*("%s" for _ in same), *(f"column{at}" for at in range(1, len(columns) + 1))]
    else:
        shared = (f"%s::{_field(model, name).db_type(connection)}" for name in same)
        values = [*shared, *(_value(_field(model, name), at) for at, name in enumerate(columns))]
    table = connection.ops.quote_name(model._meta.db_table)
    # WHERE true: without it SQLite takes the ON of an upsert for that of a join (sqlite.org, "UPSERT", 2.2).
    head = f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM "  # noqa: S608 - our names
    return head, f" WHERE true{_on_conflict(model, conflict, update)}"


def _new_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[str, list[Any]]:
    """Return *rows* as the source of an insert: the SQL, and its parameters."""
    if connection.vendor != "sqlite":
        return _source(), [_JSON.encode(rows)]
    row = f"({', '.join(['%s'] * len(columns))})"
    by_column = [_convert(model, name, values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)]
    return f"(VALUES {', '.join([row] * len(rows))})", list(chain.from_iterable(zip(*by_column, strict=True)))


def _convert(model: type[Model], name: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return the *values* of a field as parameters: times, UUIDs and JSON as text that the database takes."""
    to_text = _to_text(model, name)
    return [None if value is None else to_text(value) for value in values] if to_text else values


@lru_cache(maxsize=1_000)
def _to_text(model: type[Model], name: str) -> Callable[[Any], str] | None:
    """Return what makes text of a field's values, None if the database takes them as they are."""
    field = _field(model, name)
    if isinstance(field, JSONField):
        return _JSON.encode
    kind = field.db_type(connection)
    if kind == UUIDField().db_type(connection):
        return _digits
    return _moment if kind == DateTimeField().db_type(connection) else None


def _digits(value: object) -> str:
    """Return the 32 digits of a UUID."""
    return str(value).replace("-", "")


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
