"""The queue of the workers: rows of procrastinate's tables."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from consistency.db.queue import (
    ROUTINE,
    LostJob,
    QueueState,
    delete_stuck_jobs,
    jobs_of_worker,
    queue_checkouts,
    queue_lost_runs,
    queue_name,
    queue_repos,
    read_queues,
)
from statehub.models import Checkout, Repo, Source, Task, Workstream
from statehub.transitions import Actor, advance
from testing.hub import Hub

LONG_HOST = f"ip-10-0-12-34.{'x' * 100}.example.org"


def new_checkout(host: str = "laptop", slug: str = "orders", **columns: Any) -> Checkout:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    return Checkout.objects.create(repo=repo, host=host, path=f"/srv/{Checkout.objects.count()}", **columns)


def execute(sql: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def jobs() -> list[Any]:
    """Return host, status, priority, attempts, trigger, checkout and delay in seconds of each job."""
    return execute(
        "SELECT queue_name, status::text, priority, attempts, args->>'trigger', (args->>'checkout')::int,"
        " coalesce(round(extract(epoch FROM scheduled_at - now()))::int, 0) FROM procrastinate_jobs ORDER BY id"
    )


def fetch(host: str, worker: int | None = None) -> int:
    """Let a worker take a job, as procrastinate does; return its number."""
    worker = worker or new_worker()
    [[job]] = execute("SELECT id FROM procrastinate_fetch_job_v2(%s::varchar[], %s)", [queue_name(host)], worker)
    return int(job)


def new_worker() -> int:
    [[worker]] = execute("SELECT * FROM procrastinate_register_worker_v1()")
    return int(worker)


@pytest.fixture
def queue_hub(hub: Hub) -> Hub:
    if connection.vendor != "postgresql":
        pytest.skip("workers need PostgreSQL")
    return hub


def test_sqlite_has_no_queue(hub: Hub) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite")
    checkout = new_checkout(watch=True)
    assert (queue_checkouts([checkout.pk], "poll"), read_queues()) == (0, [])
    queue_repos(repos=[checkout.repo_id])


def test_names_of_queues() -> None:
    assert [queue_name(host) for host in ("laptop", "x" * 40, "é" * 20)] == ["laptop", "x" * 40, "é" * 20]
    assert queue_name("x" * 41) == "host-d934804add76bcd54e2e37efe268a314"
    assert len({queue_name("é" * 21), queue_name("x" * 41), queue_name("x" * 42)}) == 3


def test_checkout_is_queued_on_its_host(queue_hub: Hub) -> None:
    here, there = new_checkout(), new_checkout(LONG_HOST)
    assert queue_checkouts([there.pk, here.pk], "poll") == 2
    assert jobs() == [
        ("laptop", "todo", 0, 0, "poll", here.pk, 0),
        (queue_name(LONG_HOST), "todo", 0, 0, "poll", there.pk, 0),
    ]
    assert queue_checkouts([], "poll") == queue_checkouts([0], "poll") == 0


def test_first_job_of_a_long_queue_takes_no_longer(queue_hub: Hub) -> None:
    """PostgreSQL has planned the engine's statement when the queue was empty."""
    execute("TRUNCATE procrastinate_jobs CASCADE")
    execute("ANALYZE procrastinate_jobs")
    execute("DISCARD PLANS")
    worker = new_worker()
    for _ in range(7):
        execute("SELECT procrastinate_fetch_job_v2(%s::varchar[], %s)", ["laptop"], worker)
    repo = Repo.objects.create(slug="orders")
    paths = (f"/srv/{number}" for number in range(200))
    checkouts = Checkout.objects.bulk_create(Checkout(repo=repo, host="laptop", path=path) for path in paths)
    queue_checkouts([each.pk for each in checkouts], "poll")
    reads = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'procrastinate_jobs'"
    [[before]] = execute(reads)
    fetch("laptop", worker)
    [[after]] = execute(reads)
    assert after - before < 10 * len(checkouts)  # Each with all others would be 200 times as many.


def test_checkout_waits_only_once(queue_hub: Hub) -> None:
    checkout = new_checkout()
    assert [queue_checkouts([checkout.pk], trigger) for trigger in ("webhook", "poll", "report")] == [1, 0, 0]
    assert jobs() == [("laptop", "todo", 0, 0, "webhook", checkout.pk, 0)]


