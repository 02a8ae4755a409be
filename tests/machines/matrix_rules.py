"""What holds of every step that a fix, a program or a person takes in the matrix."""

from __future__ import annotations

from consistency.models import Finding
from consistency.report.outcome import CheckoutOutcome
from statehub.models import Source
from statehub.ranks import is_regress, rank
from tests.commands.helpers import FILE
from tests.machines.matrix_repos import Copy
from tests.machines.matrix_rows import Mirror

AUTHOR = "Test Person"
DRAFT = ("draft.md", b"a person's, in no commit\n")
"""Lies in the work tree of each clone."""


class Fault(AssertionError):
    """A step did what it must not."""


def require_record(before: Mirror, after: Mirror) -> None:
    """Every change has its record: the old ones stand, and the new ones lead from the old status to the new one."""
    number = len(before.changes)
    if after.changes[:number] != before.changes:
        raise Fault("records were changed")
    status = before.status
    for change in after.changes[number:]:
        if change.old != status:
            raise Fault(f"the record {change.old} → {change.new} does not follow {status}")
        status = change.new
    if status != after.status:
        raise Fault(f"the task went from {before.status} to {after.status} without a record")


def require_no_regress(host: str, before: Mirror, after: Mirror) -> None:
    """A run moves the hub to a higher or equal rank only, and says so."""
    if rank(after.status) < rank(before.status):
        raise Fault(f"a run lowered the task from {before.status} to {after.status}")
    for change in after.changes[len(before.changes) :]:
        if change.reopen or change.source != Source.FILE or is_regress(change.old, change.new):
            raise Fault(f"a run made the move {change}")
        row = change.row
        by = (AUTHOR, host, True) if row["commit"] else ("cron", host, False)
        if (row["who"], row["host"], row["authored"] is not None) != by or not row["digest"]:
            raise Fault(f"a run's move says neither who nor from where: {change.row}")


def require_untouched(before: Copy, after: Copy) -> None:
    """What a person has not committed is as it was."""
    if DRAFT not in after.files:
        raise Fault("a person's draft is gone")
    if before.is_edited(FILE) and (before.read(FILE) != after.read(FILE) or not after.is_edited(FILE)):
        raise Fault("a person's edit that was in no commit is gone")


def require_writebacks(outcome: CheckoutOutcome, copy: Copy) -> None:
    """A commit of the run is HEAD, and on record with the finding that it mended."""
    commit = outcome.writeback_commit
    if outcome.error:
        raise Fault(f"a run failed: {outcome.error}")
    if commit is None:
        return
    if commit != copy.head:
        raise Fault("the commit of the run is not HEAD")
    if not Finding.objects.filter(commit=commit, resolution="written_back").exists():
        raise Fault("the commit of the run is not on record")
