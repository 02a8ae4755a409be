"""`python -m bench.fleet`: push to repos that workers mirror, and measure how soon and at what cost the hub knows."""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.fleet import cpu
from bench.fleet.doorbell import Doorbell, open_doorbell
from bench.fleet.repos import PLANS, Fleet, first_task
from bench.measure import Pairs, Sample
from bench.repository import GitFailedError
from bench.scale import hub
from testing.postgres import UnavailableError
from testing.table import markdown
from testing.workers import WorkerProcess, working

POLL_SECONDS = 300
"""The time between two polls of an idle fleet."""

FAST_POLL_SECONDS = 10
"""The same, while the latency of polls is measured."""

MAX_IDLE_SHARE = 0.1
MAX_HOOK_SECONDS = 2.0
MAX_FETCH_RATIO = 2.5
"""Limits: the share of a core that an idle fleet costs, the p95 of a push with webhooks, and a storm beside fetches."""

STORM_REPOS = 100
"""Pushes at once from which the last limit holds: fewer are over before all threads are at work."""

WAIT_SECONDS = 600


@dataclass(frozen=True)
class Row:
    """The figures of a fleet of one size; times are in seconds."""

    repos: int
    first: float
    hooked: Sequence[float]
    polled: Sequence[float]
    storms: Pairs
    storms_of_all: Pairs
    idle: float
    idle_database: float
    memory: tuple[int, int]

    @property
    def problems(self) -> list[str]:
        """The limits that are not met."""
        found = []
        if percentile(self.hooked, 95) > MAX_HOOK_SECONDS:
            found.append(f"{self.repos} repos: p95 of a push with webhooks over {MAX_HOOK_SECONDS:g} s")
        for who, storms in (("one worker", self.storms), ("a worker for each core", self.storms_of_all)):
            if self.repos >= STORM_REPOS and storms.wall_ratios[1] > MAX_FETCH_RATIO:
                found.append(f"{self.repos} repos: pushes at once over {MAX_FETCH_RATIO:g} times bare fetches, {who}")
        if self.idle + self.idle_database > MAX_IDLE_SHARE:
            found.append(f"{self.repos} repos: idle over {MAX_IDLE_SHARE:.0%} of a core")
        return found

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        before, after = self.memory
        return (
            f"{self.repos:,}",
            f"{self.first:.1f}",
            *(f"{percentile(times, share):.2f}" for times in (self.hooked, self.polled) for share in (50, 95)),
            f"{self.storms.other.wall_median:.1f}",
            f"{self.storms.ours.wall_median:.1f}",
            spread(self.storms),
            f"{self.storms.cpu_ratio:.2f}",
            spread(self.storms_of_all),
            f"{self.idle:.1%}",
            f"{self.idle_database:.1%}",
            f"{before / 10**6:.0f} → {after / 10**6:.0f}",
        )


HEADER = (
    "repos", "first run of all s", "hook p50 s", "p95 s", "poll p50 s", "p95 s", "bare fetches s", "pushes to all s",
    "/ fetches", "CPU / fetches", "worker a core / fetches", "idle", "PostgreSQL", "worker MB",
)  # fmt: skip


