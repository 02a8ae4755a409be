"""Counting SQL honestly: a statement cut into batches is one query, a loop of small ones is many.

Statements make a series if they follow each other with nothing between and differ only in the length of their
lists of values (same text, same other parameters). A series is one query as far as its statements are full batches on
the average; beyond that, each counts. So a query per row stays a query per row.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

FULL_BATCH = 400  # parameters; SQLite's smallest limit is 999, and Django cuts single-column lists at 500
TEXT_OF_A_VALUE = 100  # characters, more than a value of a row has as a rule
TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")

_LIST = re.compile(r"\(\s*%s(?:\s*,\s*%s)*\s*\)(?:\s*,\s*\(\s*%s(?:\s*,\s*%s)*\s*\))*")
_SELECTED_ROWS = re.compile(r"SELECT %s(?:, %s)*(?: UNION ALL SELECT %s(?:, %s)*)+")


@dataclass(frozen=True)
class Statement:
    """One statement as the database got it: its text without the lists, and the parameters outside them.

    `parameters` is the number of all values, those within arrays and documents too; `times` is how often one call of
    the driver ran it (`executemany`), else 1.
    """

    shape: str
    scalars: tuple[str, ...]
    parameters: int
    times: int = 1

    @classmethod
    def of(cls, sql: str, parameters: Sequence[Any] | None, times: int = 1) -> "Statement":
        """Return the statement of this text with `%s` placeholders and these parameters."""
        values = list(parameters or ())
        outside: list[str] = []
        place = 0
        for part, is_list in _parts(sql):
            count = part.count("%s")
            if not is_list:
                outside += map(_scalar, values[place : place + count])
            place += count
        shape = "".join("(…)" if is_list else part for part, is_list in _parts(sql))
        return cls(shape=shape, scalars=tuple(outside), parameters=sum(map(_size, values)), times=times)

    @property
    def controls_transaction(self) -> bool:
        """Whether this begins or ends a transaction or savepoint, which asks nothing of the tables."""
        return self.shape.lstrip().upper().startswith(TRANSACTION_CONTROL)


@dataclass(frozen=True)
class Count:
    """Queries, with batches of one statement taken as one; statements, every one; transaction control beside them."""

    queries: int
    statements: int
    transaction_control: int


def count(statements: Iterable[Statement]) -> Count:
    """Count what one run sent to the database."""
    listed = list(statements)
    asked = [statement for statement in listed if not statement.controls_transaction]
    series = groupby(listed, key=lambda statement: (statement.shape, statement.scalars))
    return Count(
        queries=sum(_queries(list(same)) for _, same in series),
        statements=sum(statement.times for statement in asked),
        transaction_control=len(listed) - len(asked),
    )


def _queries(series: Sequence[Statement]) -> int:
    if series[0].controls_transaction:
        return 0
    return max(1, len(series) - sum(statement.parameters for statement in series) // FULL_BATCH)


def _scalar(value: object) -> str:
    """Return the key of this parameter; an array or document as long as a batch counts as a list of values."""
    return "…" if _size(value) >= FULL_BATCH else repr(value)


def _size(value: object) -> int:
    """Return the number of values in this parameter: an array's elements; a document of rows (JSON) by its length."""
    if isinstance(value, list | tuple):
        return len(value)
    return max(1, len(value) // TEXT_OF_A_VALUE) if isinstance(value, str | bytes) else 1


def _parts(sql: str) -> Iterable[tuple[str, bool]]:
    """Yield the text in pieces, and for each whether it is a list of values."""
    place = 0
    for match in _lists(sql):
        yield sql[place : match.start()], False
        yield match.group(), True
        place = match.end()
    yield sql[place:], False


def _lists(sql: str) -> list[re.Match[str]]:
    return list(_SELECTED_ROWS.finditer(sql)) or list(_LIST.finditer(sql))
