"""Says what is wrong with the hub's database: by the codes of the databases' drivers, never by their words.

Commands, the API, the health pages and the admin all ask here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from statehub.schema import read_schema


class Kind(StrEnum):
    """What is wrong."""

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


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong: `line` tells somebody at the machine what to do; `public` tells no name, host or value."""

    kind: Kind
    line: str
    public: str

    @property
    def is_unavailable(self) -> bool:
        """Whether the database cannot serve now, through no fault of the request or of the code."""
        return self.kind not in (Kind.CONFLICT, Kind.VALUE, Kind.FAULT)


_SQLSTATES: dict[str, Kind] = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html; five characters go before their class of two.
    "08": Kind.UNREACHABLE,
    "57P": Kind.UNREACHABLE,
    "57014": Kind.BUSY,
    "40001": Kind.BUSY,
    "40P01": Kind.BUSY,
    "55P03": Kind.BUSY,
    "55006": Kind.BUSY,
    "53300": Kind.BUSY,
    "53": Kind.FULL,
    "54": Kind.VALUE,
    "42P01": Kind.SCHEMA,
    "42703": Kind.SCHEMA,
    "42704": Kind.SCHEMA,
    "3F000": Kind.SCHEMA,
    "28": Kind.REFUSED,
    "42501": Kind.REFUSED,
    "3D000": Kind.REFUSED,
    "25006": Kind.READ_ONLY,
    "58": Kind.DAMAGED,
    "XX001": Kind.DAMAGED,
    "XX002": Kind.DAMAGED,
    "08P01": Kind.POOLER,
    "26000": Kind.POOLER,
    "34000": Kind.POOLER,
    "42P05": Kind.POOLER,
    "42P03": Kind.POOLER,
    "25P01": Kind.POOLER,
    "23": Kind.CONFLICT,
    "22": Kind.VALUE,
}

_SQLITE_CODES: dict[int, Kind] = {
    # https://www.sqlite.org/rescode.html, the primary codes
    1: Kind.SCHEMA,  # SQLITE_ERROR: no such table or column, or a statement that is wrong; the migrations tell.
    3: Kind.REFUSED,  # SQLITE_PERM
    5: Kind.BUSY,
    6: Kind.BUSY,  # SQLITE_LOCKED
    8: Kind.READ_ONLY,
    10: Kind.DAMAGED,  # SQLITE_IOERR
    11: Kind.DAMAGED,  # SQLITE_CORRUPT
    13: Kind.FULL,
    14: Kind.UNREACHABLE,  # SQLITE_CANTOPEN
    15: Kind.BUSY,  # SQLITE_PROTOCOL: the locks of its journal
    17: Kind.BUSY,  # SQLITE_SCHEMA: migrated at this moment
    18: Kind.VALUE,  # SQLITE_TOOBIG
    19: Kind.CONFLICT,
    20: Kind.VALUE,  # SQLITE_MISMATCH
    23: Kind.REFUSED,  # SQLITE_AUTH
    26: Kind.DAMAGED,  # SQLITE_NOTADB
}

_LINES: dict[Kind, str] = {
    Kind.UNREACHABLE: "cannot connect to the hub's database: {words} (see DATABASE_URL)",
    Kind.BUSY: "the hub's database is busy: {words}; try again in a moment",
    Kind.SCHEMA: "the hub's database lacks what its migrations have made: {words} (restore it from a backup)",
    Kind.REFUSED: "the hub's database refused the login: {words} (see the user and the name in DATABASE_URL)",
    Kind.READ_ONLY: "the hub's database cannot be written to: {words} (see its rights, or whether it is a replica)",
    Kind.FULL: "the hub's database is out of space: {words} (free some on its disk)",
    Kind.DAMAGED: "the hub's database cannot be read: {words} (look at its disk, or restore it from a backup)",
    Kind.POOLER: (
        "the hub's database lost the session: {words} (is it reached through a pooler such as pgbouncer? "
        "docs/operations.md says how to set that up)"
    ),
    Kind.CONFLICT: "the hub's database refused a row: {words}; if this happens again, please report it",
    Kind.VALUE: "the hub's database does not hold such a value: {words}",
    Kind.FAULT: "the hub's database refused a statement, please report it: {words}",
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

_OVERTAKEN = ("40001", "40P01")
"""Serialization failure, deadlock: PostgreSQL has rolled back one of two transactions, which may be tried again."""


def explain_database_error(error: Exception) -> Trouble:
    """What is wrong with the database if it raises *error*, or if its settings do.

    Where tables do not fit the code, or may not, the database is asked which migrations it has.
    """
    words = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured):
        return Trouble(Kind.SETTINGS, words, "the settings of the database are wrong")
    kind = _kind(error)
    # A row that lacks what a newer version demands is refused as well.
    if kind in (Kind.SCHEMA, Kind.CONFLICT, Kind.FAULT) and (line := _trouble_of_schema()):
        return Trouble(Kind.SCHEMA, line, _PUBLIC[Kind.SCHEMA])
    if kind is Kind.SCHEMA and _code(error) == 1:
        kind = Kind.FAULT
    return Trouble(kind, _LINES[kind].format(words=words), _PUBLIC.get(kind, "try again in a moment"))


def is_taken(error: Exception, tables: Collection[str]) -> bool:
    """Whether *error* says that a row of one of *tables* has another's key: somebody made it at the same moment.

    SQLite does not say of which table; there any of them counts.
    """
    if _code(error) not in _UNIQUE:
        return False
    table = getattr(getattr(error.__cause__, "diag", None), "table_name", None)
    return table is None or table in tables


def is_overtaken(error: Exception) -> bool:
    """Whether *error* says that the transaction was rolled back in favour of another, and may be tried again."""
    return _code(error) in _OVERTAKEN


def _code(error: Exception) -> str | int | None:
    """What the driver calls it: PostgreSQL's SQLSTATE, SQLite's extended result code, None if it does not say."""
    cause = error.__cause__ or error
    code: str | int | None = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", None)
    return code


def _kind(error: Exception) -> Kind:
    code = _code(error)
    if isinstance(code, int):
        return _SQLITE_CODES.get(code & 0xFF, Kind.FAULT)
    if code is not None:
        return next((_SQLSTATES[code[:size]] for size in (5, 3, 2) if code[:size] in _SQLSTATES), Kind.FAULT)
    # Without a code there is no answer of a server: it was not reached, or the connection broke.
    return Kind.UNREACHABLE if isinstance(error, OperationalError | InterfaceError) else Kind.FAULT


def _trouble_of_schema() -> str:
    """What does not fit between the database's migrations and ours; '' if all does, or if that cannot be asked."""
    try:
        return read_schema().trouble
    except DatabaseError as error:
        if _kind(error) is Kind.SCHEMA:
            return "the hub's database is not migrated, it has no tables yet: run manage.py migrate"
        return ""
