"""A week of a cron job that fixes all checkouts every five minutes: the mails that its user gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from consistency.models import Run
from statehub.models import Checkout, Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.hub import Hub
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import edit, mirrored, publish, run

CRON = ("fix_consistency", "--all", "--pull", "--push", "--verbosity", "0")
RECEIPTS, SEARCH = "workplans/receipts.md", "workplans/search.md"
NO_HUB = "postgres://me@127.0.0.1:1/hub"


@dataclass
class Week:
    """Ada's clone, which cron fixes; Ben's, which lies elsewhere; and the mails so far, each with its day."""

    hub: Hub
    origin: Origin
    ada: Clone
    ben: Clone
    mails: list[tuple[str, str]] = field(default_factory=list)
    day: str = ""

    def cron(self, day: str = "", runs: int = 2) -> None:
        """Do some of the day's runs. cron sends a mail with a run's output, and none if there is no output."""
        self.day = day or self.day
        for _ in range(runs):
            ended = run(*CRON)
            assert ended.exit == 0
            self._mail(ended.stdout + ended.stderr)

    def cron_without_hub(self) -> None:
        """Run while the hub restarts."""
        ended = self.hub.manage(*CRON, env={"DATABASE_URL": NO_HUB})
        assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        self._mail(ended.stderr.partition(": connection")[0] + " …\n")

    def _mail(self, text: str) -> None:
        if text:
            self.mails.append((self.day, text))

    def report(self, task: str, status: str) -> None:
        """Report a status to the hub, from another machine."""
        advance(find_task(task), status, Actor("a machine", Source.API))


@pytest.fixture
def week(hub: Hub, origin: Origin) -> Week:
    ada = origin.clone("orders")
    mirrored(ada, {RECEIPTS: workplan("ORD-1", [("T01", "todo"), ("T02", "todo")])})
    return Week(hub, origin, ada, origin.clone("ben"))


def test_week_of_mails(week: Week) -> None:
    _monday_reports_and_a_new_plan(week)
    _tuesday_on_a_topic_branch(week)
    _wednesday_a_plan_is_edited(week)
    _thursday_the_remote_and_the_hub_are_away(week)
    _friday_a_plan_is_archived(week)
    week.cron("Saturday")
    assert run("prune_history", "--older-than", "365", "--verbosity", "0").stdout == ""

    assert week.mails == [
        ("Tuesday",
         "orders: WARN C-18 Repo 'orders' is on branch 'topic', not on 'main' — nothing is written "
         "(--any-branch lifts this)\n"),
        ("Tuesday",
         "orders: WARN C-14 Repo 'orders' is behind remote — pull before fixing to avoid clobbering remote progress\n"),
        ("Wednesday",
         "orders: workplans/search.md:14: WARN C-13 DB task 'Task ORD-2-T01' is ahead of file (db=done, "
         "file=in_progress) — skipped to prevent regression [skipped]\n"
         "orders: workplans/search.md: WARN C-14 workplan has uncommitted changes — skipping writeback\n"),
        ("Wednesday",
         "orders: WARN C-16 committed, not pushed: it sits on top of unpushed commits; "
         "`git push` will push all of them\n"),
        ("Thursday", "error: cannot connect to the hub's database …\n"),
    ]  # fmt: skip
    assert dict(Task.objects.values_list("key", "status")) == {
        "ORD-1-T01": "done", "ORD-1-T02": "done", "ORD-2-T01": "done", "ORD-2-T02": "done",
    }  # fmt: skip
    assert (week.ada.status(), week.ada.head) == ([], week.origin.git("rev-parse", "main"))
    last = Run.objects.first()
    assert last is not None
    assert (last.outcome, last.freshness, last.ahead, last.behind) == ("ok", "fresh", 0, 0)


def _monday_reports_and_a_new_plan(week: Week) -> None:
    week.cron("Monday")
    week.report("ORD-1-T01", "in_progress")
    week.cron()
    week.ben.pull()
    week.ben.write(SEARCH, workplan("ORD-2", [("T01", "todo"), ("T02", "todo")]))
    publish(week.ben, "Plan the search")
    week.cron()
    edit(week.ada, "ORD-2-T01\nstatus: todo", "ORD-2-T01\nstatus: in_progress", SEARCH)
    publish(week.ada, "Begin with the search")
    week.cron()


def _tuesday_on_a_topic_branch(week: Week) -> None:
    week.ada.git("switch", "--quiet", "--create", "topic")
    week.cron("Tuesday")
    week.report("ORD-1-T01", "done")
    week.ada.write("search.py", "# to be written\n")
    week.ada.commit("Try something")
    week.cron()
    week.ben.pull()
    week.ben.write("README.md", "# Orders\n")
    publish(week.ben, "Say what it is")
    week.cron()
    week.ada.git("switch", "--quiet", "main")
    week.cron()
    assert b"ORD-1-T01\nstatus: done" in week.ada.read(RECEIPTS)


def _wednesday_a_plan_is_edited(week: Week) -> None:
    week.ada.write(SEARCH, week.ada.read(SEARCH) + b"\nA paragraph to be finished.\n")
    week.cron("Wednesday")
    week.report("ORD-2-T01", "done")
    week.cron(runs=3)
    week.ada.commit("Say more about the search")
    week.cron()
    week.report("ORD-1-T02", "in_progress")
    week.cron()
    week.ada.git("push", "--quiet")
    week.cron()


def _thursday_the_remote_and_the_hub_are_away(week: Week) -> None:
    week.cron("Thursday")
    away = week.origin.path.with_name("away.git")
    week.origin.path.rename(away)
    week.cron(runs=3)
    since = Checkout.objects.get().unreachable_since
    assert since is not None
    Checkout.objects.update(unreachable_since=since - timedelta(hours=1))
    week.cron()
    away.rename(week.origin.path)
    week.cron()
    week.cron_without_hub()
    week.cron()


def _friday_a_plan_is_archived(week: Week) -> None:
    week.report("ORD-1-T02", "done")
    week.cron("Friday")
    week.ben.pull()
    (week.ben.path / "archive").mkdir()
    week.ben.git("mv", RECEIPTS, "archive/receipts.md")
    publish(week.ben, "The receipts are done")
    week.cron(runs=3)
    week.report("ORD-2-T02", "done")
    week.cron()
