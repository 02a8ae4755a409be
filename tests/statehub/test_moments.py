"""Times with a zone, dates and ages."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from statehub.moments import NotAMomentError, moment, parse_date_or_age, parse_moment

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("7d", NOON - timedelta(days=7)),
        ("12h", NOON - timedelta(hours=12)),
        ("0h", NOON),
        ("007d", NOON - timedelta(days=7)),
        ("36500d", NOON - timedelta(days=36500)),
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00:00.5+02:00", datetime(2026, 11, 1, 10, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_moment(text: str, wanted: datetime) -> None:
    assert (parse_moment(text), moment(text)) == (wanted, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "", "d", "7", "7w", "-7d", "7.5d", "7 d", "7d\n", "٣d", "36501d", "9999999h", "99999999h", "2026-13-01",
        "2026-02-30", "2026-11-1", "2026-11-01\n", "2026-11-01T12:00:00", "20261101T120000", "yesterday",
        "0001-01-01T00:00:00+12:00",
    ],
)  # fmt: skip
def test_other_text(text: str) -> None:
    wanted = "a time with its zone (2026-11-01T12:00:00Z), a date (2026-11-01, midnight UTC) or an age (7d, 12h)"
    with pytest.raises(NotAMomentError) as refused:
        parse_moment(text)
    assert str(refused.value) == f"must be {wanted}"
    with pytest.raises(ArgumentTypeError) as option:
        moment(text)
    assert str(option.value) == f"'{text}' is not {wanted}"


def test_time_is_left_to_the_caller() -> None:
    assert parse_date_or_age("2026-11-01T12:00:00Z") is None
    assert parse_date_or_age("7w") is None
