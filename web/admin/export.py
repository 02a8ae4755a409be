"""Exports of lists: rows are streamed, and no cell of a CSV can become a formula."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from django.http import StreamingHttpResponse

from statehub.text import escape_control

Value = str | int | datetime | None
Row = Mapping[str, Value]

# Spreadsheets take a cell that begins like this for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: str) -> str:
    """Return *value* so that a spreadsheet shows it and does not compute it."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def as_csv(rows: Iterable[Row], header: Iterable[str], name: str) -> StreamingHttpResponse:
    """Return *rows* as a CSV file; each text is on one line, with its control characters escaped."""
    return _file(_csv_lines(rows, list(header)), "text/csv; charset=utf-8", f"{name}.csv")


def as_json(rows: Iterable[Row], name: str) -> StreamingHttpResponse:
    """Return *rows* as a JSON file: a list of objects, with unchanged texts."""
    return _file(_json_lines(rows), "application/json", f"{name}.json")


class _Echo:
    """A file whose write() returns its argument."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(rows: Iterable[Row], header: list[str]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([_cell(row[column]) for column in header])


def _cell(value: Value) -> str | int:
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return _time(value)
    # Twice: escape_control replaces a tab, which safe_cell looks for, and may put another character first.
    guarded = safe_cell(value or "")
    return safe_cell(escape_control(guarded))


def _json_lines(rows: Iterable[Row]) -> Iterator[str]:
    between = "[\n"
    for row in rows:
        yield between + json.dumps({name: _time(v) if isinstance(v, datetime) else v for name, v in row.items()})
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def _time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _file(lines: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(lines, content_type=content_type, headers=headers)