def test_checkout_at_work_is_queued_once_more(queue_hub: Hub) -> None:
    checkout = new_checkout()
    queue_checkouts([checkout.pk], "poll")
    fetch("laptop")
    assert [queue_checkouts([checkout.pk], trigger) for trigger in ("webhook", "poll")] == [1, 0]
    assert [(status, trigger) for _, status, _, _, trigger, _, _ in jobs()] == [("doing", "poll"), ("todo", "webhook")]


def test_higher_priority_wins(queue_hub: Hub) -> None:
    checkout = new_checkout()
    priorities = (ROUTINE, 0, ROUTINE)
    assert [queue_checkouts([checkout.pk], "poll", priority=priority) for priority in priorities] == [1, 1, 0]
    assert jobs() == [("laptop", "todo", 0, 0, "poll", checkout.pk, 0)]


def test_delay(queue_hub: Hub) -> None:
    checkout = new_checkout()
    queue_checkouts([checkout.pk], "poll", delay=30)
    assert jobs() == [("laptop", "todo", 0, 0, "poll", checkout.pk, 30)]


def test_job_is_notified_on_the_channel_of_a_host_with_a_long_name(queue_hub: Hub) -> None:
    checkout = new_checkout(LONG_HOST)
    channel = f"procrastinate_queue_v1#{queue_name(LONG_HOST)}"
    execute(f'LISTEN "{channel}"')
    queue_checkouts([checkout.pk], "poll")
    assert [each.channel for each in connection.connection.notifies(timeout=5, stop_after=1)] == [channel]


@pytest.fixture
def task(queue_hub: Hub) -> Task:
    checkout = new_checkout(managed=True)
    workstream = Workstream.objects.create(repo=checkout.repo, key="WP-1", title="Plan", status="active", path="w.md")
    return Task.objects.create(workstream=workstream, key="WP-1-T1", title="Work", status="todo")


def report(task: Task, status: str) -> None:
    advance(task, status, Actor("ada", Source.API))


def test_report_queues_the_checkouts_of_workers(task: Task) -> None:
    managed, watched = Checkout.objects.get(), new_checkout("desk", watch=True)
    new_checkout("desk")
    new_checkout("desk", slug="other", watch=True)
    new_checkout("desk", watch=True, retired_at=task.status_changed_at)
    report(task, "done")
    assert jobs() == [
        ("laptop", "todo", 0, 0, "report", managed.pk, 0),
        ("desk", "todo", 0, 0, "report", watched.pk, 0),
    ]


