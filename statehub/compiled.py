"""Queries whose SQL is built once for a process: building it takes Django longer than the database takes to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

from django.db import connection
from django.db.models import QuerySet

Row = TypeVar("Row")
Value = int | str

_FIRST_NUMBER = 2_100_000_000
_STAND_INS: dict[type[Value], Callable[[int], Value]] = {
    int: lambda place: _FIRST_NUMBER + place,
    str: lambda place: f"parameter {place} of a compiled query",
}
"""The values of parameters while the query is built, by their place. No query has them as a constant."""


class _Compiled(NamedTuple):
    """A statement, its parameters with the places of the values among them, and what converts its rows."""

    sql: str
    parameters: list[Any]
    places: list[tuple[int, int]]
    convert: Callable[[list[tuple[Any, ...]]], list[Any]]


class CompiledQuery(Generic[Row]):
    """A query that *build* makes of values of these *kinds*: whole numbers and texts that differ from call to call.

    It is a `values_list` of plain tuples. The SQL may not depend on the values: a list is one text for `db.bulk`.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]], *kinds: type[Value]) -> None:
        self.build, self._kinds = build, kinds
        self._compiled: _Compiled | None = None

    def __call__(self, *values: Value) -> list[Row]:
        """Return all rows for *values*. Raises django.db.Error."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = self._compile()
        parameters = compiled.parameters.copy()
        for place, at in compiled.places:
            parameters[place] = values[at]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            return cast("list[Row]", compiled.convert(cursor.fetchall()))

    def _compile(self) -> _Compiled:
        stand_ins = [_STAND_INS[kind](place) for place, kind in enumerate(self._kinds)]
        compiler = self.build(*stand_ins).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        places = [(place, stand_ins.index(each)) for place, each in enumerate(parameters) if each in stand_ins]
        if {at for _, at in places} != set(range(len(stand_ins))):
            raise ValueError(f"a value of the query became another one: {sql}")
        converters = compiler.get_converters([selected for selected, *_ in compiler.select])

        def convert(rows: list[tuple[Any, ...]]) -> list[Any]:
            return [tuple(row) for row in compiler.apply_converters(rows, converters)] if converters else rows

        return _Compiled(sql, list(parameters), places, convert)
