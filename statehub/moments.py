"""Parses moments from outside: a time with its zone, a plain date, or an age."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone

from statehub.errors import StateHubError
from statehub.numbers import MAX_DAYS, MAX_HOURS, NotANumberError, parse_whole_number

DATE_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
AGE_PATTERN = r"([0-9]{1,7})([dh])"
WANTED = "a time with its zone (2026-11-01T12:00:00Z), a date (2026-11-01, midnight UTC) or an age (7d, 12h)"


class NotAMomentError(StateHubError, ValueError):
    """The text is not such a moment."""

    def __init__(self) -> None:
        super().__init__(f"must be {WANTED}")


def parse_date_or_age(text: str) -> datetime | None:
    """Return the start of the day *text* in UTC, or the time that *text* (`7d`, `12h`) ago was; None for other text.

    Raises NotAMomentError for a day that no calendar has, and an age of more than a hundred years.
    """
    try:
        if re.fullmatch(DATE_PATTERN, text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if age := re.fullmatch(AGE_PATTERN, text):
            number, unit = age.groups()
            hours = 24 if unit == "d" else 1
            return timezone.now() - timedelta(
                hours=hours * parse_whole_number(number, 0, MAX_DAYS if unit == "d" else MAX_HOURS)
            )
    except (NotANumberError, ValueError) as error:
        raise NotAMomentError from error
    return None


def parse_moment(text: str) -> datetime:
    """Return the moment *text* in UTC. Raises NotAMomentError."""
    if (moment := parse_date_or_age(text)) is not None:
        return moment
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise NotAMomentError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotAMomentError from error


def moment(text: str) -> datetime:
    """Parse an option of a command (argparse, "type")."""
    try:
        return parse_moment(text)
    except NotAMomentError as error:
        raise ArgumentTypeError(f"'{text}' is not {WANTED}") from error
