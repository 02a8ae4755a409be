"""Times and names on the board."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from statehub.statuses import TASK_STATUSES
from web.board.cells import day_name, short_time, status_name

NOW = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (NOW, "14:00"),
        (NOW.replace(hour=0, minute=5), "00:05"),
        (NOW.replace(day=7), "7 Nov"),
        (NOW.replace(year=2025), "28 Nov 2025"),
        (datetime(2026, 11, 28, 1, 30, tzinfo=timezone(timedelta(hours=2))), "27 Nov"),
    ],
)
def test_short_time(value: datetime, shown: str) -> None:
    html = short_time(value, NOW)
    assert html.endswith(f">{shown}</time>")
    assert f'title="{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"' in html


def test_day_name() -> None:
    assert day_name(datetime(2026, 11, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "Saturday, 31 October 2026"


def test_status_names() -> None:
    names = ["To do", "In progress", "Blocked", "Done", "Cancelled"]
    assert [status_name(status) for status in TASK_STATUSES] == names
