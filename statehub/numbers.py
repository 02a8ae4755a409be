"""Parses numbers from outside: decimal digits only, not what else Python accepts (`1_0`, `٣`, `1e3`, `+5`).

Options of commands, settings, headers and parameters are all parsed here.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

from statehub.errors import StateHubError

MAX_DAYS = 36_500
"""A hundred years: the limit of times from now, so that their years have four digits."""

MAX_HOURS = MAX_DAYS * 24

MAX_SECONDS = 86_400
"""A day: the highest time limit of a git command."""

MAX_FETCHES = 100
"""Limit of parallel fetches."""

MAX_FILE_SIZE = 1024**3
"""Highest limit for the size of a workplan, which is read into memory."""

DEFAULT_FILE_SIZE = 5 * 1024 * 1024
"""Bytes of a workplan that are read unless the settings say otherwise."""

MAX_CLONE_SIZE = 1024**4
"""Highest limit for the size of one clone of the hub's own on disk."""

Number = TypeVar("Number", int, float)

_DIGITS = re.compile(r"[0-9]+")
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class NotANumberError(StateHubError, ValueError):
    """The text is not such a number. *wanted* describes one: `a whole number from 1 to 100`."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"must be {wanted}")
        self.wanted = wanted


def parse_whole_number(text: str, lowest: int, highest: int, unit: str = "") -> int:
    """Parse *text*, decimal digits with leading zeros allowed. Raises NotANumberError."""
    digits = text.lstrip("0") or "0"
    # Python raises its own error for thousands of digits: longer numbers than *highest* are not converted.
    if _DIGITS.fullmatch(text) and len(digits) <= len(str(highest)) and lowest <= int(digits) <= highest:
        return int(digits)
    raise NotANumberError(f"a whole number {unit and f'of {unit} '}from {lowest} to {highest}")


def parse_seconds(text: str, highest: int = MAX_SECONDS, *, zero: bool = False) -> float:
    """Parse *text*, seconds with optional decimals; 0 only if *zero*. Raises NotANumberError."""
    if _DECIMAL.fullmatch(text) and len(text) <= 20 and (zero or float(text) > 0) and float(text) <= highest:
        return float(text)
    raise NotANumberError(f"a number of seconds {'from 0' if zero else 'above 0 and'} up to {highest}")


def whole_number(lowest: int, highest: int, unit: str = "") -> Callable[[str], int]:
    """Return the parser of such a number for an option of a command (argparse, "type")."""
    return _option(lambda text: parse_whole_number(text, lowest, highest, unit))


def seconds(highest: int = MAX_SECONDS, *, zero: bool = False) -> Callable[[str], float]:
    """Return the parser of seconds for an option of a command (argparse, "type")."""
    return _option(lambda text: parse_seconds(text, highest, zero=zero))


def _option(parse: Callable[[str], Number]) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        try:
            return parse(text)
        except NotANumberError as error:
            raise ArgumentTypeError(f"'{text}' is not {error.wanted}") from error

    return read
