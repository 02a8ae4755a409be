"""Real worker processes on PostgreSQL, with real repositories, and the faults of machines and databases."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.db import connection

from consistency.db.queue import queue_checkouts
from consistency.models import Run, Worker
from statehub.models import Checkout
from testing import postgres
from testing.environment import HOST
from testing.hub import Hub
from testing.manage import manage
from testing.repos import Clone, Origin
from testing.workers import WorkerProcess, wait_until, working
from tests.cli.helpers import FILE, TEXT, edit, publish, run, statuses

NewManaged = Callable[[str], tuple[Checkout, Clone]]
Work = Callable[..., WorkerProcess]
STARTED = f"working on the queue of host '{HOST}', on 4 checkouts at a time\n"


@pytest.fixture
def work(queue_hub: Hub, tmp_path: Path) -> Iterator[Work]:
    """Start a worker that is ready; all end with the test."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        logs = iter(range(10))

        def start(*arguments: str, url: str = queue_hub.url, **env: str) -> WorkerProcess:
            alive = Worker.objects.count()
            worker = stack.enter_context(working(url, tmp_path / f"worker-{next(logs)}.log", *arguments, env=env))
            wait_until(lambda: Worker.objects.count() > alive)
            return worker

        yield start


def execute(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def waiting() -> list[tuple[object, ...]]:
    """Return status and task of each job, without those of the worker itself."""
    return execute(
        "SELECT status::text, task_name FROM procrastinate_jobs WHERE task_name = 'run_checkout' ORDER BY id"
    )


class Remote:
    """All remotes of a worker that is started later: each answer takes `seconds`."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self.answer_after(0)

    def answer_after(self, seconds: float) -> None:
        """Let each answer from now on take *seconds*."""
        self._program.with_suffix(".new").write_text(f'#!/bin/sh\nsleep {seconds}\nexec git-upload-pack "$@"\n')
        self._program.with_suffix(".new").chmod(0o755)
        self._program.with_suffix(".new").rename(self._program)


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """Return the remotes that this test can slow down."""
    home, program = tmp_path / "home", tmp_path / "upload-pack"
    home.mkdir()
    text = (Path(os.environ["HOME"]) / ".gitconfig").read_text()
    (home / ".gitconfig").write_text(f'{text}[remote "origin"]\n\tuploadpack = {program}\n')
    monkeypatch.setenv("HOME", str(home))
    return Remote(program)


def runs() -> list[tuple[str, str]]:
    return list(Run.objects.exclude(trigger="command").order_by("started_at").values_list("outcome", "trigger"))


def test_push_is_found_by_polling(work: Work, new_managed: NewManaged) -> None:
    _, person = new_managed("a")
    worker = work(STATEHUB_POLL_SECONDS="1")
    edit(person, "status: todo", "status: done")
    publish(person)
    wait_until(lambda: statuses()["WP-1-T01"] == "done")
    assert worker.stop() == 0
    assert worker.text == STARTED + "stopped\n"
    assert runs() == [("ok", "poll")]
    assert (waiting(), Worker.objects.count()) == ([], 0)
    assert execute("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_report_is_pushed_at_once(work: Work, new_managed: NewManaged) -> None:
    _, person = new_managed("a")
    work("--concurrency=1", "--verbosity=2")
    assert run("set_task_status", "WP-1-T01", "done").exit == 0
    wait_until(lambda: (person.git("fetch", "--quiet"), person.git("rev-parse", "origin/main"))[1] != person.head)
    person.pull()
    assert person.read(FILE).decode() == TEXT.replace("status: todo", "status: done")
    wait_until(lambda: not waiting())
    assert runs() == [("ok", "report")]


def test_worker_of_a_host_with_a_long_name(work: Work, new_managed: NewManaged) -> None:
    host = f"ip-10-0-12-34.{'x' * 100}.example.org"
    checkout, person = new_managed("a")
    Checkout.objects.update(host=host)
    work(STATEHUB_HOST=host)
    edit(person, "status: todo", "status: done")
    publish(person)
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: statuses()["WP-1-T01"] == "done")
    assert [worker.host for worker in Worker.objects.all()] == [host]


def test_lost_notification_costs_a_moment(work: Work, new_managed: NewManaged) -> None:
    checkout, person = new_managed("a")
    work()
    wait_until(lambda: not waiting())
    execute("ALTER TABLE procrastinate_jobs DISABLE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1")
    edit(person, "status: todo", "status: done")
    publish(person)
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: statuses()["WP-1-T01"] == "done", 10)


def test_run_at_work_ends_before_the_worker(work: Work, new_managed: NewManaged, remote: Remote) -> None:
    checkout, _ = new_managed("a")
    remote.answer_after(1.5)
    worker = work()
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: ("doing", "run_checkout") in waiting())
    assert worker.stop() == 0
    assert ("ok", "webhook") in runs()
    assert ("doing", "run_checkout") not in waiting()


def test_second_signal_ends_the_worker_at_once(work: Work, new_managed: NewManaged, remote: Remote) -> None:
    checkout, _ = new_managed("a")
    remote.answer_after(20)
    worker = work()
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: ("doing", "run_checkout") in waiting())
    worker.process.send_signal(signal.SIGINT)
    wait_until(lambda: worker.process.poll() is not None or _has_default_handler(worker.process.pid))
    worker.process.send_signal(signal.SIGINT)
    assert worker.process.wait(10) != 0


def _has_default_handler(process: int) -> bool:
    """Return whether a SIGINT ends the process."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return not caught & 1 << signal.SIGINT - 1


def test_run_of_a_killed_worker_is_repeated(work: Work, new_managed: NewManaged, remote: Remote) -> None:
    checkout, person = new_managed("a")
    remote.answer_after(3)
    first = work()
    wait_until(lambda: not waiting())
    edit(person, "status: todo", "status: done")
    publish(person)
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: ("doing", "run_checkout") in waiting())
    first.kill()
    remote.answer_after(0)
    # A minute later.
    execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '61 seconds'")
    execute("DELETE FROM procrastinate_periodic_defers")
    execute("UPDATE statehub_checkout SET poll_at = now() + interval '1 hour'")
    second = work()
    wait_until(lambda: statuses()["WP-1-T01"] == "done")
    assert f"error: a worker died during the run of checkout {checkout.pk}; it is queued again\n" in second.text
    wait_until(lambda: not waiting())


