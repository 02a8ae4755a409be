"""A finding: one drift or fault, as a plain value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consistency.core.codes import Severity, severity_of


class Action(StrEnum):
    """What a run did about a finding (design, "JSON report")."""

    NONE = "none"
    CREATED = "created"
    UPDATED = "updated"
    ADVANCED = "advanced"
    WRITTEN_BACK = "written_back"
    SKIPPED = "skipped"
    FAILED = "failed"


FIXED: frozenset[Action] = frozenset({Action.CREATED, Action.UPDATED, Action.ADVANCED, Action.WRITTEN_BACK})


@dataclass(frozen=True, slots=True)
class Finding:
    """One drift or fault of one checkout.

    `file` is the path in the repo with `/`, `line` is 1-based; `workplan` and `task` are the ids people
    write. `severity` is the table's unless given. `mark` tells apart findings that share code, workplan,
    task and file (the place of a broken block, say); it is part of the identity, never shown.
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
    severity: Severity = Severity.INFO
    mark: str = ""

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        workplan: str | None = None,
        task: str | None = None,
        db_status: str | None = None,
        file_status: str | None = None,
        mark: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding with the severity that the table of codes gives it, or another one."""
        severity = severity or severity_of(code)
        return cls(code, message, file, line, workplan, task, db_status, file_status, Action.NONE, severity, mark)

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """What makes it the same finding in the next run: code, workplan or else file, task, mark."""
        return (self.code, self.workplan or "", "" if self.workplan else self.file or "", self.task or "", self.mark)

    @property
    def is_fixed(self) -> bool:
        """Whether the run put it right."""
        return self.action in FIXED


UNPUSHED = Finding.of("C-16", "committed, not pushed", mark="push")
"""The finding of a push that failed, but for git's words."""

SAID_ONCE = ("C-27",)
"""The codes of findings that no later run says again while they stay as they are."""
