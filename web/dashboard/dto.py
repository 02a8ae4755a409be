"""What the dashboard is made of: plain values, as the queries hand them to the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StatusChangeCount:
    """*number* tasks that went from *old* to *new* on *day*; *old* is '' where they were created then."""

    day: date
    old: str
    new: str
    number: int


@dataclass(frozen=True, slots=True)
class DayOfTasks:
    """How many tasks had each status at the end of *day*."""

    day: date
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DayOfFindings:
    """How many findings were opened and resolved on *day*."""

    day: date
    opened: int
    resolved: int


@dataclass(frozen=True, slots=True)
class WorkstreamProgress:
    """A workstream and how many of its tasks have each status."""

    pk: UUID
    key: str
    title: str
    repo: str
    counts: Mapping[str, int]


class Age(StrEnum):
    """How long a finding has been open."""

    DAY = "< 1 day"
    WEEK = "< 1 week"
    MONTH = "< 1 month"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class OpenFindings:
    """How many findings of one code are open, by age."""

    code: str
    severity: str
    ages: Mapping[Age, int]

    @property
    def total(self) -> int:
        """Of every age."""
        return sum(self.ages.values())


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the newest finished run of a checkout left behind."""

    pk: UUID
    mode: str
    outcome: str
    freshness: str
    ahead: int | None
    behind: int | None
    detached: bool
    finished: datetime
    fetch: str = "ok"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class CheckoutStatus:
    """A checkout as the grid shows it. Open findings that hold all of it back are *gates*,
    those that say that a file or a commit is left alone *obstacles*.
    """

    checkout: int
    repo: int
    slug: str
    host: str
    path: str
    run: LastRun | None = None
    fetched: datetime | None = None
    findings: int = 0
    obstacles: int = 0
    gates: int = 0


@dataclass(frozen=True, slots=True)
class GridRow:
    """One repo: for each of the grid's hosts its checkouts there; *hidden* are not shown."""

    repo: int
    slug: str
    cells: Sequence[Sequence[CheckoutStatus]]
    hidden: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Repos by hosts."""

    hosts: Sequence[str]
    rows: Sequence[GridRow]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A checkout with no finished run for too long."""

    checkout: int
    slug: str
    host: str
    path: str
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class StatusPair:
    """*number* tasks, one of them *task*, whose status in the file went from *old* to *new*."""

    task: str
    old: str
    new: str
    number: int


@dataclass(frozen=True, slots=True)
class Writeback:
    """One writeback commit."""

    run: UUID
    commit: str
    slug: str
    host: str
    at: datetime
    moves: Sequence[StatusPair] = field(default=())


@dataclass(frozen=True, slots=True)
class Checkouts:
    """How many checkouts there are, are held back, and are overdue."""

    total: int
    held: int
    overdue: int
