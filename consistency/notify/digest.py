"""The weekly digest: what was finished, started and reopened in a week, by repo or by owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from consistency.db.digest import Group, read_week
from consistency.notify.messages import MAX_ROWS, Message, cut, format_time, make_id
from statehub.text import plural

WEEK = timedelta(days=7)


def last_week(now: datetime) -> datetime:
    """Return the beginning of the last week that is over: a Monday, at midnight UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday()) - WEEK


def make_digest(receiver: str, start: datetime, by: str) -> Message:
    """Return the digest of the week from *start* on, by `repo` or `owner`, for the *receiver* with this hash."""
    groups = read_week(start, start + WEEK, by)
    number, last = start.isocalendar().week, (start + WEEK - timedelta(days=1)).date()
    title = f"week {number}, {start.date()} to {last}, by {by}"
    text = "\n\n".join("\n".join(_lines(cut(name) or "no owner", group)) for name, group in _first(groups))
    more = max(len(groups) - MAX_ROWS, 0)
    return Message(
        id=make_id(receiver, "digest", by, start.isoformat()),
        type="statehub.digest",
        subject=f"State Hub: {title}",
        text="".join((text or "nothing happened", f"\n\nand {more} more: the hub lists them" if more else "", "\n")),
        data={
            "week": format_time(start),
            "by": by,
            "groups": [_to_json(name, group) for name, group in _first(groups)],
            "more": more,
        },
    )


def _first(groups: dict[str, Group]) -> list[tuple[str, Group]]:
    return list(groups.items())[:MAX_ROWS]


def _lines(name: str, group: Group) -> Iterator[str]:
    counts = [f"{number} moved to {status}" for status, number in sorted(group.moves.items())]
    counts += [f"{group.reopened} reopened"] * bool(group.reopened)
    left = f"{group.unfinished} {plural(group.unfinished, 'task')} left"
    findings = f", {group.findings} {plural(group.findings, 'finding')} open" if group.findings else ""
    yield f"{name}: {', '.join(counts) or 'no change'}; {left}{findings}"
    yield from (f"  {cut(text)}" for text in group.finished)


def _to_json(name: str, group: Group) -> dict[str, Any]:
    return {
        "name": cut(name) or None,
        "moves": group.moves,
        "reopened": group.reopened,
        "unfinished": group.unfinished,
        "findings": group.findings,
        "finished": [cut(text) for text in group.finished],
    }
