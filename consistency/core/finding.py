"""A finding: one drift or fault, as a plain value."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from consistency.core.codes import CODES, WRITEBACK_FAILED, Kind, Severity, codes_of


class Action(StrEnum):
    """The result of a run for one finding (design, "JSON report"); `phrase` says it to people."""

    phrase: str

    def __new__(cls, value: str, phrase: str) -> Action:
        """Make a member of the value that is stored and the phrase."""
        action = str.__new__(cls, value)
        action._value_, action.phrase = value, phrase
        return action

    NONE = "none", ""
    CREATED = "created", "created in the hub"
    UPDATED = "updated", "the hub took the file's value"
    ADVANCED = "advanced", "the hub advanced"
    WRITTEN_BACK = "written_back", "written back into the file"
    SKIPPED = "skipped", "left alone this time"
    FAILED = "failed", "failed, the next run tries again"


FIXED: frozenset[Action] = frozenset({Action.CREATED, Action.UPDATED, Action.ADVANCED, Action.WRITTEN_BACK})


class Finding(NamedTuple):
    """One drift or fault of one checkout.

    `file` is the path in the repo with `/`, `line` is 1-based; `workplan` and `task` are the ids people
    write. `discriminator` tells findings apart that share code, workplan, task and file (it may be the place of a
    broken block); it is part of `dedup_key` and never shown. `other_severity` replaces the table's severity.
    """

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    workplan: str | None = None
    task: str | None = None
    db_status: str | None = None
    file_status: str | None = None
    action: Action = Action.NONE
    other_severity: Severity | None = None
    discriminator: str = ""

    @property
    def severity(self) -> Severity:
        """Return how bad it is: as the table of codes says, unless it was made with another severity."""
        return self.other_severity or CODES[self.code].severity

    @property
    def dedup_key(self) -> tuple[str, str, str, str, str]:
        """Return the values that make it the same finding in the next run."""
        file = "" if self.workplan else self.file or ""
        return (self.code, self.workplan or "", file, self.task or "", self.discriminator)

    @property
    def is_fixed(self) -> bool:
        """Return whether the run fixed it."""
        return self.action in FIXED


UNPUSHED = Finding(WRITEBACK_FAILED, "committed, not pushed", discriminator="push")
"""The finding of a push that failed, without git's message."""

PROPOSED = Finding(WRITEBACK_FAILED, "waits as a proposal", discriminator="proposal")
"""The finding of statuses that wait for a person to merge them, without the branch and the page."""

SAID_ONCE = codes_of(Kind.NOTE)
"""The codes of findings that later runs do not report again while they stay as they are."""
