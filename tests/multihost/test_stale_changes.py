"""A reopen holds on every machine: older changes that the hub took before it are not news after a later pull."""

from __future__ import annotations

import pytest

from consistency.models import LedgerEntry
from statehub.models import StatusChange
from testing.repos import Origin
from testing.samples import T01, T02
from tests.cli.helpers import codes, run, statuses
from tests.multihost.machine import make_machines, reopen, report

pytestmark = pytest.mark.usefixtures("hub")


def test_writeback_from_before_the_reopen(origin: Origin) -> None:
    """A status that the hub itself wrote into the file comes to another machine."""
    a, b = make_machines(origin, "a", "b")
    report(T01, "done")
    assert codes(a.fix("--push")) == [("C-13", "written_back")]
    reopen(T01, "todo")
    assert codes(b.fix("--pull", "--push")) == [("C-15", "written_back")]
    assert codes(a.fix("--pull")) == []
    assert a.clone.head == b.clone.head
    assert a.statuses()[T01] == b.statuses()[T01] == statuses()[T01] == "todo"


@pytest.mark.parametrize("known", ["advanced", "agreed"])
def test_commit_that_a_run_had_taken(origin: Origin, known: str) -> None:
    a, b = make_machines(origin, "a", "b")
    if known == "agreed":
        report(T01, "done")
    a.edit(T01, "done")
    a.commit()
    a.push()
    assert codes(a.fix()) == ([("C-11", "advanced")] if known == "advanced" else [])
    reopen(T01, "todo")
    assert codes(b.check()) == [("C-14", "none")]
    b.pull()
    assert codes(b.check()) == [("C-15", "none")]
    assert codes(b.fix()) == [("C-15", "written_back")]
    assert codes(b.fix()) == []
    assert b.statuses()[T01] == statuses()[T01] == "todo"


def test_machine_that_knows_of_the_reopen_already(origin: Origin) -> None:
    """The old commit comes late: only after the other machine has synced with the reopened task."""
    a, b = make_machines(origin, "a", "b")
    a.edit(T01, "done")
    a.commit()
    assert codes(a.fix()) == [("C-11", "advanced")]
    reopen(T01, "todo")
    assert codes(b.fix()) == []
    a.push()
    assert codes(b.fix("--pull")) == [("C-15", "written_back")]
    assert statuses()[T01] == "todo"


def test_later_work_on_top_changes_nothing_of_it(origin: Origin) -> None:
    """The commit of the status's line counts, even if the line has moved."""
    a, b = make_machines(origin, "a", "b")
    a.edit(T01, "done")
    a.commit()
    a.push()
    a.fix()
    reopen(T01, "todo")
    a.clone.write("workplans/a.md", a.clone.read("workplans/a.md").replace(b"# Workplan", b"A note.\n\n# Workplan"))
    a.commit("A note")
    a.push()
    b.pull()
    b.clone.write("workplans/a.md", b"".join([b.clone.read("workplans/a.md"), b"\nMine, not committed.\n"]))
    assert codes(b.fix()) == [("C-15", "skipped"), ("C-14", "none")]
    assert statuses()[T01] == "todo"


def test_writeback_whose_run_was_killed_before_the_ledger_knew(origin: Origin) -> None:
    """A commit of our own carries the hub's status, whatever is on record of the run that made it."""
    (a,) = make_machines(origin, "a")
    report(T01, "done")
    before = LedgerEntry.objects.get()
    assert codes(a.fix()) == [("C-13", "written_back")]
    before.save()
    a.last_run.delete()
    reopen(T01, "todo")
    assert codes(a.fix()) == [("C-15", "written_back")]
    assert statuses()[T01] == a.statuses()[T01] == "todo"


@pytest.mark.parametrize("how", ["committed", "uncommitted", "pushed by another"])
def test_work_after_the_reopen_is_news(origin: Origin, how: str) -> None:
    a, b = make_machines(origin, "a", "b")
    report(T01, "done")
    a.fix("--push")
    reopen(T01, "todo")
    a.fix("--push")
    b.pull()
    at_work = a if how == "pushed by another" else b
    at_work.edit(T01, "done")
    if how != "uncommitted":
        at_work.commit("Done at last")
    if how == "pushed by another":
        a.push()
        b.pull()
    assert codes(b.fix()) == [("C-11", "advanced")]
    assert statuses()[T01] == "done"


def test_work_that_no_run_had_seen_is_news(origin: Origin) -> None:
    """It was committed before the reopen, but the person who decided could not know of it."""
    a, b = make_machines(origin, "a", "b")
    b.edit(T01, "done")
    b.commit()
    report(T01, "in_progress")
    reopen(T01, "todo")
    assert codes(b.fix()) == [("C-11", "advanced")]
    assert a.name == "a"


def test_only_the_reopened_task_is_concerned(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    for task in (T01, T02):
        a.edit(task, "done")
    a.commit()
    a.push()
    a.fix()
    reopen(T01, "todo")
    # It was moved in the hub only, and not back: the file's status is forward, as ever.
    StatusChange.objects.filter(task__key=T02).delete()
    assert run("reopen_task", T02, "in_progress", "--reason", "more to do").exit == 0
    assert run("set_task_status", T02, "cancelled").exit == 0
    b.pull()
    assert codes(b.fix()) == [("C-15", "written_back"), ("C-13", "written_back")]
    assert b.statuses() == statuses() == {T01: "todo", T02: "cancelled"}
