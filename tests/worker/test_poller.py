"""Polls of real remotes, and what they leave in the hub and in the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consistency.core.comparison.reachability import HOOK_GRACE
from consistency.models import Finding, Run
from consistency.worker import poller
from consistency.worker.poller import Polled, ask_remotes, claim, poll
from consistency.worker.tasks import run_job
from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone
from tests.cli.helpers import edit, publish

NewManaged = Callable[[str], tuple[Checkout, Clone]]
INTERVAL = 300.0


def polled(seconds: float = 20.0) -> Polled:
    return poll(HOST, INTERVAL, seconds, lambda: False)


def queued() -> list[tuple[str, int, int, str]]:
    """Return queue, priority, checkout and trigger of each job that waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, priority, (args->>'checkout')::int, args->>'trigger' FROM procrastinate_jobs"
            " WHERE status = 'todo' AND task_name = 'run_checkout' ORDER BY id"
        )
        return list(cursor.fetchall())


def due(*checkouts: Checkout) -> None:
    Checkout.objects.filter(pk__in=[each.pk for each in checkouts]).update(poll_at=None)


def waits(checkout: Checkout) -> float:
    checkout.refresh_from_db()
    assert checkout.poll_at is not None
    return (checkout.poll_at - timezone.now()).total_seconds()


def test_push_is_found_and_queued_once(new_managed: NewManaged) -> None:
    (first, person), (second, _) = new_managed("a"), new_managed("b")
    assert polled() == Polled(2, 0, 0)
    assert polled() == Polled()  # None is due.
    assert (queued(), first.rung_at) == ([], None)
    edit(person, "status: todo", "status: done")
    publish(person)
    due(first, second)
    before = timezone.now()
    assert polled() == Polled(2, 0, 1)
    assert queued() == [(HOST, 0, first.pk, "poll")]
    assert 250 < waits(first) < 331
    assert 250 < waits(second) < 331
    assert (first.rung_at is not None and first.rung_at >= before, second.rung_at) == (True, None)
    rung = first.rung_at
    due(first, second)
    assert polled() == Polled(2, 0, 1)
    assert queued() == [(HOST, 0, first.pk, "poll")]
    first.refresh_from_db()
    assert first.rung_at == rung


def test_only_active_checkouts_of_workers_on_this_host_are_polled(new_managed: NewManaged) -> None:
    checkout, _ = new_managed("a")
    assert len(claim(HOST, timezone.now(), INTERVAL)) == 1
    due(checkout)
    for change in ({"managed": False}, {"host": "elsewhere"}, {"retired_at": timezone.now()}):
        before = {name: getattr(checkout, name) for name in change}
        Checkout.objects.update(**change)
        assert claim(HOST, timezone.now(), INTERVAL) == []
        Checkout.objects.update(**before)
    assert len(claim(HOST, timezone.now(), INTERVAL)) == 1


def test_clone_of_a_person_is_queued_at_each_poll(watched: Checkout) -> None:
    for _ in range(2):
        assert polled() == Polled(1, 0, 1)
        due(watched)
    assert queued() == [(HOST, -1, watched.pk, "poll")]


