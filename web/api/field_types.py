"""The values that the API takes: texts that every database can hold, statuses, times."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from statehub.numbers import NotANumberError, parse_whole_number

# NUL is valid JSON and no text of PostgreSQL's. Lone surrogates pydantic refuses by itself.
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*\S[^\x00]*$"


def _digits(value: object) -> object:
    """The number in a parameter, read as all numbers are; what is only out of range is left to the field."""
    try:
        return parse_whole_number(value, 0, sys.maxsize) if isinstance(value, str) else value
    except NotANumberError as error:
        raise PydanticCustomError("whole_number", "must be a whole number") from error


TaskStatus = Literal["todo", "in_progress", "blocked", "done", "cancelled"]
WorkstreamStatus = Literal["todo", "in_progress", "blocked", "done", "cancelled", "draft", "active"]
Priority = Literal["low", "medium", "high", "critical"]
Severity = Literal["FAIL", "WARN", "INFO"]
Mode = Literal["check", "fix"]
Outcome = Literal["running", "ok", "skipped", "error"]

Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NOT_BLANK)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]
Version = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Limit = Annotated[int, Field(ge=1, le=500), BeforeValidator(_digits)]
After = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]


def _utc(moment: datetime) -> datetime:
    """*moment* in UTC; at the calendar's ends, where that has no year of four digits, the end itself."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        end = datetime.min if moment.year == 1 else datetime.max  # noqa: DTZ901 - they get their zone here
        return end.replace(tzinfo=UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
