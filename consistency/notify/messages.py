"""The messages that receivers get: several episodes in one, as text for people and as JSON for programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from statehub.text import escape_control, plural

MAX_ROWS = 50
"""Episodes that one message describes; it says how many more there are."""

MAX_LINE = 500
"""Characters of one line."""

SOONEST_FIRST = {"FAIL": 0, "WARN": 1, "overdue": 2, "proposal": 3}


class Row(NamedTuple):
    """One episode as a message has it: new, or resolved if `ended_at` is set. A value that does not apply is ''.

    `kind` is FAIL or WARN for a finding, or `overdue` or `proposal`; `url` is the page of a proposal.
    """

    episode: str
    kind: str
    repo: str
    since: datetime
    ended_at: datetime | None = None
    code: str = ""
    message: str = ""
    host: str = ""
    path: str = ""
    file: str = ""
    line: int | None = None
    workplan: str = ""
    task: str = ""
    url: str = ""


class Message(NamedTuple):
    """One message. `id` is the same as long as the content is, so that a receiver notices a repetition."""

    id: str
    type: str
    subject: str
    text: str
    data: dict[str, Any]


def make_id(*parts: str) -> str:
    """Return the id of a message with these *parts*: 32 hexadecimal digits after `msg_`."""
    return f"msg_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def format_time(moment: datetime) -> str:
    """Return *moment* as JSON has it, in UTC and to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_message(receiver: str, rows: Iterable[Row]) -> Message:
    """Return the message about *rows*, of which there is at least one, for the *receiver* with this hash."""
    listed = sorted(rows, key=lambda row: (row.ended_at is not None, SOONEST_FIRST[row.kind], row.since, row.episode))
    new = [row for row in listed if row.ended_at is None]
    ended = [row for row in listed if row.ended_at is not None]
    lines = _lines([*new[:MAX_ROWS], *ended[:MAX_ROWS]])
    if more := max(len(new) - MAX_ROWS, 0) + max(len(ended) - MAX_ROWS, 0):
        lines.append(f"and {more} more: the hub lists them")
    return Message(
        id=make_id(receiver, *(f"{row.episode} {row.ended_at is not None}" for row in listed)),
        type="statehub.episodes",
        subject=_subject(new, ended),
        text="\n".join(lines) + "\n",
        data={
            "opened": [_to_json(row) for row in new[:MAX_ROWS]],
            "resolved": [_to_json(row) for row in ended[:MAX_ROWS]],
            "more": more,
        },
    )


def _subject(new: list[Row], ended: list[Row]) -> str:
    if len(new) + len(ended) == 1:
        return f"State Hub: {cut(_headline((new or ended)[0]))}"
    counts = [f"{len(new)} new"] * bool(new) + [f"{len(ended)} resolved"] * bool(ended)
    repos = sorted({row.repo for row in (*new, *ended)})
    where = repos[0] if len(repos) == 1 else f"{len(repos)} {plural(len(repos), 'repo')}"
    return f"State Hub: {', '.join(counts)} in {where}"


def _headline(row: Row) -> str:
    headline = f"{row.kind} {row.code} in {row.repo}" if row.code else f"{row.kind} in {row.repo}"
    return f"resolved: {headline}" if row.ended_at else headline


def _lines(rows: list[Row]) -> list[str]:
    """Return one line for each of *rows*; what several checkouts have in common is said once."""
    places: dict[str, list[str]] = {}
    for row in rows:
        places.setdefault(cut(_sentence(row)), []).append(f"{row.host}:{row.path}" if row.host else "")
    lines = []
    for sentence, found in places.items():
        named = [cut(place) for place in found if place]
        lines.append(f"{sentence} ({', '.join(named)})" if named else sentence)
    return lines


def _sentence(row: Row) -> str:
    if row.kind == "overdue":
        sentence = f"overdue: no run has finished on {row.repo} since {_day(row.since)}"
    elif row.kind == "proposal":
        sentence = f"proposal: {row.repo} has statuses that wait to be merged since {_day(row.since)}: {row.url}"
    else:
        place = f"{row.file}:{row.line}" if row.file and row.line else row.file
        subject = " ".join(filter(None, (row.repo, row.task or row.workplan, place)))
        age = f", since {_day(row.since)}" if row.kind == "WARN" else ""
        sentence = f"{row.kind} {row.code} {subject}: {row.message}{age}"
    return f"resolved: {sentence}" if row.ended_at else sentence


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def cut(text: str) -> str:
    """Return *text* on one line, shortened, with escapes for characters that control a terminal."""
    safe = escape_control(text)
    return safe if len(safe) <= MAX_LINE else f"{safe[:MAX_LINE]}…"


def _to_json(row: Row) -> dict[str, Any]:
    found = {name: cut(value) if isinstance(value, str) else value for name, value in row._asdict().items()}
    found["since"] = format_time(row.since)
    found["ended_at"] = format_time(row.ended_at) if row.ended_at else None
    return {name: None if value == "" else value for name, value in found.items()}
