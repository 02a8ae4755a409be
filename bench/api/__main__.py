"""`python -m bench.api`: the API under load, on gunicorn and PostgreSQL. Exits 1 for a failed call or a lost move."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from bench import machine
from bench.api import hub, load
from testing.postgres import UnavailableError, server, with_name
from testing.table import markdown

NAME = "bench_statehub_api"
READS, REPORTS, KEYED = "read a task", "report", "report with a key"
LISTS = {
    "read 100 tasks": "/api/tasks/?limit=100&status=in_progress&status=blocked",
    "read the next tasks": "/api/tasks/?limit=10&next=true",
    "read 100 changes": "/api/changes/?limit=100",
}


def main() -> int:
    """Measure, print the table, check that all adds up."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the server and the database go then, too
    given = os.environ.get("BENCH_DATABASE_URL")
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statehub-bench-api-")))
            url = stack.enter_context(nullcontext(given) if given else server())
            _execute(url, f'DROP DATABASE IF EXISTS "{NAME}"', f'CREATE DATABASE "{NAME}"')
            stack.callback(_execute, url, f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
            return _measure(with_name(url, NAME), folder, options)
    except (UnavailableError, RuntimeError, OSError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2


def _measure(url: str, folder: Path, options: argparse.Namespace) -> int:
    settings = hub.environment(url, folder)
    import django

    django.setup()
    filled = hub.fill(20, 25, 20)
    head = machine.head([f"{len(filled.tasks):,} tasks"], seed=0, repeat=1)
    workers = f"gunicorn, {options.workers} processes of {options.threads} threads, the load on the same machine"
    print(
        f"date: {head['date']}",
        f"machine: {head['machine']}",
        f"server: {workers}, PostgreSQL, {len(filled.tasks):,} tasks",
        sep="\n",
    )
    print(flush=True)
    rows, failed, moved, caller = [], 0, 0, Caller(filled)
    with hub.served(settings, folder, options.workers, options.threads) as port:
        load.run(port, 8, caller.calls(READS), most=200, seconds=10)  # wakes every thread and its connection
        for name, connections in itertools.product((READS, *LISTS, REPORTS, KEYED), options.connections):
            most = options.requests // (5 if name in LISTS else 1)
            measured = load.run(port, connections, caller.calls(name), most=most, seconds=options.seconds)
            good = measured.statuses.get(200, 0)
            failed += len(measured.latencies) - good
            moved += good if name in {REPORTS, KEYED} else 0
            rows.append(_row(name, measured))
    print(
        *markdown(("call", "connections", "calls", "errors", "calls/s", "p50 ms", "p90 ms", "p99 ms"), rows),
        "",
        sep="\n",
    )
    lost = hub.lost_updates(moved)
    print(
        f"{moved:,} reports were answered with 200; "
        + ("; ".join(lost[:5]) or "all are recorded, once, and follow from each other")
    )
    return int(bool(failed or lost))


class Caller:
    """Calls of the connections. Each has its own tasks, so that every report is a move; workstreams are shared."""

    def __init__(self, filled: hub.Filled) -> None:
        """Call for what was *filled* in, whose tasks are in progress."""
        self._filled = filled
        self._blocked: set[str] = set()

    def calls(self, name: str) -> load.Calls:
        """Return the calls of one row of the table."""
        return lambda number: self._call(name, self._filled.tasks[number::64])

    def _call(self, name: str, tasks: Sequence[str]) -> Iterator[bytes]:
        secret = self._filled.secret
        for task in itertools.cycle(tasks):
            path = f"/api/tasks/{task}/"
            if name == READS:
                yield load.request("GET", path, secret)
            elif name in LISTS:
                yield load.request("GET", LISTS[name], secret)
            else:
                headers = {"Idempotency_Key": uuid.uuid4().hex} if name == KEYED else {}
                yield load.request("PATCH", path, secret, f'{{"status":"{self._turned(task)}"}}', **headers)

    def _turned(self, task: str) -> str:
        """Return the other one of the two statuses that have the task's rank."""
        self._blocked ^= {task}
        return "blocked" if task in self._blocked else "in_progress"


def _row(name: str, measured: load.Measured) -> tuple[str, ...]:
    errors = len(measured.latencies) - measured.statuses.get(200, 0)
    times = (f"{measured.percentile(percent):.1f}" for percent in (50, 90, 99))
    return (
        name,
        str(measured.connections),
        f"{len(measured.latencies):,}",
        str(errors),
        f"{measured.rate:.0f}",
        *times,
    )


def _execute(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--connections", type=_numbers, default=[1, 16, 64], help="default 1,16,64; 64 at most")
    parser.add_argument("--requests", type=int, default=2000, help="most calls of each row, default 2000")
    parser.add_argument("--seconds", type=float, default=15, help="most seconds of each row, default 15")
    parser.add_argument("--workers", type=int, default=2, help="processes of gunicorn, default 2")
    parser.add_argument("--threads", type=int, default=8, help="threads of each, default 8")
    return parser


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if not all(0 < number <= 64 for number in numbers):
        raise argparse.ArgumentTypeError("numbers from 1 to 64")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