def test_worker_whose_row_was_deleted_goes_on(work: Work, new_managed: NewManaged) -> None:
    # As another worker does if this machine was asleep.
    checkout, person = new_managed("a")
    worker = work()
    wait_until(lambda: not waiting())
    execute("DELETE FROM procrastinate_workers")
    edit(person, "status: todo", "status: done")
    publish(person)
    queue_checkouts([checkout.pk], "webhook")
    wait_until(lambda: statuses()["WP-1-T01"] == "done")
    assert worker.text.count("trying again in 1 s\n") == 1
    assert worker.process.poll() is None


@pytest.mark.proof
def test_two_workers_of_a_host_share_its_queue(work: Work, new_managed: NewManaged) -> None:
    made = [new_managed(name) for name in "abcdef"]
    for _ in range(2):
        work("--concurrency=2", STATEHUB_POLL_SECONDS="1")
    for _ in range(3):
        for checkout, person in made:
            publish(person)
            queue_checkouts([checkout.pk], "webhook")
    tips = {checkout.pk: person.head for checkout, person in made}
    wait_until(lambda: dict(Checkout.objects.values_list("pk", "tip")) == tips)
    assert Worker.objects.count() == 2
    [[connections]] = execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    assert 4 < connections <= 2 * (2 + 6) + 1
    for checkout, _ in made:
        times = list(
            Run.objects.filter(checkout=checkout, finished_at__isnull=False)
            .order_by("started_at").values_list("started_at", "finished_at")
        )  # fmt: skip
        assert [before for before, after in itertools.pairwise(times) if (before[1] or after[0]) > after[0]] == []
    assert set(Run.objects.filter(finished_at__isnull=False).values_list("outcome", flat=True)) == {"ok"}


@pytest.mark.proof
def test_worker_ends_if_the_database_becomes_newer(work: Work) -> None:
    worker = work()
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('statehub', '9999_later', now())")
    assert worker.process.wait(60) == 2
    assert "error: the hub's database is newer than this State Hub: it has statehub.9999_later" in worker.text


@pytest.mark.proof
def test_job_whose_end_could_not_be_recorded_is_removed(work: Work, new_managed: NewManaged) -> None:
    checkout, _ = new_managed("a")
    work()
    wait_until(lambda: not waiting())
    execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) SELECT %s, 'run_checkout',"
        " jsonb_build_object('checkout', %s, 'trigger', 'poll'), 'doing', max(id) FROM procrastinate_workers",
        HOST,
        checkout.pk,
    )
    wait_until(lambda: not waiting(), 60)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the URL of a migrated hub on a server that the test may restart."""
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    if not Path("/proc/self/task").exists():
        pytest.skip("processes are found in /proc")
    try:
        with postgres.server() as url:
            assert manage("migrate", "--verbosity=0", env={"DATABASE_URL": url}).exit == 0
            yield url
    except postgres.UnavailableError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as own:
        cursor = own.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def restart(url: str) -> None:
    """Kill one of the server's processes: it ends them all, and begins again."""
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    process = (folder / "data/postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    subprocess.run(["kill", "-9", children[0]], check=True)


@pytest.mark.proof
def test_database_that_restarts(server: str, origin: Origin, clones: Path, tmp_path: Path) -> None:
    person = origin.clone("person")
    person.write(FILE, TEXT)
    publish(person)
    ask(server, "ALTER ROLE statehub SET synchronous_commit = on")
    assert manage("register_repo", "--remote", origin.path, env={"DATABASE_URL": server}).exit == 0
    assert manage("fix_consistency", "origin", env={"DATABASE_URL": server}).exit == 0
    status = "SELECT status FROM statehub_task WHERE key = 'WP-1-T01'"
    with working(server, tmp_path / "worker.log", env={"STATEHUB_POLL_SECONDS": "1"}) as worker:
        wait_until(lambda: ask(server, "SELECT count(*) FROM consistency_worker") == [(1,)])
        for before, after in (("todo", "in_progress"), ("in_progress", "done")):
            restart(server)
            edit(person, f"id: WP-1-T01\nstatus: {before}", f"id: WP-1-T01\nstatus: {after}")
            publish(person)

            def is_taken(wanted: str = after) -> bool:
                try:
                    return ask(server, status) == [(wanted,)]
                except psycopg.OperationalError:
                    return False

            wait_until(is_taken, 60)
        assert worker.process.poll() is None
        assert worker.stop() == 0
    errors = [line for line in worker.text.splitlines() if line.startswith("error: ")]
    assert errors
    assert [line for line in errors if "the hub's database" not in line] == []
    assert "Traceback" not in worker.text
