"""The rules for every step that a fix, a program or a person takes in the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consistency.models import Finding, OwnCommit
from consistency.reports.outcome import CheckoutOutcome
from statehub.models import Source
from statehub.statuses import is_regress, rank
from tests.cli.helpers import FILE
from tests.multihost.matrix_repos import Branches, Copy
from tests.multihost.matrix_rows import Mirror, Part
from tests.multihost.matrix_variants import FORBIDDING, HOOKED

Git = Callable[..., str]
"""Return git's output in a clone, '' if it fails."""

AUTHOR = "Test Person"
DRAFT = ("draft.md", b"a person's, in no commit\n")
"""Lies in the work tree of each clone."""


class RuleBrokenError(AssertionError):
    """A step did what it must not."""


def require_record(before: Mirror, after: Mirror) -> None:
    """Check that every change has its record: old ones stay, new ones lead from the old status to the new one."""
    number = len(before.changes)
    if after.changes[:number] != before.changes:
        raise RuleBrokenError("records were changed")
    status = before.status
    for change in after.changes[number:]:
        if change.old != status:
            raise RuleBrokenError(f"the record {change.old} → {change.new} does not follow {status}")
        status = change.new
    if status != after.status:
        raise RuleBrokenError(f"the task went from {before.status} to {after.status} without a record")


def require_no_regress(host: str, before: Mirror, after: Mirror, *, cut: bool) -> None:
    """Check that a run moves the hub to a higher or equal rank only, and says so.

    It also says from where; only in a clone with a *cut* history that may be unknown.
    """
    if rank(after.status) < rank(before.status):
        raise RuleBrokenError(f"a run lowered the task from {before.status} to {after.status}")
    for change in after.changes[len(before.changes) :]:
        if change.reopen or change.source != Source.FILE or is_regress(change.old, change.new):
            raise RuleBrokenError(f"a run made the move {change}")
        row = change.row
        found = row["who"], row["host"], row["authored"] is not None
        if cut and found == ("cron", host, False):
            continue
        if found != ((AUTHOR, host, True) if row["commit"] else ("cron", host, False)) or not row["digest"]:
            raise RuleBrokenError(f"a run's move says neither who nor from where: {change.row}")


def require_untouched(before: Copy, after: Copy, clean: Callable[[bytes], bytes]) -> None:
    """Check that a person's uncommitted work is as it was."""
    if DRAFT not in after.files:
        raise RuleBrokenError("a person's draft is gone")
    if HOOKED in dict(after.files):
        raise RuleBrokenError("a hook of the clone has run")
    edited = before.is_edited(FILE, clean)
    if edited and (before.read(FILE) != after.read(FILE) or not after.is_edited(FILE, clean)):
        raise RuleBrokenError("a person's edit that was in no commit is gone")


@dataclass(frozen=True)
class Looked:
    """Everything that a fix on one machine can see and move."""

    copy: Copy
    origin: Branches
    hub: Mirror
    part: Part

    @property
    def tip(self) -> str:
        """The commit of the repo's branch on the origin; '' if that is gone."""
        return dict(self.origin.commits).get(self.hub.branch, "")

    @property
    def is_forbidden_to_push(self) -> bool:
        """Whether the clone's own settings forbid a push."""
        return self.copy.has_setting(FORBIDDING)

    def is_held(self, git: Git, *, pull: bool) -> bool:
        """Return whether a fix must write nothing there, by the repositories alone. *git* is asked after the fix."""
        if self.copy.under_way or not self.tip:
            return True
        if self.copy.branch != self.hub.branch:
            return bool(self.copy.branch) or self.copy.head != self.tip
        return not pull and self.copy.head != self.tip and bool(git("rev-list", "-n1", f"{self.copy.head}..{self.tip}"))


def require_nothing_written(before: Looked, after: Looked) -> None:
    """Check that hub rows, files, index and branches are unchanged; the clone's view of its remote may change."""
    if after.hub != before.hub:
        raise RuleBrokenError("the hub has taken something although a gate is closed")
    if after.part.ledger != before.part.ledger:
        raise RuleBrokenError("the ledger has taken something although a gate is closed")
    if before.copy.without_notes() != after.copy.without_notes():
        raise RuleBrokenError("the clone was written to although a gate is closed")
    if after.origin != before.origin:
        raise RuleBrokenError("something was pushed although a gate is closed")


def require_history(git: Git, before: Looked, after: Looked) -> None:
    """Check that people's commits are neither dropped nor published, branches stay, and the tool's are small."""
    if before.copy.branches != after.copy.branches or len(before.origin.commits) != len(after.origin.commits):
        raise RuleBrokenError("a branch has come or gone")
    if after.copy.head != before.copy.head:
        if _of_people(git, before.copy.head, f"^{after.copy.head}", f"^{before.tip}"):
            raise RuleBrokenError("a person's commit is dropped")
        for commit in git("rev-list", f"{before.copy.head}..{after.copy.head}", f"^{before.tip}").split():
            if git("show", "--format=", "--numstat", commit) != f"1\t1\t{FILE}":
                raise RuleBrokenError("a commit of the run changes more than a status")
    if after.origin != before.origin:
        if before.is_forbidden_to_push:
            raise RuleBrokenError("a push that the clone's settings forbid")
        if _of_people(git, after.tip, f"^{before.tip}"):
            raise RuleBrokenError("a person's commit is published")


def require_all_pushed(git: Git, before: Looked, after: Looked) -> None:
    """Check that a well-ended run with a push has pushed own commits that are directly on top of the origin's."""
    if after.copy.head == after.tip or before.is_forbidden_to_push or not after.copy.branch:
        return
    if not _of_people(git, after.copy.head, f"^{after.tip}"):
        raise RuleBrokenError("own commits were not pushed, and nothing forbids it")


def _of_people(git: Git, *revisions: str) -> list[str]:
    """Return those of the commits that the hub has not made."""
    commits = git("rev-list", *revisions, "--").split()
    own = set(OwnCommit.objects.filter(commit__in=commits).values_list("commit", flat=True)) if commits else set()
    return [commit for commit in commits if commit not in own]


def require_writebacks(outcome: CheckoutOutcome, copy: Copy) -> None:
    """Check that a commit of the run is HEAD, and on record with the finding that it resolved."""
    commit = outcome.writeback_commit
    if outcome.error:
        raise RuleBrokenError(f"a run failed: {outcome.error}")
    if commit is None:
        return
    if commit != copy.head:
        raise RuleBrokenError("the commit of the run is not HEAD")
    if not Finding.objects.filter(commit=commit, resolution="written_back").exists():
        raise RuleBrokenError("the commit of the run is not on record")
