"""What the API answers with. An absent text is null, as in the reports of a run; times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from web.api.field_types import Mode, Outcome, Priority, Severity, TaskStatus, WorkstreamStatus


class Repo(BaseModel):
    """A repository, and where it is checked out on the host asked for."""

    slug: str
    host: str
    local_path: str | None = Field(description="The checkout on that host; null if there is none.")
    local_paths: list[str] = Field(description="All checkouts on that host, if there are several.")
    workplans: str = Field(description="The glob of its workplans.")


class Workstream(BaseModel):
    """A workplan as the hub has it."""

    id: UUID
    repo: str
    key: str
    title: str
    status: WorkstreamStatus
    status_changed_at: datetime
    path: str
    version: int = Field(description="Updated with every change of it or of one of its tasks.")
    domain: str | None
    owner: str | None
    topic_slug: str | None
    created: str | None
    updated: str | None
    tasks: dict[TaskStatus, int] = Field(description="How many tasks it has in each status that occurs.")


class Task(BaseModel):
    """A task as the hub has it."""

    id: UUID
    repo: str
    workstream: str
    workstream_id: UUID
    key: str
    title: str
    status: TaskStatus
    status_changed_at: datetime
    priority: Priority
    version: str = Field(description="Different after every change; also the ETag, and the value for If-Match.")


class ReportedTask(Task):
    """A task after a report."""

    warning: str | None = Field(
        default=None,
        description="The status is in the hub, but no file will show it; absent if there is nothing to warn about.",
    )


class Change(BaseModel):
    """One move of a task's status."""

    at: datetime
    old: TaskStatus
    new: TaskStatus
    who: str | None
    source: Literal["file", "api", "admin", "command"]
    host: str | None
    commit: str | None
    reopen: bool
    reason: str | None


class Finding(BaseModel):
    """A drift or fault, from when it was first seen until it was resolved."""

    id: int
    repo: str
    host: str
    path: str
    code: str
    severity: Severity
    message: str
    file: str | None
    line: int | None
    workplan: str | None
    task: str | None
    db_status: str | None
    file_status: str | None
    action: str
    state: Literal["open", "resolved"]
    first_seen: datetime
    last_seen: datetime
    times_seen: int
    opened_by: UUID | None = Field(description="The run that saw it first.")
    resolved_by: UUID | None
    resolved_at: datetime | None
    resolution: str | None
    commit: str | None = Field(description="The writeback commit that resolved it.")


class Run(BaseModel):
    """One check or fix of one checkout."""

    id: UUID
    repo: str
    host: str
    path: str
    mode: Mode
    dry_run: bool
    trigger: str
    user: str | None
    version: str | None
    outcome: Outcome
    converged: bool
    error: str | None
    freshness: str | None
    fetch: str | None
    head: str | None
    branch: str | None
    upstream: str | None
    ahead: int | None = Field(description="Commits that the upstream lacks; null if that is not known.")
    behind: int | None = Field(description="Commits that the checkout lacks; null if that is not known.")
    writeback_commit: str | None
    tip: str | None = Field(description="The upstream's commit that its fetch saw.")
    push: str | None = Field(description="'ok', or why the commit was not pushed; null if no push was requested.")
    counts: dict[str, int]
    seconds: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None
