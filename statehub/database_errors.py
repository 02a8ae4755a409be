"""Explains errors of the hub's database, by the codes of the drivers and never by their messages.

Commands, the API, the health pages and the admin use it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError

from statehub.schema import read_schema


class Kind(StrEnum):
    """The kinds of database errors."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    SCHEMA = "schema"
    REFUSED = "refused"
    READ_ONLY = "read-only"
    FULL = "full"
    DAMAGED = "damaged"
    POOLER = "pooler"
    CONFLICT = "conflict"
    VALUE = "value"
    SETTINGS = "settings"
    FAULT = "fault"


class DatabaseProblem(NamedTuple):
    """An explained error: `line` helps the person at the machine; `public` has no name, host or value."""

    kind: Kind
    line: str
    public: str

    @property
    def is_unavailable(self) -> bool:
        """Whether the database cannot serve now, and neither the request nor the code is at fault."""
        return self.kind not in (Kind.CONFLICT, Kind.VALUE, Kind.FAULT)


# https://www.postgresql.org/docs/current/errcodes-appendix.html; a code of five characters wins over its class of two.
_SQLSTATES_OF_KIND: dict[Kind, tuple[str, ...]] = {
    Kind.UNREACHABLE: ("08", "57P"),
    Kind.BUSY: ("57014", "40001", "40P01", "55P03", "55006", "53300"),
    Kind.FULL: ("53",),
    Kind.SCHEMA: ("42P01", "42703", "42704", "3F000"),
    Kind.REFUSED: ("28", "42501", "3D000"),
    Kind.READ_ONLY: ("25006",),
    Kind.DAMAGED: ("58", "XX001", "XX002"),
    Kind.POOLER: ("08P01", "26000", "34000", "42P05", "42P03", "25P01"),
    Kind.CONFLICT: ("23",),
    Kind.VALUE: ("22", "54"),
}
_SQLSTATES = {state: kind for kind, states in _SQLSTATES_OF_KIND.items() for state in states}

_SQLITE_CODES: dict[int, Kind] = {
    # https://www.sqlite.org/rescode.html, the primary codes
    1: Kind.SCHEMA,  # SQLITE_ERROR: no such table or column, or a wrong statement; the migrations decide.
    3: Kind.REFUSED,  # SQLITE_PERM
    5: Kind.BUSY,
    6: Kind.BUSY,  # SQLITE_LOCKED
    8: Kind.READ_ONLY,
    10: Kind.DAMAGED,  # SQLITE_IOERR
    11: Kind.DAMAGED,  # SQLITE_CORRUPT
    13: Kind.FULL,
    14: Kind.UNREACHABLE,  # SQLITE_CANTOPEN
    15: Kind.BUSY,  # SQLITE_PROTOCOL: locking of the journal
    17: Kind.BUSY,  # SQLITE_SCHEMA: migrated at this moment
    18: Kind.VALUE,  # SQLITE_TOOBIG
    19: Kind.CONFLICT,
    20: Kind.VALUE,  # SQLITE_MISMATCH
    23: Kind.REFUSED,  # SQLITE_AUTH
    26: Kind.DAMAGED,  # SQLITE_NOTADB
}

_LINES: dict[Kind, str] = {
    Kind.UNREACHABLE: "cannot connect to the hub's database: {message} (see DATABASE_URL)",
    Kind.BUSY: "the hub's database is busy: {message}; try again in a moment",
    Kind.SCHEMA: "the hub's database lacks what its migrations have made: {message} (restore it from a backup)",
    Kind.REFUSED: "the hub's database refused the login: {message} (see the user and the name in DATABASE_URL)",
    Kind.READ_ONLY: "the hub's database cannot be written to: {message} (see its rights, or whether it is a replica)",
    Kind.FULL: "the hub's database is out of space: {message} (free some on its disk)",
    Kind.DAMAGED: "the hub's database cannot be read: {message} (look at its disk, or restore it from a backup)",
    Kind.POOLER: (
        "the hub's database lost the session: {message} (is it reached through a pooler such as pgbouncer? "
        "docs/operations.md says how to set that up)"
    ),
    Kind.CONFLICT: "the hub's database refused a row: {message}; if this happens again, please report it",
    Kind.VALUE: "the hub's database does not hold such a value: {message}",
    Kind.FAULT: "the hub's database refused a statement, please report it: {message}",
}

