"""A task that files move forward and people or the hub move back, again and again: a person must decide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from consistency.models import Finding
from statehub.models import StatusChange
from testing.repos import Origin
from testing.samples import T01, T02
from tests.cli.helpers import codes, episodes, findings, run, statuses
from tests.multihost.machine import Machine, make_machines, reopen, report

pytestmark = pytest.mark.usefixtures("hub")


def flap(a: Machine) -> None:
    """Reopen three times a task that the file has as done; twice a fix writes that back, then it is too much."""
    for outcome in [("C-15", "written_back")], [("C-15", "written_back")], [("C-15", "none"), ("C-20", "none")]:
        a.edit(T01, "done")
        a.commit()
        assert codes(a.fix()) == [("C-11", "advanced")]
        reopen(T01, "todo", who="ben")
        assert codes(a.fix()) == outcome


def test_third_reopen_within_a_day_is_left_to_a_person(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    flap(a)
    for ended in (a.check(), a.fix()):
        drift, seesaw = findings(ended)
        assert (drift["code"], drift["action"]) == ("C-15", "none")
        assert (seesaw["code"], seesaw["severity"], seesaw["line"], seesaw["task"]) == ("C-20", "FAIL", 14, T01)
        assert (seesaw["db_status"], seesaw["file_status"]) == ("todo", "done")
        begins = f"task '{T01}' keeps changing back and forth; it is not touched until someone decides: "
        assert seesaw["message"].startswith(begins)
        *_, last_forward, last_back = seesaw["message"].removeprefix(begins).split("; ")
        assert "(file, a) moved todo → done" in last_forward
        assert last_back.endswith("Z ben (admin) reopened done → todo")
    assert (a.statuses()[T01], statuses()[T01]) == ("done", "todo")
    assert a.clone.status() == []


def test_neither_side_is_mended_until_they_agree(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    flap(a)
    a.edit(T01, "cancelled")
    assert codes(a.fix()) == [("C-11", "none"), ("C-20", "none")]
    assert statuses()[T01] == "todo"
    # Time alone decides nothing.
    StatusChange.objects.update(at=F("at") - timedelta(days=3))
    Finding.objects.exclude(resolved_at=None).update(resolved_at=F("resolved_at") - timedelta(days=3))
    assert codes(a.fix()) == [("C-11", "none"), ("C-20", "none")]
    # A person does.
    assert run("set_task_status", T01, "cancelled").exit == 0
    assert codes(a.fix()) == []
    assert ("C-20", "gone", 3) in episodes()
    # Changes before the decision no longer count.
    reopen(T01, "todo")
    a.commit()
    assert codes(a.fix()) == [("C-15", "written_back")]


def test_status_that_something_keeps_writing_into_the_file(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T01, "in_progress")
    for _ in range(3):
        a.edit(T01, "todo")
        a.commit()
        assert codes(a.fix()) == [("C-13", "written_back")]
    a.edit(T01, "todo")
    a.commit()
    drift, seesaw = findings(a.fix())
    assert (drift["code"], drift["action"], seesaw["code"]) == ("C-13", "none", "C-20")
    assert seesaw["message"].count("a fix on a wrote in_progress over todo in the file") == 3


def test_plain_progress_is_none(origin: Origin) -> None:
    """Many moves in a day, each written back: the file only follows."""
    (a,) = make_machines(origin, "a")
    for status in ("in_progress", "blocked", "in_progress", "blocked", "in_progress", "done"):
        report(T01, status)
        assert codes(a.fix()) == [("C-13", "written_back")]


def test_other_tasks_go_on(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    flap(a)
    report(T02, "done")
    assert codes(a.fix()) == [("C-15", "none"), ("C-20", "none"), ("C-13", "written_back")]
    assert a.statuses() == {T01: "done", T02: "done"}
    assert statuses() == {T01: "todo", T02: "done"}


def test_held_progress_is_news_still_when_it_is_taken(origin: Origin) -> None:
    """A blocked change was not taken: the ledger must not call it old news later."""
    (a,) = make_machines(origin, "a")
    flap(a)
    a.edit(T01, "cancelled")
    assert codes(a.fix()) == [("C-11", "none"), ("C-20", "none")]
    Finding.objects.filter(code="C-20").delete()
    StatusChange.objects.update(at=F("at") - timedelta(days=3))
    Finding.objects.exclude(resolved_at=None).update(resolved_at=F("resolved_at") - timedelta(days=3))
    assert codes(a.fix()) == [("C-11", "advanced")]


def test_reports_alone_that_two_machines_write_back_in_turn(origin: Origin) -> None:
    machines = make_machines(origin, "a", "b")
    for number in range(8):
        report(T01, ("in_progress", "blocked")[number % 2])
        assert codes(machines[number % 2].fix("--pull", "--push")) == [("C-13", "written_back")]
