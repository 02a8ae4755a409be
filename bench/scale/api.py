"""The API beside bare views of the same framework that run the same statements, call by call in turn."""

from __future__ import annotations

import json
import pickle
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.api.load import request
from bench.scale.recorded import Read, Recorded, Statement
from testing.server import serving
from testing.table import markdown

if TYPE_CHECKING:
    from statehub.models import Task

READ_LIMIT, REPORT_LIMIT = 1.25, 2.0
TASKS = 200
"""Tasks that are read and reported, one after the other; half of the reports are the product's."""

ONE_TASK, REPORT = "read a task", "report a status"
LISTS = {
    "read 100 tasks": "/api/tasks/?limit=100&status=in_progress&status=blocked",
    "read 100 next tasks": "/api/tasks/?limit=100&next=true",
    "read 100 tasks by priority": "/api/tasks/?limit=100&order=priority",
    "read 100 tasks of an owner": "/api/tasks/?limit=100&order=priority&owner=person-007",
    "read 100 changes": "/api/changes/?limit=100&since=30d",
    "read 100 changes of a person": "/api/changes/?limit=100&who=person-007",
    "read 100 changes of a repo": "/api/changes/?limit=100&repo=repo-00042",
    "read 100 workstreams": "/api/workstreams/?limit=100",
    "read 100 findings": "/api/findings/?limit=100&state=open",
    "read 100 runs": "/api/runs/?limit=100",
    "read 100 repos": "/api/repos/?limit=100",
}
STATUSES = ("blocked", "in_progress")
"""Reported in turn: they have the same rank, and the tasks begin with the last one."""

Call = tuple[str, str, str]
"""Method, path and body."""

Calls = Callable[[int], Call]
"""The calls of one kind, by their number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call: its statements, and the median milliseconds of the product and of the bare views.

    *by_orm* is None for a call that writes; *limit* is that of the ratio to it, or else to *by_cursor*.
    """

    name: str
    statements: int
    limit: float
    product: float
    by_cursor: float
    by_orm: float | None = None

    @property
    def ratio(self) -> float:
        """Return the product's time over the bare view's that the limit is for."""
        return self.product / (self.by_orm or self.by_cursor)