_PUBLIC: dict[Kind, str] = {
    Kind.BUSY: "the database is busy; try again in a moment",
    Kind.SCHEMA: "the database and this server are not of the same version; one of them must be updated",
    Kind.READ_ONLY: "the database cannot be written to",
    Kind.FULL: "the database is out of space",
    Kind.DAMAGED: "the database cannot be read",
    Kind.CONFLICT: "the database refused a row",
    Kind.VALUE: "a value is beyond what the database holds",
    Kind.FAULT: "the database refused a statement",
}

_UNIQUE = ("23505", 1555, 2067)
"""SQLSTATE unique_violation; SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE."""

_LOST = {"OperationalError", "InterfaceError"}
"""Names of errors of a connection, Django's and the drivers' own: those of the queue's engine are not Django's."""

_OVERTAKEN = ("40001", "40P01")
"""Serialization failure, deadlock: PostgreSQL rolled back one of two transactions, which may be retried."""


def explain_database_error(error: Exception) -> DatabaseProblem:
    """Explain *error*, which the database or its settings raised.

    If the tables may not fit the code, the database is asked which migrations it has.
    """
    message = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured):
        return DatabaseProblem(Kind.SETTINGS, message, "the settings of the database are wrong")
    kind = _kind(error)
    # A row that lacks what a newer version demands is refused as well.
    if kind in (Kind.SCHEMA, Kind.CONFLICT, Kind.FAULT) and (line := _schema_mismatch()):
        return DatabaseProblem(Kind.SCHEMA, line, _PUBLIC[Kind.SCHEMA])
    if kind is Kind.SCHEMA and _code(error) == 1:
        kind = Kind.FAULT
    return DatabaseProblem(kind, _LINES[kind].format(message=message), _PUBLIC.get(kind, "try again in a moment"))


def is_taken(error: Exception, tables: Collection[str]) -> bool:
    """Whether *error* is a duplicate key in one of *tables*: another process inserted the row at the same time.

    SQLite does not name the table; there any counts.
    """
    if _code(error) not in _UNIQUE:
        return False
    table = getattr(getattr(error.__cause__, "diag", None), "table_name", None)
    return table is None or table in tables


def is_overtaken(error: Exception) -> bool:
    """Whether *error* rolled the transaction back in favour of another, so that it may be retried."""
    return _code(error) in _OVERTAKEN


def _code(error: Exception) -> str | int | None:
    """Return PostgreSQL's SQLSTATE, SQLite's extended result code, or None if the driver gives none."""
    cause = error.__cause__ or error
    code: str | int | None = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", None)
    return code


def _kind(error: Exception) -> Kind:
    code = _code(error)
    if isinstance(code, int):
        return _SQLITE_CODES.get(code & 0xFF, Kind.FAULT)
    if code is not None:
        return next((_SQLSTATES[code[:size]] for size in (5, 3, 2) if code[:size] in _SQLSTATES), Kind.FAULT)
    # Without a code no server answered: it was not reached, or the connection broke.
    return Kind.UNREACHABLE if _LOST & {each.__name__ for each in type(error).__mro__} else Kind.FAULT


def _schema_mismatch() -> str:
    """Describe how the database's migrations differ from ours; '' if they do not, or if they cannot be read."""
    try:
        return read_schema().mismatch
    except DatabaseError as error:
        if _kind(error) is Kind.SCHEMA:
            return "the hub's database is not migrated, it has no tables yet: run manage.py migrate"
        return ""
