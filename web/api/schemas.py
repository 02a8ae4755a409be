"""The schemas of requests and responses: types of values, reports of statuses, and rows of the hub.

An empty text is null in a response, as in the reports of a run; times are UTC.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from statehub.dependencies import split_names
from statehub.moments import AGE_PATTERN, NotAMomentError, parse_date_or_age
from statehub.numbers import NotANumberError, parse_whole_number
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES

# NUL is valid JSON, but PostgreSQL stores no text with it. Pydantic itself refuses unpaired surrogates.
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*\S[^\x00]*$"


def _digits(value: object) -> object:
    """Return the number in a parameter; the field itself refuses one that is only out of range."""
    try:
        return parse_whole_number(value, 0, sys.maxsize) if isinstance(value, str) else value
    except NotANumberError as error:
        raise PydanticCustomError("whole_number", "must be a whole number") from error


if TYPE_CHECKING:  # a type checker cannot compute the members of a Literal
    TaskStatus = str
    WorkstreamStatus = str
    Priority = str
else:
    TaskStatus, WorkstreamStatus, Priority = Literal[TASK_STATUSES], Literal[WORKSTREAM_STATUSES], Literal[PRIORITIES]
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
    """Return *moment* in UTC, or the calendar's end if UTC has no year of four digits for it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        end = datetime.min if moment.year == 1 else datetime.max  # noqa: DTZ901 - they get their zone here
        return end.replace(tzinfo=UTC)


def _date_or_age(value: object) -> object:
    """Return the moment that a date or an age means; the field itself reads a time."""
    try:
        return parse_date_or_age(value) or value if isinstance(value, str) else value
    except NotAMomentError as error:
        raise PydanticCustomError("moment", "{reason}", {"reason": str(error)}) from error


def _bool(value: object) -> object:
    """Return the truth in a parameter: only `true` and `false`, as JSON writes it."""
    return {"true": True, "false": False}.get(value, "neither") if isinstance(value, str) else value


_MOMENT_SCHEMA = {
    "type": "string",
    "oneOf": [
        {"format": "date-time"},
        {"format": "date"},
        {"pattern": f"^{AGE_PATTERN}$", "example": "7d"},
    ],
}
Moment = Annotated[AwareDatetime, AfterValidator(_utc), BeforeValidator(_date_or_age), WithJsonSchema(_MOMENT_SCHEMA)]
Flag = Annotated[bool, BeforeValidator(_bool)]
Names = Annotated[list[str], BeforeValidator(split_names)]
OptionalText = Annotated[str | None, BeforeValidator(lambda text: text or None)]

MAX_BATCH_SIZE = 500
ADVANCE, REOPEN = "(advance)", "(reopen)"  # in brackets, so that no field's name looks like one


class Advance(BaseModel):
    """Move a task forward, or to another status of the same rank."""

    model_config = ConfigDict(extra="forbid")

    status: TaskStatus
    reopen: Literal[False] = False
    host: Host | None = Field(default=None, description="The machine the report is about; kept with the change.")
    commit: Commit | None = Field(default=None, description="The commit the work is in; kept with the change.")


class Reopen(BaseModel):
    """Move a task back, on purpose and on record."""

    model_config = ConfigDict(extra="forbid")

    status: TaskStatus
    reopen: Literal[True]
    reason: Reason
    host: Host | None = Field(default=None, description="The machine the report is about; kept with the change.")
    commit: Commit | None = Field(default=None, description="The commit the work is in; kept with the change.")


class _Item(BaseModel):
    task: Text = Field(description="A task id, SLUG/ID, or UUID.")
    version: Version | None = Field(default=None, description="As If-Match: refuse if the task has changed since.")


class AdvanceItem(Advance, _Item):
    """An advance in a list."""


class ReopenItem(Reopen, _Item):
    """A reopen in a list."""


def _kind(body: Any) -> str:
    reopen = body.get("reopen") if isinstance(body, dict) else getattr(body, "reopen", False)
    return REOPEN if reopen is True else ADVANCE


Move = Annotated[Annotated[Advance, Tag(ADVANCE)] | Annotated[Reopen, Tag(REOPEN)], Discriminator(_kind)]
Item = Annotated[Annotated[AdvanceItem, Tag(ADVANCE)] | Annotated[ReopenItem, Tag(REOPEN)], Discriminator(_kind)]
Items = Annotated[list[Item], Field(min_length=1, max_length=MAX_BATCH_SIZE)]

FIELDS = {ADVANCE: tuple(Advance.model_fields), REOPEN: tuple(Reopen.model_fields)}
"""The fields of each, for the message of a refusal; items of a list also have `task` and `version`."""


class Row(BaseModel):
    """A schema that reads a model's row; an alias path leads to the values of related rows."""

    model_config = ConfigDict(from_attributes=True)