def test_report_that_cannot_be_queued_is_recorded(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    """As when the database restarts between the two: the caller must not be answered that nothing was recorded."""
    execute("ALTER TABLE procrastinate_jobs RENAME TO away")
    report(task, "done")
    task.refresh_from_db()
    assert task.status == "done"
    (record,) = [each for each in caplog.records if each.name == "statehub.queue"]
    assert record.getMessage().startswith("no run was queued, the next one is at most an hour away: ")
    execute("ALTER TABLE away RENAME TO procrastinate_jobs")
    report(Task.objects.create(workstream=task.workstream, key="WP-1-T2", title="More", status="todo"), "done")
    assert len(jobs()) == 1


def test_report_that_is_rolled_back_queues_nothing(task: Task) -> None:
    with transaction.atomic():
        report(task, "done")
        transaction.set_rollback(True)
    assert jobs() == []


def test_run_that_begins_before_the_end_of_a_report_is_repeated(task: Task) -> None:
    queue_repos(repos=[task.workstream.repo_id])
    with transaction.atomic():
        report(task, "done")
        taken = Event()

        def work() -> None:
            fetch("laptop")
            connection.close()
            taken.set()

        Thread(target=work).start()
        assert taken.wait(10)  # It sees the task as it was.
    assert [status for _, status, *_ in jobs()] == ["doing", "todo"]


def test_report_holds_no_lock_on_the_queue(task: Task) -> None:
    checkout = Checkout.objects.get()
    with transaction.atomic():
        report(task, "done")
        queued = Event()

        def work() -> None:
            queue_checkouts([checkout.pk], "webhook")
            connection.close()
            queued.set()

        Thread(target=work).start()
        assert queued.wait(10)
    assert [trigger for *_, trigger, _, _ in jobs()] == ["webhook"]


def kill(worker: int) -> None:
    execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '61 seconds' WHERE id = %s", worker)


def test_run_of_a_dead_worker_is_repeated_later_and_later(queue_hub: Hub) -> None:
    checkout = new_checkout()
    queue_checkouts([checkout.pk], "report")
    for attempts, delay in ((0, 0), (1, 60), (2, 120)):
        worker = new_worker()
        fetch("laptop", worker)
        assert queue_lost_runs() == []
        kill(worker)
        assert queue_lost_runs() == [LostJob(checkout.pk, "report", attempts)]
        assert jobs() == [("laptop", "todo", 0, attempts + 1, "report", checkout.pk, delay)]
        execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    execute("UPDATE procrastinate_jobs SET attempts = 50")
    worker = new_worker()
    fetch("laptop", worker)
    kill(worker)
    queue_lost_runs()
    assert jobs() == [("laptop", "todo", 0, 51, "report", checkout.pk, 600)]
    assert execute("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_run_of_a_dead_worker_that_waits_already(queue_hub: Hub) -> None:
    checkout, worker = new_checkout(), new_worker()
    queue_checkouts([checkout.pk], "report")
    fetch("laptop", worker)
    queue_checkouts([checkout.pk], "webhook")
    kill(worker)
    assert queue_lost_runs() == [LostJob(checkout.pk, "report", 0)]
    assert jobs() == [("laptop", "todo", 0, 0, "webhook", checkout.pk, 0)]


def test_run_of_a_worker_that_unregistered_is_repeated(queue_hub: Hub) -> None:
    checkout, worker = new_checkout(), new_worker()
    queue_checkouts([checkout.pk], "report")
    fetch("laptop", worker)
    execute("SELECT procrastinate_unregister_worker_v1(%s)", worker)
    assert queue_lost_runs() == [LostJob(checkout.pk, "report", 0)]


def test_jobs_that_ended_and_other_tasks_are_deleted(queue_hub: Hub) -> None:
    checkout = new_checkout()
    for status in ("succeeded", "failed", "cancelled", "aborted"):
        queue_checkouts([checkout.pk], "poll")
        execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE status = 'todo'", status)
    execute("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('laptop', 'poll', 'doing')")
    assert queue_lost_runs() == []
    assert jobs() == []
    assert execute("SELECT count(*) FROM procrastinate_events") == [(0,)]


def test_checkout_that_is_gone_is_not_queued_again(queue_hub: Hub) -> None:
    checkout, worker = new_checkout(), new_worker()
    queue_checkouts([checkout.pk], "poll")
    fetch("laptop", worker)
    pk = checkout.pk
    checkout.delete()
    kill(worker)
    assert queue_lost_runs() == [LostJob(pk, "poll", 0)]
    assert jobs() == []


def test_jobs_of_a_live_worker(queue_hub: Hub) -> None:
    worker, other = new_worker(), new_worker()
    assert (jobs_of_worker(worker), jobs_of_worker(0)) == (set(), None)
    queue_checkouts([new_checkout().pk, new_checkout().pk, new_checkout().pk], "poll")
    stuck, running, others = fetch("laptop", worker), fetch("laptop", worker), fetch("laptop", other)
    assert jobs_of_worker(worker) == {stuck, running}
    delete_stuck_jobs(worker, {stuck, others})
    assert (jobs_of_worker(worker), jobs_of_worker(other)) == ({running}, {others})


def test_state_of_the_queues(queue_hub: Hub) -> None:
    queue_checkouts([new_checkout().pk, new_checkout().pk, new_checkout(LONG_HOST).pk], "poll")
    fetch("laptop")
    execute("UPDATE procrastinate_events SET at = now() - interval '90 seconds' WHERE type = 'deferred'")
    states = {state.host: state for state in read_queues()}
    assert {host: state._replace(oldest_seconds=0) for host, state in states.items()} == {
        "laptop": QueueState("laptop", 1, 1, 0),
        LONG_HOST: QueueState(LONG_HOST, 1, 0, 0),
    }
    assert all(90 <= state.oldest_seconds < 99 for state in states.values())
