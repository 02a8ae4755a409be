"""One job of a worker: a fix of one checkout."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from consistency.db.queue import queue_checkouts
from consistency.git.lock import locked
from consistency.git.worktree import open_checkout
from consistency.models import Run
from consistency.worker import tasks
from consistency.worker.tasks import run_job
from statehub.models import Checkout, Repo, Task
from testing.receivers import receiving_http
from testing.repos import Clone, Origin
from tests.cli.helpers import edit, publish, run, statuses

NewManaged = Callable[[str], tuple[Checkout, Clone]]


def job(checkout: Checkout, trigger: str = "webhook") -> list[str]:
    """Run the job, and return all that it says; the time is left out."""
    lines: list[str] = []
    run_job(checkout.pk, trigger, lines.append, lines.append)
    return [line.rpartition(", ")[0] if line.endswith(" s)") else line for line in lines]


def queued() -> list[tuple[str, str, int]]:
    """Return queue, trigger, and delay in seconds of each job."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, args->>'trigger', coalesce(round(extract(epoch FROM scheduled_at - now())), 0)::int"
            " FROM procrastinate_jobs ORDER BY id"
        )
        return list(cursor.fetchall())


def runs() -> list[tuple[str, str]]:
    """Return outcome and trigger of each run by a worker."""
    return list(Run.objects.exclude(trigger="command").order_by("started_at").values_list("outcome", "trigger"))