def main() -> int:
    """Measure; return 1 if a limit is not met, 2 if nothing could be measured."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folder, workers and database go then, too
    try:
        with tempfile.TemporaryDirectory(prefix="statehub-bench-fleet-") as name, hub.opened() as url:
            return _measure(url, Path(name), options)
    except (UnavailableError, GitFailedError, RuntimeError, OSError, AssertionError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2


def _measure(url: str, folder: Path, options: argparse.Namespace) -> int:
    hub.set_up(url, folder)
    head = machine.head([hub.migrate()], seed=0, repeat=1)
    print(*(f"{name}: {head[name]}" for name in ("date", "machine", "versions")), "", sep="\n")
    rows = []
    for size in options.sizes:
        _clear()
        rows.append(_Bench(url, folder / str(size), size, options).measure())
    print(*markdown(HEADER, [row.cells() for row in rows], left=0), "", sep="\n")
    problems = [problem for row in rows for problem in row.problems]
    print(*(f"NOT MET: {problem}" for problem in problems), sep="\n")
    return int(bool(problems))


class _Bench:
    """The measurements of one size."""

    def __init__(self, url: str, folder: Path, size: int, options: argparse.Namespace) -> None:
        self._url, self._folder, self._options = url, folder, options
        self._fleet = Fleet(folder, size)
        self._random = random.Random(size)
        self._pushed = 0

    def measure(self) -> Row:
        """Create the fleet, and measure all."""
        self._say("making the repositories")
        self._fleet.create()
        with self._working() as worker:
            self._say("first run of all")
            started = time.perf_counter()
            self._wait(lambda: self._count_runs() >= self._fleet.number, 0.05)
            first = time.perf_counter() - started
            self._fleet.copy_clones()
            self._say("pushes with webhooks")
            with open_doorbell(self._folder) as doorbell:
                hooked = [self._push(repo, doorbell) for repo in self._sample()]
            before = cpu.memory_bytes(worker.process.pid)
            self._say("pushes to all at once")
            storms = self._storms(worker)
            after = cpu.memory_bytes(worker.process.pid)
        with ExitStack() as stack:
            numbers = range(1, (os.cpu_count() or 1) + 1)
            workers = [stack.enter_context(self._working(str(number))) for number in numbers]
            storms_of_all = self._storms(*workers)
        with self._working(poll=FAST_POLL_SECONDS):
            self._say("pushes that are polled")
            _spread_polls(FAST_POLL_SECONDS)
            polled = [self._push(repo) for repo in self._sample()]
        with self._working() as worker:
            self._say("idle")
            _spread_polls(POLL_SECONDS)
            time.sleep(5)
            idle, idle_database = self._idle(worker, self._options.idle_seconds)
        return Row(
            self._fleet.number, first, hooked, polled, storms, storms_of_all, idle, idle_database,
            (before, after),
        )  # fmt: skip

    @contextmanager
    def _working(self, name: str = "1", poll: int = POLL_SECONDS) -> Iterator[WorkerProcess]:
        environment = {"STATEHUB_POLL_SECONDS": str(poll), "DJANGO_SETTINGS_MODULE": "statehub.settings"}
        arguments = (f"--concurrency={self._options.concurrency}",)
        with working(self._url, self._folder / f"worker-{name}.log", *arguments, env=environment) as worker:
            yield worker

    def _sample(self) -> list[int]:
        return [self._random.choice(self._fleet.repos) for _ in range(self._options.pushes)]

    def _push(self, repo: int, doorbell: Doorbell | None = None) -> float:
        """Push to *repo*, and return the seconds from the start of the push until the hub has the status.

        The push is announced by *doorbell*; without one a poll finds it.
        """
        from statehub.models import Task

        task = Task.objects.get(key=first_task(repo, PLANS - 1))
        wanted = "blocked" if task.status == "in_progress" else "in_progress"
        self._fleet.prepare_push(repo, wanted)
        started = time.perf_counter()
        self._fleet.push(repo)
        if doorbell:
            doorbell.ring(f"repo-{repo:04}")
        self._wait(lambda: Task.objects.filter(pk=task.pk, status=wanted).exists())
        return time.perf_counter() - started

    def _fetch_bare(self) -> Sample:
        """Fetch the last push to each repo, as fast as git can."""
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        self._fleet.fetch_bare(self._options.concurrency)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Sample(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    def _storms(self, *workers: WorkerProcess) -> Pairs:
        """Push to all repos several times; each time fetch bare, and then let *workers* work."""
        found = []
        for _ in range(self._options.storms):
            self._pushed += 1
            self._fleet.push_to_all(self._pushed)
            fetched = self._fetch_bare()
            found.append((self._work_off(*workers), fetched))
        return Pairs.of(found)

    def _work_off(self, *workers: WorkerProcess) -> Sample:
        """Ring for all repos, and return the cost of *workers* and database until the hub knows what was pushed."""
        from consistency.db.queue import queue_checkouts
        from statehub.models import Checkout, Task

        processes = [cpu.server_process(), *(worker.process.pid for worker in workers)]
        done = Task.objects.filter(status="done").count() + self._fleet.number
        before, started = sum(map(cpu.cpu_seconds, processes)), time.perf_counter()
        queue_checkouts(list(Checkout.objects.values_list("pk", flat=True)), "webhook")
        # To count tasks takes time of the database, too: not before the queue is empty.
        self._wait(lambda: not _is_queued(), min(self._fleet.number / 5_000, 0.2))
        self._wait(lambda: Task.objects.filter(status="done").count() >= done)
        return Sample(time.perf_counter() - started, sum(map(cpu.cpu_seconds, processes)) - before)

    def _idle(self, worker: WorkerProcess, seconds: float) -> tuple[float, float]:
        """Return the shares of a core that worker and database take while nothing happens."""
        processes = (worker.process.pid, cpu.server_process())
        before = [cpu.cpu_seconds(process) for process in processes]
        time.sleep(seconds)
        spent = [(cpu.cpu_seconds(process) - was) / seconds for process, was in zip(processes, before, strict=True)]
        return spent[0], spent[1]

    def _count_runs(self) -> int:
        from consistency.models import Run

        return Run.objects.filter(outcome="ok").values("checkout").distinct().count()

    def _wait(self, is_true: Callable[[], bool], pause: float = 0.01) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not is_true():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {WAIT_SECONDS} s")
            time.sleep(pause)

    def _say(self, text: str) -> None:
        print(f"{self._fleet.number:,} repos: {text} …", file=sys.stderr, flush=True)


def percentile(times: Sequence[float], percent: int) -> float:
    """Return the seconds within which that share of *times* is."""
    return times[0] if len(times) == 1 else statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def spread(storms: Pairs) -> str:
    """Return the median of the ratios, and their range."""
    lowest, median, highest = storms.wall_ratios
    return f"{median:.2f} ({lowest:.2f} to {highest:.2f})"


def _spread_polls(seconds: float) -> None:
    """Let the next polls of all checkouts be spread evenly over *seconds*, and their last runs be of now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE statehub_checkout SET poll_at = now() + random() * %s * interval '1 second'", (seconds,))


def _is_queued() -> bool:
    """Return whether a run waits or is at work."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE task_name = 'run_checkout')")
        return bool(cursor.fetchone()[0])


def _clear() -> None:
    """Remove the fleet of another size."""
    from django.db import connection

    from statehub.models import Repo

    Repo.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[1, 100, 1000], help="numbers of repos (default: 1,100,1000)")
    parser.add_argument("--pushes", type=int, default=20, help="pushes of which p50 and p95 are taken (default: 20)")
    parser.add_argument("--concurrency", type=int, default=4, help="of each worker (default: 4)")
    parser.add_argument("--storms", type=int, default=3, help="pushes to all at once (default: 3)")
    parser.add_argument("--idle-seconds", type=float, default=60, help="measured while idle (default: 60)")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
