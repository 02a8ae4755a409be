"""The statements of a call of the API, and the querysets that they came from, as the product ran them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statement:
    """A statement, its parameters, and whether it ran in a transaction."""

    sql: str
    parameters: Any
    is_atomic: bool


@dataclass(frozen=True)
class Read:
    """A query of Django's ORM: the parts of a queryset that has not been evaluated."""

    model: Any
    query: Any
    rows: Any
    fields: Any


@dataclass(frozen=True)
class Recorded:
    """The statements of one call, its reads, and the values that differ in another call, by their names."""

    statements: tuple[Statement, ...]
    reads: tuple[Read, ...]
    values: Mapping[str, Any]
