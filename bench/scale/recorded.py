"""The statements of a call of the API, as the product ran them."""

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
class Recorded:
    """The statements of one call, and the values in them that differ in another call, by their names."""

    statements: tuple[Statement, ...]
    values: Mapping[str, Any]
