"""Reads numbers as people write them: digits, and nothing that only Python takes for some (`1_0`, `٣`, `1e3`, `+5`).

Everything that takes a number from outside reads it here: options of commands, settings, headers and parameters.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

from statehub.errors import StateHubError

MAX_DAYS = 36_500
"""A hundred years: the limit of a time to look back or ahead, so that its date is one of four digits."""

MAX_HOURS = MAX_DAYS * 24

MAX_SECONDS = 86_400
"""A day: no call of git takes longer."""

MAX_FETCHES = 100
"""Fetches side by side."""

MAX_FILE_SIZE = 1024**3
"""Bytes of a workplan, which is read as a whole."""

Number = TypeVar("Number", int, float)

_DIGITS = re.compile(r"[0-9]+")
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class NotANumberError(StateHubError, ValueError):
    """The text is not such a number. *wanted* says what it should be: `a whole number from 1 to 100`."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"must be {wanted}")
        self.wanted = wanted


def parse_whole_number(text: str, lowest: int, highest: int, unit: str = "") -> int:
    """The number that *text* says in decimal digits, leading zeros allowed. Raises NotANumberError."""
    digits = text.lstrip("0") or "0"
    # Python refuses some thousands of digits with an error of its own: more than the highest has are not converted.
    if _DIGITS.fullmatch(text) and len(digits) <= len(str(highest)) and lowest <= int(digits) <= highest:
        return int(digits)
    raise NotANumberError(f"a whole number {unit and f'of {unit} '}from {lowest} to {highest}")


def parse_seconds(text: str, highest: int = MAX_SECONDS, *, zero: bool = False) -> float:
    """The time that *text* says in seconds, with decimals if it has some; 0 only if *zero*. Raises NotANumberError."""
    if _DECIMAL.fullmatch(text) and len(text) <= 20 and (zero or float(text) > 0) and float(text) <= highest:
        return float(text)
    raise NotANumberError(f"a number of seconds {'from 0' if zero else 'above 0 and'} up to {highest}")


def whole_number(lowest: int, highest: int, unit: str = "") -> Callable[[str], int]:
    """What reads such a number as an option of a command (argparse, "type")."""
    return _option(lambda text: parse_whole_number(text, lowest, highest, unit))


def seconds(highest: int = MAX_SECONDS, *, zero: bool = False) -> Callable[[str], float]:
    """What reads a time in seconds as an option of a command (argparse, "type")."""
    return _option(lambda text: parse_seconds(text, highest, zero=zero))


def _option(parse: Callable[[str], Number]) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        try:
            return parse(text)
        except NotANumberError as error:
            raise ArgumentTypeError(f"'{text}' is not {error.wanted}") from error

    return read