class Repo(Row):
    """A repository, and where it is checked out on the host asked for."""

    slug: str
    host: str
    local_path: str | None = Field(description="The checkout on that host; null if there is none.")
    local_paths: list[str] = Field(description="All checkouts on that host, if there are several.")
    workplans: str = Field(description="The glob of its workplans.")
    proposal: OptionalText = Field(
        validation_alias="proposal_page",
        description="Where a person opens or merges the statuses that wait as a proposal; null if none do.",
    )


class Workstream(Row):
    """A workplan as the hub has it."""

    id: UUID
    repo: str = Field(validation_alias=AliasPath("repo", "slug"))
    key: str
    title: str
    status: WorkstreamStatus
    status_changed_at: datetime
    path: str
    version: int = Field(description="Updated with every change of it or of one of its tasks.")
    domain: OptionalText
    owner: OptionalText
    topic_slug: OptionalText
    created: OptionalText
    updated: OptionalText
    tasks: dict[TaskStatus, int] = Field(
        validation_alias="task_counts", description="How many tasks it has in each status that occurs."
    )


class Task(Row):
    """A task as the hub has it."""

    id: UUID
    repo: str = Field(validation_alias=AliasPath("workstream", "repo", "slug"))
    workstream: str = Field(validation_alias=AliasPath("workstream", "key"))
    workstream_id: UUID
    key: str
    title: str
    status: TaskStatus
    status_changed_at: datetime
    priority: Priority
    owner: OptionalText
    depends: Names = Field(description="Ids of the tasks that must be finished before it; SLUG/ID of another repo.")
    taken_by: OptionalText = Field(description="Who has it: whoever moved it to in_progress.")
    taken_at: datetime | None
    version: str = Field(description="Different after every change; also the ETag, and the value for If-Match.")


class ReportedTask(Task):
    """A task after a report."""

    warning: str | None = Field(
        default=None,
        description="The status is in the hub, but no file will show it; absent if there is nothing to warn about.",
    )


class Change(Row):
    """One change of a task's status."""

    at: datetime
    old: TaskStatus
    new: TaskStatus
    who: OptionalText
    source: Literal["file", "api", "admin", "command"]
    host: OptionalText
    commit: OptionalText
    reopen: bool
    reason: OptionalText


class TaskChange(Change):
    """One change in the feed over all tasks."""

    id: int
    repo: str = Field(validation_alias=AliasPath("task", "workstream", "repo", "slug"))
    workstream: str = Field(validation_alias=AliasPath("task", "workstream", "key"))
    task: str = Field(validation_alias=AliasPath("task", "key"), description="The task's id.")
    task_id: UUID = Field(description="The task's UUID.")
    title: str = Field(validation_alias=AliasPath("task", "title"))


class Finding(Row):
    """A drift or fault, from when it was first seen until it was resolved."""

    id: int
    repo: str = Field(validation_alias=AliasPath("checkout", "repo", "slug"))
    host: str = Field(validation_alias=AliasPath("checkout", "host"))
    path: str = Field(validation_alias=AliasPath("checkout", "path"))
    code: str
    severity: Severity
    message: str
    file: OptionalText
    line: int | None
    workplan: OptionalText
    task: OptionalText
    db_status: OptionalText
    file_status: OptionalText
    action: str
    state: Annotated[
        Literal["open", "resolved"], BeforeValidator(lambda resolved_at: "resolved" if resolved_at else "open")
    ] = Field(validation_alias="resolved_at")
    first_seen: datetime
    last_seen: datetime
    times_seen: int
    opened_by: UUID | None = Field(validation_alias="opened_by_id", description="The run that saw it first.")
    resolved_by: UUID | None = Field(validation_alias="resolved_by_id")
    resolved_at: datetime | None
    resolution: OptionalText
    commit: OptionalText = Field(description="The writeback commit that resolved it.")


class Run(Row):
    """One check or fix of one checkout."""

    id: UUID
    repo: str = Field(validation_alias=AliasPath("checkout", "repo", "slug"))
    host: str = Field(validation_alias=AliasPath("checkout", "host"))
    path: str = Field(validation_alias=AliasPath("checkout", "path"))
    mode: Mode
    dry_run: bool
    trigger: str
    user: OptionalText
    version: OptionalText
    outcome: Outcome
    converged: bool
    error: OptionalText
    freshness: OptionalText
    fetch: OptionalText
    head: OptionalText
    branch: OptionalText
    upstream: OptionalText
    ahead: int | None = Field(description="Commits that the upstream lacks; null if that is not known.")
    behind: int | None = Field(description="Commits that the checkout lacks; null if that is not known.")
    writeback_commit: OptionalText
    tip: OptionalText = Field(description="The upstream's commit that its fetch saw.")
    push: OptionalText = Field(description="'ok', or why the commit was not pushed; null if no push was requested.")
    counts: dict[str, int]
    seconds: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None
