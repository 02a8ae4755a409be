"""On equal rank the file counts if it alone brings news: on one machine and on several, from the command line."""

from __future__ import annotations

import pytest

from consistency.models import LedgerEntry
from statehub.models import StatusChange, Task, Workstream
from testing.repos import Origin
from testing.samples import T01, T02
from tests.cli.helpers import FILE, codes, episodes, finding, findings, hub_rows, run, statuses
from tests.multihost.machine import Machine, make_machines, reopen, report

pytestmark = pytest.mark.usefixtures("hub")


def say(machine: Machine, task: str, status: str) -> None:
    """Set a status and commit it, as a person."""
    machine.edit(task, status)
    machine.commit()


def test_file_that_alone_has_moved_is_taken(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    say(a, T02, "blocked")
    message = f"file has changed task 'Task {T02}' (db=in_progress, file=blocked)"
    taken = finding("C-11", message, 21, task=T02, db="in_progress", says="blocked")
    assert findings(a.check()) == [taken]
    assert findings(a.fix("--push")) == [{**taken, "action": "advanced"}]
    assert (a.statuses()[T02], statuses()[T02], a.clone.status()) == ("blocked", "blocked", [])
    change = StatusChange.objects.get()
    assert (change.old, change.new, change.source, change.reopen) == ("in_progress", "blocked", "file", False)


def test_person_who_changes_their_mind_all_day_is_followed(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    for number in range(7):
        say(a, T02, ("blocked", "in_progress")[number % 2])
        assert codes(a.fix("--push")) == [("C-11", "advanced")]
        assert codes(a.fix("--push")) == []
    say(a, T02, "done")
    assert codes(a.fix()) == [("C-11", "advanced")]
    say(a, T02, "cancelled")
    assert codes(a.fix()) == [("C-11", "advanced")]
    assert {code for code, _, _ in episodes()} == {"C-07", "C-11"}


def test_hub_wins_if_both_have_moved(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    say(a, T01, "in_progress")
    report(T01, "blocked")
    assert codes(a.fix()) == [("C-13", "written_back")]
    # What was written back is known on both sides: the next word of the file is news.
    say(a, T01, "in_progress")
    assert codes(a.fix()) == [("C-11", "advanced")]
    # What the hub itself took forward is, too.
    say(a, T01, "blocked")
    assert codes(a.fix()) == [("C-11", "advanced")]


def test_hub_wins_if_it_went_there_and_back(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T02, "blocked")
    report(T02, "in_progress")
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-13", "written_back")]
    assert a.statuses()[T02] == statuses()[T02] == "in_progress"


def test_hub_wins_if_nothing_is_known_of_before(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    LedgerEntry.objects.all().delete()
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-13", "written_back")]


def test_news_of_a_file_that_was_not_written_back_is_none(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T02, "blocked")
    assert codes(a.fix("--no-writeback")) == [("C-13", "skipped")]
    assert codes(a.fix("--no-writeback")) == [("C-13", "skipped")]
    say(a, T02, "blocked")
    assert codes(a.fix()) == []
    say(a, T02, "in_progress")
    assert codes(a.fix()) == [("C-11", "advanced")]


def test_new_task_and_workplan_are_known_from_the_start(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    Task.objects.filter(key=T02).delete()
    Workstream.objects.update(version=9)
    assert codes(a.fix()) == [("C-09", "created")]
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-11", "advanced")]


def test_workplan_status_of_the_same_rank_is_taken(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    text = a.clone.read(FILE).decode()
    for status in ("blocked", "active"):
        a.clone.write(FILE, text.replace("status: active", f"status: {status}", 1))
        a.commit()
        assert codes(a.fix()) == [("C-11", "advanced")]
        assert Workstream.objects.get().status == status
        assert codes(a.fix()) == []


def test_second_machine_follows_the_first(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    say(a, T02, "blocked")
    a.push()
    assert codes(a.fix()) == [("C-11", "advanced")]
    b.pull()
    assert codes(b.fix()) == []
    say(b, T02, "in_progress")
    b.push()
    assert codes(b.fix()) == [("C-11", "advanced")]
    assert codes(a.fix("--pull")) == []
    assert a.statuses()[T02] == b.statuses()[T02] == statuses()[T02] == "in_progress"


def test_two_machines_that_both_have_news(origin: Origin) -> None:
    """The first to run is taken, the second follows."""
    a, b = make_machines(origin, "a", "b")
    say(a, T02, "blocked")
    say(b, T02, "blocked")
    say(b, T02, "in_progress")
    assert codes(a.fix()) == [("C-11", "advanced")]
    assert codes(b.fix("--push")) == [("C-13", "written_back"), ("C-16", "none")]
    a.push()
    assert statuses()[T02] == "blocked"


@pytest.mark.parametrize("between", [False, True], ids=["unseen", "seen"])
def test_commit_that_a_run_had_taken_before_the_hub_moved(origin: Origin, between: bool) -> None:
    """A status that the hub took from A, and a person moved back, comes to B late: also if B knows of that move."""
    a, b = make_machines(origin, "a", "b")
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-11", "advanced")]
    assert run("set_task_status", T02, "in_progress").exit == 0
    assert codes(b.fix()) == [] if between else True
    a.push()
    assert codes(b.fix("--pull", "--push")) == [("C-13", "written_back")]
    assert codes(a.fix("--pull", "--push")) == []
    assert a.statuses()[T02] == b.statuses()[T02] == statuses()[T02] == "in_progress"
    # A later change by a person counts.
    say(b, T02, "blocked")
    assert codes(b.fix("--push")) == [("C-11", "advanced")]


def test_writeback_from_before_the_hub_moved(origin: Origin) -> None:
    """The hub's own word in the files is older than its newest."""
    a, b = make_machines(origin, "a", "b")
    report(T02, "blocked")
    assert codes(a.fix()) == [("C-13", "written_back")]
    report(T02, "in_progress")
    assert codes(b.fix()) == []
    a.push()
    b.pull()
    assert codes(b.fix()) == [("C-13", "written_back")]
    assert statuses()[T02] == "in_progress"


def test_reopen_to_the_same_rank_as_an_older_word(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-11", "advanced")]
    report(T02, "done")
    reopen(T02, "in_progress")
    assert codes(b.fix()) == []
    a.push()
    assert codes(b.fix("--pull")) == [("C-13", "written_back")]
    assert statuses()[T02] == "in_progress"


def test_own_commit_that_is_dropped_is_no_news(origin: Origin) -> None:
    """A pull drops the writeback, and the file says again what it said before."""
    a, b = make_machines(origin, "a", "b")
    report(T02, "blocked")
    assert codes(a.fix()) == [("C-13", "written_back")]
    b.clone.write("notes.md", "words\n")
    b.commit()
    b.push()
    assert codes(a.fix("--pull", "--push")) == [("C-13", "written_back")]
    assert a.statuses()[T02] == statuses()[T02] == "blocked"


def test_flapping_is_left_to_a_person(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    for _ in range(3):
        say(a, T02, "blocked")
        assert codes(a.fix()) == [("C-11", "advanced")]
        report(T02, "in_progress")
        assert codes(a.fix()) == [("C-13", "written_back")]
    say(a, T02, "blocked")
    assert codes(a.fix()) == [("C-11", "none"), ("C-20", "none")]
    assert statuses()[T02] == "in_progress"


def test_unchanged_checkout_is_not_written_to(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T01, "blocked")
    for args, outcome in (["--no-writeback"], "skipped"), ([], "written_back"):
        assert codes(a.fix(*args)) == [("C-13", outcome)]
        before = hub_rows()
        assert codes(a.fix(*args)) == ([("C-13", outcome)] if args else [])
        assert hub_rows() == before