def test_push_moves_a_run_that_nothing_waits_for_forward(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    Run.objects.update(started_at=timezone.now() - timedelta(hours=2))
    polled()
    assert queued() == [(HOST, -1, checkout.pk, "poll")]
    publish(person)
    due(checkout)
    polled()
    assert queued() == [(HOST, 0, checkout.pk, "poll")]


def test_remote_without_answer(new_managed: NewManaged) -> None:
    (gone, _), (there, _) = new_managed("a"), new_managed("b")
    origin = Path(gone.repo.remote)
    origin.rename(origin.with_name("moved.git"))
    assert polled() == Polled(2, 1, 1)
    assert queued() == [(HOST, -1, gone.pk, "poll")]
    assert 530 < waits(gone) < 661
    assert (gone.poll_failures, gone.rung_at) == (1, None)
    there.refresh_from_db()
    assert there.poll_failures == 0
    due(gone)
    polled()
    assert 1070 < waits(gone) < 1321
    origin.with_name("moved.git").rename(origin)
    due(gone)
    assert polled() == Polled(1, 0, 0)
    gone.refresh_from_db()
    assert gone.poll_failures == 0


def test_lost_clone_is_not_looked_for_in_the_folders_above(new_managed: NewManaged) -> None:
    _, person = new_managed("a")
    nested = person.path / "nested"
    Checkout.objects.update(path=str(nested))
    nested.mkdir()
    assert polled() == Polled(1, 1, 1)


def test_webhook_that_was_lost(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    Repo.objects.update(hook_heard_at=timezone.now() - timedelta(days=1))
    publish(person)
    polled()
    assert 50 < waits(checkout) < 68
    assert (checkout.unannounced_at is not None, checkout.rung_at is not None) == (True, True)


def test_lost_webhook_is_a_finding_until_one_is_heard(new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    Repo.objects.update(hook_heard_at=timezone.now() - timedelta(days=1))
    publish(person)

    def poll_and_run() -> tuple[Polled, list[tuple[str, str]]]:
        due(checkout)
        found = polled()
        run_job(checkout.pk, "poll", lambda _line: None, lambda _line: None)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
        return found, list(Finding.objects.filter(code="C-29").values_list("message", "resolution"))

    assert poll_and_run() == (Polled(1, 0, 1), [])  # Its delivery may still come.
    since = timezone.now() - HOOK_GRACE
    Checkout.objects.update(unannounced_at=since)
    Run.objects.update(started_at=since)
    message = f"polling found a push at {since:%Y-%m-%d %H:%MZ} that no webhook has announced"
    assert poll_and_run() == (Polled(1, 0, 1), [(message, "")])
    assert poll_and_run() == (Polled(1, 0, 0), [(message, "")])
    assert Run.objects.filter(finished_at__isnull=False, converged=False).count() == 0
    Repo.objects.update(hook_heard_at=timezone.now())
    Checkout.objects.update(unannounced_at=None)
    assert poll_and_run() == (Polled(1, 0, 0), [(message, "gone")])


def test_webhook_that_comes_during_the_poll(new_managed: NewManaged, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, person = new_managed("a")
    Repo.objects.update(hook_heard_at=timezone.now() - timedelta(days=1))
    publish(person)

    def read(*args: object) -> str:
        Repo.objects.update(hook_heard_at=timezone.now())
        connection.close()
        return person.head

    monkeypatch.setattr(poller, "read_tip", read)
    polled()
    checkout.refresh_from_db()
    assert checkout.unannounced_at is None


def test_two_processes_share_the_checkouts(new_managed: NewManaged) -> None:
    for name in "abc":
        new_managed(name)
    taken: list[int] = []

    def work() -> None:
        taken.extend(each.checkout.pk for each in claim(HOST, timezone.now(), INTERVAL))
        connection.close()

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(Checkout.objects.values_list("pk", flat=True))


def test_statements_of_a_poll_do_not_grow(new_managed: NewManaged) -> None:
    counts = []
    for names in ("a", "bcde"):
        for name in names:
            _, person = new_managed(name)
            publish(person)
        Checkout.objects.update(poll_at=None)
        with CaptureQueriesContext(connection) as queries:
            polled()
        counts.append(len([each for each in queries.captured_queries if "SAVEPOINT" not in each["sql"]]))
    assert counts[0] == counts[1] <= 9


def slow_down(checkout: Checkout, seconds: float) -> None:
    """Let each answer to a poll of *checkout* take *seconds*."""
    Clone(Path(checkout.path)).git("config", "remote.origin.uploadpack", f"sleep {seconds}; git-upload-pack")


def test_slow_server_delays_no_other(new_managed: NewManaged) -> None:
    slow, quick = [new_managed(name)[0] for name in "abcdef"], new_managed("g")[0]
    for checkout in slow:
        slow_down(checkout, 2)
        Repo.objects.filter(pk=checkout.repo_id).update(origin="slow.example.org/x")
    Repo.objects.filter(pk=quick.repo_id).update(origin="quick.example.org/x")
    rows = list(Checkout.objects.select_related("repo"))
    started = timezone.now()
    arrived = [(set(tips), (timezone.now() - started).total_seconds()) for tips in ask_remotes(rows, 20, lambda: False)]
    assert arrived[0][0] == {quick.pk}
    assert arrived[0][1] < 2
    assert set().union(*(pks for pks, _ in arrived)) == {each.pk for each in rows}


def test_server_that_does_not_answer_is_not_asked_for_all(
    new_managed: NewManaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdefghij":
        slow_down(new_managed(name)[0], 30)
    started = timezone.now()
    assert polled(0.4) == Polled(10, 10, 10)
    # At most eight were asked, four at a time.
    assert (timezone.now() - started).total_seconds() < 5


def test_poll_that_is_stopped_records_no_failure(new_managed: NewManaged) -> None:
    checkout, _ = new_managed("a")
    answers = iter([False, True, True, True, True, True, True])
    assert poll(HOST, INTERVAL, 20, lambda: next(answers, True)) == Polled()
    checkout.refresh_from_db()
    assert checkout.poll_failures == 0


def test_large_fleet_is_polled_to_its_end(new_managed: NewManaged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "BATCH", 2)
    for name in "abcde":
        new_managed(name)
    assert polled() == Polled(5, 0, 0)
