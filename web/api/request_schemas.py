"""What a report of a status may hold: an advance, or a reopen with its reason; one, or up to 500 at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from web.api.field_types import Commit, Host, Reason, TaskStatus, Text, Version

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
    wanted = body.get("reopen") if isinstance(body, dict) else getattr(body, "reopen", False)
    return REOPEN if wanted is True else ADVANCE


Move = Annotated[Annotated[Advance, Tag(ADVANCE)] | Annotated[Reopen, Tag(REOPEN)], Discriminator(_kind)]
Item = Annotated[Annotated[AdvanceItem, Tag(ADVANCE)] | Annotated[ReopenItem, Tag(REOPEN)], Discriminator(_kind)]
Items = Annotated[list[Item], Field(min_length=1, max_length=MAX_BATCH_SIZE)]

FIELDS = {
    ADVANCE: ("status", "reopen", "host", "commit"),
    REOPEN: ("status", "reopen", "reason", "host", "commit"),
}
"""What each takes, for the words of a refusal; items of a list also take `task` and `version`."""
