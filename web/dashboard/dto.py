"""The rows that the dashboard's queries return and its cards show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consistency.models import Run


class StatusChangeCount(NamedTuple):
    """*number* tasks that went from *old* to *new* on *day*; *old* is '' if they were created then."""

    day: date
    old: str
    new: str
    number: int


class DayOfTasks(NamedTuple):
    """The number of tasks that had each status at the end of *day*."""

    day: date
    counts: Mapping[str, int]


class DayOfFindings(NamedTuple):
    """The numbers of findings that were opened and resolved on *day*."""

    day: date
    opened: int
    resolved: int


class Age(StrEnum):
    """How long a finding has been open."""

    DAY = "< 1 day"
    WEEK = "< 1 week"
    MONTH = "< 1 month"
    OLDER = "older"


class OpenFindings(NamedTuple):
    """The number of open findings of one code, by age."""

    code: str
    severity: str
    ages: Mapping[Age, int]

    @property
    def total(self) -> int:
        """Return the number of findings of every age."""
        return sum(self.ages.values())


class ActiveCheckout(NamedTuple):
    """A checkout, its newest finished *run* (an id), and whether it has an open finding that may need attention.

    *is_new* is one that was registered too recently to be overdue without a run.
    """

    pk: int
    repo: int
    slug: str
    host: str
    path: str
    is_new: bool
    has_finding: bool
    run: str = ""
    freshness: str = ""
    outcome: str = ""
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class GridCheckout:
    """A checkout with its newest finished run, its last successful fetch, and the numbers of its open findings.

    *obstacles* are the findings that say that a file or a commit was left alone, *gates* those that block all of it.
    """

    checkout: int
    repo: int
    slug: str
    host: str
    path: str
    run: Run | None = None
    fetched: datetime | None = None
    findings: int = 0
    obstacles: int = 0
    gates: int = 0


class GridRow(NamedTuple):
    """A repo with its checkouts on each of the grid's hosts; *hidden* is the number of those that are not shown."""

    repo: int
    slug: str
    cells: Sequence[Sequence[GridCheckout]]
    hidden: int


class CheckoutCounts(NamedTuple):
    """The numbers of all checkouts and of those that are held back."""

    total: int
    held: int


class OverdueCheckouts(NamedTuple):
    """The *number* of all overdue checkouts, and the rows of the first ones."""

    number: int
    rows: Sequence[ActiveCheckout]
