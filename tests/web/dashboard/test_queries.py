"""The results of the dashboard's queries, as whole values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.web.admin.hubrows import START, Rows
from web.dashboard import checkouts, queries
from web.dashboard.dto import ActiveCheckout, Age, CheckoutCounts, GridCheckout, OpenFindings, StatusChangeCount

if TYPE_CHECKING:
    from statehub.models import Task

NOW = START + timedelta(days=2)
CUTOFF = NOW - timedelta(days=1)
DAY = date(2026, 3, 1)
MONTH = timedelta(days=30)


def select_overdue(cutoff: datetime, limit: int) -> tuple[int, list[tuple[object, ...]]]:
    """Return the number of overdue checkouts, and of the first ones what is shown."""
    overdue = checkouts.select_overdue(queries.active_checkouts(cutoff), cutoff, limit)
    return overdue.number, [(row.pk, row.slug, row.host, row.path, row.finished) for row in overdue.rows]


def worst_repos(limit: int) -> list[tuple[int, str]]:
    return checkouts.worst_repos(queries.active_checkouts(CUTOFF), CUTOFF, limit)


def count() -> CheckoutCounts:
    return checkouts.count(queries.active_checkouts(CUTOFF))


def load_grid(now: datetime) -> list[GridCheckout]:
    return queries.grid_checkouts(queries.active_checkouts(CUTOFF), now, MONTH)


@pytest.fixture
def task(rows: Rows) -> Task:
    return rows.repo(host="forge")


def test_tasks_by_status(task: Task) -> None:
    assert queries.tasks_by_status() == {"todo": 0, "in_progress": 1, "blocked": 0, "done": 0, "cancelled": 0}


def test_status_changes_include_creations(task: Task) -> None:
    from statehub.models import Task

    late = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    Task.objects.create(workstream=task.workstream, key="new", title="", status="todo", status_changed_at=late)
    assert queries.status_changes(DAY) == [
        StatusChangeCount(DAY, "todo", "in_progress", 1),
        StatusChangeCount(date(2026, 3, 2), "", "todo", 1),
    ]
    assert queries.status_changes(date(2026, 3, 2)) == [StatusChangeCount(date(2026, 3, 2), "", "todo", 1)]


def test_progress_has_open_work_first(task: Task, rows: Rows) -> None:
    finished = rows.repo()
    finished.status, finished.status_changed_at = "done", NOW
    finished.save()
    counts = dict.fromkeys(("todo", "in_progress", "blocked", "done", "cancelled"), 0)
    first = (task.workstream, {**counts, "in_progress": 1})
    last = (finished.workstream, {**counts, "done": 1})
    assert queries.workstream_progress(5) == [first, last]
    assert queries.workstream_progress(1) == [first]
    names = [(row.key, row.title, row.repo.slug) for row, _ in queries.workstream_progress(5)]
    assert names == [("WP-1", "Plan: A task", "repo-001"), ("WP-3", "Plan: A task", "repo-003")]


def test_open_findings_by_code_and_age(task: Task, rows: Rows) -> None:
    from consistency.models import Run

    run = Run.objects.get()
    for days in (1, 3, 7, 29, 30, 90):
        rows.finding(run, code="C-05", severity="FAIL", first_seen=NOW - timedelta(days=days))
    rows.finding(run, code="C-07", resolved_at=NOW)
    assert queries.open_findings(NOW) == [
        OpenFindings("C-05", "FAIL", {Age.DAY: 0, Age.WEEK: 2, Age.MONTH: 2, Age.OLDER: 2}),
        OpenFindings("C-13", "WARN", {Age.DAY: 0, Age.WEEK: 1, Age.MONTH: 0, Age.OLDER: 0}),
    ]


def test_findings_per_day(task: Task, rows: Rows) -> None:
    from consistency.models import Run

    rows.finding(Run.objects.get(), resolved_at=NOW)
    assert queries.findings_per_day("first_seen", DAY) == {DAY: 2}
    assert queries.findings_per_day("resolved_at", DAY) == {date(2026, 3, 3): 1}


def test_active_checkouts_have_their_newest_finished_run(task: Task, rows: Rows) -> None:
    from consistency.models import Finding
    from statehub.models import Checkout

    repo = task.workstream.repo
    first = repo.checkouts.get()
    never = Checkout.objects.create(repo=repo, host="b", path="/n", created_at=CUTOFF - timedelta(microseconds=1))
    other = Checkout.objects.create(repo=repo, host="a", path="/o", created_at=CUTOFF)
    at = START + timedelta(hours=1)
    run = rows.run(first, at=at, freshness="behind", outcome="skipped", finished_at=at + timedelta(microseconds=120))
    rows.run(first, at=at + timedelta(hours=1), outcome="running", finished_at=None)
    unread = rows.run(other, at=at, freshness="", outcome="error", finished_at=at)
    rows.finding(unread, code="C-27", severity="INFO")  # reported once, and needs no attention
    expected = [
        ActiveCheckout(other.pk, repo.pk, "repo-001", "a", "/o", True, False, unread.pk.hex, "", "error", at),
        ActiveCheckout(never.pk, repo.pk, "repo-001", "b", "/n", False, False, "", "", "", None),
        ActiveCheckout(
            first.pk, repo.pk, "repo-001", "forge", "/srv/1", True, True,
            run.pk.hex, "behind", "skipped", at + timedelta(microseconds=120),
        ),
    ]  # fmt: skip

    def load() -> list[ActiveCheckout]:
        return [row._replace(run=row.run.replace("-", "")) for row in queries.active_checkouts(CUTOFF)]

    assert load() == expected
    Finding.objects.update(resolved_at=NOW)
    assert load() == [row._replace(has_finding=False) for row in expected]


def test_overdue_are_those_that_notifications_are_about(task: Task, rows: Rows) -> None:
    from consistency.db.overdue import select_overdue as select_for_notifications
    from statehub.models import Checkout

    close = (CUTOFF - timedelta(microseconds=1), CUTOFF, CUTOFF + timedelta(microseconds=1))
    for created in close:
        for finished in (None, *close):
            host = f"{created} {finished}"
            checkout = Checkout.objects.create(repo=task.workstream.repo, host=host, path="/", created_at=created)
            if finished:
                rows.run(checkout, at=START, finished_at=finished)
    found = {row[0] for row in select_overdue(CUTOFF, 99)[1]}
    assert found == set(select_for_notifications(CUTOFF).values_list("pk", flat=True))
    assert len(found) == 5


def test_grid_has_the_newest_finished_run_and_the_last_fetch(task: Task, rows: Rows) -> None:
    from consistency.models import Run
    from statehub.models import Checkout

    checkout = Checkout.objects.get()
    at = START + timedelta(hours=1)
    run = rows.run(checkout, at=at, freshness="behind", behind=3, fetch="fatal: no", outcome="skipped")
    rows.run(checkout, at=at + timedelta(hours=1), outcome="running", finished_at=None, freshness="")
    rows.finding(run, code="C-14")
    rows.finding(run, code="C-16", file="")
    rows.finding(run, code="C-27", severity="INFO")  # reported once, and needs no attention
    repo = checkout.repo_id
    assert load_grid(NOW) == [
        GridCheckout(checkout.pk, repo, "repo-001", "forge", "/srv/1", run, START, findings=3, obstacles=2)
    ]
    last = load_grid(NOW)[0].run
    assert last is not None
    assert (last.mode, last.outcome, last.freshness, last.ahead, last.behind) == ("fix", "skipped", "behind", None, 3)
    assert (last.finished_at, last.fetch, last.dry_run) == (at + timedelta(seconds=1), "fatal: no", False)
    assert (last.head, last.branch) == ("a" * 40, "main")
    assert load_grid(NOW + MONTH)[0].fetched is None
    Run.objects.all().delete()
    assert load_grid(NOW)[0].run is None


def test_repos_that_need_attention_come_first(rows: Rows) -> None:
    from consistency.models import Finding, Run

    for _ in range(4):
        rows.repo()
    calm, found, late, held = Run.objects.order_by("checkout__repo__slug")
    Finding.objects.exclude(checkout=found.checkout).delete()
    Run.objects.exclude(pk=late.pk).update(finished_at=NOW)
    Run.objects.filter(pk=held.pk).update(freshness="behind")
    order = [run.checkout.repo for run in (held, late, found, calm)]
    assert worst_repos(9) == [(repo.pk, repo.slug) for repo in order]
    assert len(worst_repos(2)) == 2


def test_overdue_are_those_that_never_ran_and_then_the_latest(task: Task, rows: Rows) -> None:
    from consistency.models import Run
    from statehub.models import Checkout

    repo = task.workstream.repo
    never = Checkout.objects.create(repo=repo, host="old", path="/o", created_at=START)
    Checkout.objects.create(repo=repo, host="new", path="/n", created_at=NOW)
    well = Checkout.objects.create(repo=repo, host="well", path="/w", created_at=START)
    rows.run(well, at=NOW, freshness="diverged")
    stale = Run.objects.earliest("started_at")
    overdue = [
        (never.pk, "repo-001", "old", "/o", None),
        (stale.checkout_id, "repo-001", "forge", "/srv/1", stale.finished_at),
    ]
    assert select_overdue(CUTOFF, 9) == (2, overdue)
    assert select_overdue(CUTOFF, 1) == (2, overdue[:1])
    assert select_overdue(START, 9) == (0, [])
    assert count() == CheckoutCounts(total=4, held=1)


def test_retired_checkouts_are_nowhere(task: Task, rows: Rows) -> None:
    from consistency.cli.retiring import retire
    from statehub.models import Checkout

    kept = rows.repo().workstream.repo
    retire(Checkout.objects.exclude(repo=kept))
    assert count() == CheckoutCounts(total=1, held=0)
    number, overdue = select_overdue(CUTOFF, 9)
    assert (number, [row[1] for row in overdue]) == (1, [kept.slug])
    assert worst_repos(9) == [(kept.pk, kept.slug)]
    assert [checkout.slug for checkout in load_grid(NOW)] == [kept.slug]
    assert [row.ages for row in queries.open_findings(NOW)] == [dict.fromkeys(Age, 0) | {Age.WEEK: 1}]


def test_writebacks_have_the_statuses_they_wrote(task: Task, rows: Rows) -> None:
    from statehub.models import Checkout

    run = rows.run(Checkout.objects.get(), at=NOW, writeback_commit="b" * 40)
    for key in ("T02", "T01"):
        rows.finding(run, task=key, resolved_by=run, resolved_at=NOW, resolution="written_back")
    at = NOW + timedelta(seconds=1)
    assert queries.writebacks(DAY, 9) == [(run, [(run.pk, "todo", "done", "T01", 2)])]
    [(found, [change])] = queries.writebacks(DAY, 9)
    assert (change.task, change.file_status, change.db_status, change.number) == ("T01", "todo", "done", 2)
    assert (found.writeback_commit, found.checkout.repo.slug, found.checkout.host) == ("b" * 40, "repo-001", "forge")
    assert found.finished_at == at
    assert queries.writebacks(date(2026, 3, 4), 9) == []
