"""The one reader of numbers."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from statehub.numbers import NotANumberError, parse_seconds, parse_whole_number, seconds, whole_number

NOT_WHOLE = [
    "",
    " ",
    " 7",
    "7 ",
    "7\n",
    "+7",
    "-7",
    "1_0",
    "1e3",
    "1.0",
    "0x10",
    "²",
    "٣",
    "７",
    "soon",
    "0",
    "101",
    "0000000019999999",
    "9" * 5_000,
    "\0",
    "7\0",
]


@pytest.mark.parametrize("text", NOT_WHOLE)
def test_what_is_not_a_whole_number(text: str) -> None:
    with pytest.raises(NotANumberError, match=r"^must be a whole number from 1 to 100$"):
        parse_whole_number(text, 1, 100)
    with pytest.raises(ArgumentTypeError) as error:
        whole_number(1, 100, "days")(text)
    assert str(error.value) == f"'{text}' is not a whole number of days from 1 to 100"


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("100", 100), ("007", 7), ("0" * 5_000 + "9", 9)])
def test_whole_number(text: str, number: int) -> None:
    assert parse_whole_number(text, 1, 100) == whole_number(1, 100)(text) == number


def test_lowest_may_be_0() -> None:
    assert [parse_whole_number(text, 0, 5) for text in ("0", "000", "5")] == [0, 0, 5]


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-1", "+1", ".5", "5.", "1e3", "1_0", "nan", "inf", "٣", " 1", "1 ", "10.1", "1" * 400]
)
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(NotANumberError, match=r"^must be a number of seconds above 0 and up to 10$"):
        parse_seconds(text, 10)
    with pytest.raises(ArgumentTypeError) as error:
        seconds(10)(text)
    assert str(error.value) == f"'{text}' is not a number of seconds above 0 and up to 10"


@pytest.mark.parametrize(("text", "number"), [("0.3", 0.3), ("10", 10.0), ("01.50", 1.5)])
def test_time(text: str, number: float) -> None:
    assert parse_seconds(text, 10) == seconds(10)(text) == number