def test_push_is_taken_and_its_lag_is_recorded(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    edit(person, "status: todo", "status: done")
    publish(person)
    Checkout.objects.update(rung_at=timezone.now() - timedelta(seconds=7))
    assert job(checkout) == ["a: ok (webhook"]
    assert (statuses()["WP-1-T01"], runs()) == ("done", [("ok", "webhook")])
    checkout.refresh_from_db()
    assert (checkout.tip, checkout.rung_at) == (person.head, None)
    assert checkout.push_lag is not None
    assert 7 <= checkout.push_lag < 20


def test_older_worker_leaves_the_run_to_newer_ones(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    edit(person, "status: todo", "status: done")
    publish(person)
    MigrationRecorder(connection).record_applied("statehub", "9999_later")
    assert job(checkout) == []
    assert (statuses()["WP-1-T01"], runs(), queued()) == ("todo", [], [("test-host", "webhook", 10)])


def test_push_stays_known_until_it_is_taken(new_managed: NewManaged) -> None:
    checkout, _ = new_managed("a")
    origin = Path(checkout.repo.remote)
    origin.rename(origin.with_name("moved.git"))
    Checkout.objects.update(rung_at=timezone.now())
    job(checkout)
    checkout.refresh_from_db()
    assert (checkout.rung_at is not None, checkout.push_lag) == (True, None)


def test_report_is_written_back_and_pushed(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    assert run("set_task_status", "WP-1-T01", "done").exit == 0
    assert queued() == [("test-host", "report", 0)]
    [line] = job(checkout, "report")
    person.pull()
    assert line == f"a: ok, {person.head[:12]} (report"
    assert b"status: done" in person.read("workplans/a.md")
    assert len(queued()) == 1  # The run itself queues nothing.


def test_clone_of_a_person_is_not_pushed_unless_that_was_asked_for(
    watched: Checkout, clone: Clone, origin: Origin, settings: object
) -> None:
    before = origin.head
    assert run("set_task_status", "WP-1-T01", "done").exit == 0
    job(watched, "report")
    assert (clone.head != before, origin.head) == (True, before)
    Repo.objects.update(writeback="push")
    job(watched, "report")
    assert origin.head == clone.head


def test_gates_hold_for_the_clone_of_a_person(watched: Checkout, clone: Clone) -> None:
    clone.git("switch", "--quiet", "--create", "topic")
    assert run("set_task_status", "WP-1-T01", "done").exit == 0
    before = clone.head
    assert job(watched) == ["clone: skipped (webhook"]
    assert clone.head == before


def test_checkout_at_which_another_run_works_is_queued_again(watched: Checkout, clone: Clone) -> None:
    with locked(open_checkout(str(clone.path))):
        assert job(watched) == []
    assert (queued(), runs()) == ([("test-host", "webhook", 5)], [])


def test_run_that_ends_starts_the_next_one_of_its_checkout(watched: Checkout, clone: Clone) -> None:
    with locked(open_checkout(str(clone.path))):
        assert job(watched, "report") == []
    queue_checkouts(
        [Checkout.objects.create(repo=watched.repo, host="laptop", path="/there", watch=True).pk], "poll", delay=5
    )
    assert job(watched) == ["clone: ok (webhook"]
    assert queued() == [("test-host", "report", 0), ("laptop", "poll", 5)]


def test_checkout_that_has_moved_to_another_host_is_queued_there(watched: Checkout) -> None:
    Checkout.objects.update(host="elsewhere")
    assert job(watched) == []
    assert (queued(), runs()) == ([("elsewhere", "webhook", 0)], [])


@pytest.mark.parametrize("change", [{"watch": False}, {"retired_at": "2026-01-01T00:00Z"}])
def test_checkout_that_is_no_longer_served_is_left_alone(watched: Checkout, change: dict[str, object]) -> None:
    Checkout.objects.update(**change)
    assert job(watched) == []
    assert (queued(), runs()) == ([], [])


def test_checkout_that_is_gone(watched: Checkout) -> None:
    Repo.objects.all().delete()
    assert job(watched) == []


def test_lost_database_costs_no_run(watched: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([OperationalError("gone"), OperationalError("gone"), None])

    def fail(*_args: object) -> None:
        raise OperationalError("gone")

    def queue(*args: object, **options: object) -> int:
        if error := next(answers):
            raise error
        return queue_checkouts(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "_run", fail)
    monkeypatch.setattr(tasks, "queue_checkouts", queue)
    monkeypatch.setattr(tasks, "RECONNECT_PAUSE_SECONDS", 0.01)
    assert job(watched) == ["error: cannot connect to the hub's database: gone (see DATABASE_URL)"]
    assert queued() == [("test-host", "webhook", 10)]


def test_statement_that_the_database_refuses_is_tried_again_later(
    watched: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise IntegrityError("duplicate")

    monkeypatch.setattr(tasks, "_run", fail)
    (line,) = job(watched)
    assert line == "error: the hub's database refused a statement, please report it: duplicate"
    assert queued() == [("test-host", "webhook", 300)]


def test_fault_of_our_own_is_said(watched: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine keeps it to itself."""

    def fail(*_args: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(tasks, "fetch_all", fail)
    assert job(watched) == [
        f"error: internal error in a run of checkout {watched.pk}, please report it: ValueError: broken"
    ]
    assert queued() == []


def test_missing_path_is_reported(watched: Checkout) -> None:
    Checkout.objects.update(path="/nowhere")
    assert job(watched) == ["clone: error (webhook"]
    assert runs() == [("error", "webhook")]


def test_task_of_a_person_who_reports_while_a_run_is_at_work(new_managed: NewManaged) -> None:
    checkout, _ = new_managed("a")
    assert job(checkout) == ["a: ok (webhook"]
    assert Task.objects.count() == 2
    assert queued() == []


def test_finding_is_sent_when_the_run_ends(new_managed: NewManaged, settings: Settings) -> None:
    checkout, person = new_managed("a")
    edit(person, "status: todo", "status: nonsense")
    publish(person)
    with receiving_http() as endpoint:
        settings.STATEHUB_NOTIFY, settings.STATEHUB_NOTIFY_GATHER_SECONDS = [f"{endpoint.url}/hook"], 0
        assert job(checkout) == ["a: ok (webhook"]
        assert job(checkout) == ["a: ok (webhook"]
    assert [json.loads(request.body)["data"]["subject"] for request in endpoint.requests] == [
        "State Hub: FAIL C-05 in a"
    ]