def measure(folder: Path, pairs: int) -> list[Row]:
    """Call the product and the bare views in turn, *pairs* times. Raises RuntimeError for a call that fails."""
    from statehub.models import StatusChange, Task
    from web.api.tokens import create

    secret = create("bench")[1]
    first, *tasks = Task.objects.filter(status=STATUSES[-1]).order_by("pk")[: TASKS + 1]
    calls = _record(secret, first)
    file = folder / "statements"
    file.write_bytes(pickle.dumps((calls, {str(task.pk): _values(task) for task in tasks})))
    settings = {"DJANGO_SETTINGS_MODULE": "bench.scale.bare_settings", "BENCH_STATEMENTS": str(file)}
    keys = [str(task.pk) for task in tasks]
    before = StatusChange.objects.count()
    with (
        serving(settings, folder, workers=1, threads=1, keep_alive=60) as server,
        Connection(server.port, secret) as connection,
    ):

        def compare(name: str, limit: float, *calls_of: Calls) -> Row:
            print(f"{name} …", file=sys.stderr, flush=True)
            return Row(name, len(calls[name].statements), limit, *connection.compare(calls_of, pairs))

        rows = []
        for name, product in {ONE_TASK: _reads("/api/tasks/", keys), **{n: _same(p) for n, p in LISTS.items()}}.items():
            quoted = name.replace(" ", "%20")
            bare = [_same(f"/bare/{way}/{quoted}/") for way in ("cursor", "orm")]
            rows.append(compare(name, READ_LIMIT, product, *bare))
        both = (_reports("/api/tasks/", keys[::2]), _reports("/bare/report/", keys[1::2]))
        rows.append(compare(REPORT, REPORT_LIMIT, *both))
    if StatusChange.objects.count() != before + 2 * pairs:
        raise RuntimeError("not every report was a change of status")
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table."""
    header = ("call", "statements", "ms", "bare, ORM", "ratio", "bare, cursor", "ratio", "at most", "")
    return markdown(header, [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    by_orm = ("-", "-") if row.by_orm is None else (f"{row.by_orm:.2f}", f"{row.product / row.by_orm:.2f}")
    by_cursor = (f"{row.by_cursor:.2f}", f"{row.product / row.by_cursor:.2f}")
    verdict = "met" if row.ratio <= row.limit else "NOT MET"
    return (row.name, str(row.statements), f"{row.product:.2f}", *by_orm, *by_cursor, f"{row.limit:.2f}", verdict)


def _same(path: str) -> Calls:
    return lambda _: ("GET", path, "")


def _reads(prefix: str, keys: Sequence[str]) -> Calls:
    return lambda number: ("GET", f"{prefix}{keys[number % len(keys)]}/", "")


def _reports(prefix: str, keys: Sequence[str]) -> Calls:
    """Return the reports of the tasks *keys*: round by round, each of them gets the other status."""

    def call(number: int) -> Call:
        rounds, place = divmod(number, len(keys))
        return "PATCH", f"{prefix}{keys[place]}/", json.dumps({"status": STATUSES[rounds % 2]})

    return call


def _values(task: Task) -> dict[str, Any]:
    return {"ref": str(task.pk), "task": task.pk, "workstream": task.workstream_id}


def _record(secret: str, task: Task) -> dict[str, Recorded]:
    """Make each call once in this process, and return its statements."""
    from django.test import Client

    client = Client(headers={"Authorization": f"Bearer {secret}"})
    address = f"/api/tasks/{task.pk}/"
    client.get(address)  # the token's first use, which it records once a minute
    calls = {ONE_TASK: _statements(lambda: client.get(address), _values(task))}
    for name, path in LISTS.items():
        calls[name] = _statements(partial(client.get, path), {})
    body = {"status": STATUSES[0]}
    calls[REPORT] = _statements(
        lambda: client.patch(address, json.dumps(body), "application/json"),
        {**_values(task), "new": STATUSES[0], "old": STATUSES[1]},
    )
    return calls


def _statements(call: Callable[[], Any], values: dict[str, Any]) -> Recorded:
    from django.db import connection
    from django.db.models import QuerySet

    statements: list[Statement] = []
    reads: list[Read] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(Statement(sql, params, connection.in_atomic_block))
        return execute(sql, params, many, context)

    def fetch(self: Any) -> None:
        if self._result_cache is None:
            reads.append(Read(self.model, self.query.clone(), self._iterable_class, self._fields))
        fetch_all(self)

    fetch_all = QuerySet._fetch_all
    with connection.execute_wrapper(record), patch.object(QuerySet, "_fetch_all", fetch):
        answer = call()
    if answer.status_code != 200:
        raise RuntimeError(f"a call was answered with {answer.status_code}: {answer.content[:200]!r}")
    return Recorded(tuple(statements), tuple(reads), values)


class Connection:
    """A connection to the server that is kept, with one call at a time."""

    def __init__(self, port: int, secret: str) -> None:
        self._port, self._secret = port, secret

    def __enter__(self) -> Connection:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def compare(self, calls: Sequence[Calls], rounds: int) -> list[float]:
        """Return the median milliseconds of each of *calls*, which are called in turn, each round in another order."""
        times: list[list[float]] = [[] for _ in calls]
        for number in range(rounds):
            for place in range(len(calls)):
                which = (place + number) % len(calls)
                times[which].append(self._timed(calls[which](number)))
        return [statistics.median(each) for each in times]

    def _timed(self, call: Call) -> float:
        method, path, body = call
        sent = request(method, path, self._secret, body)
        started = time.perf_counter()
        self._socket.sendall(sent)
        status = self._file.readline().decode()
        length = 0
        while (line := self._file.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        content = self._file.read(length)
        milliseconds = 1000 * (time.perf_counter() - started)
        if " 200 " not in status:
            raise RuntimeError(f"{method} {path} was answered with {status.strip()}: {content[:300]!r}")
        return milliseconds
