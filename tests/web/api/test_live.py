"""Over real HTTP, from a server of two processes: several at once, and the ways a remote machine calls."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier
from typing import Any

import pytest

from statehub.models import StatusChange, Task, Workstream
from statehub.statuses import is_regress
from testing.server import Server
from tests.web.api.helpers import as_json, new_task
from web.api import tokens
from web.models import IdempotencyRecord

Answer = tuple[int, Any]


@pytest.fixture
def secret(server: Server) -> str:
    return tokens.create("laptop")[1]


def patch(server: Server, secret: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        sent = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **(headers or {})}
        connection.request("PATCH", f"/api/{path}", json.dumps(body), sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """Return the responses of *calls* that begin at the same moment."""
    barrier = Barrier(len(calls))

    def work(call: Callable[[], Answer]) -> Answer:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(work, calls))


def chains() -> None:
    """Every task's moves follow from each other, from todo to where it is, and none goes back."""
    for task in Task.objects.all():
        moves = list(StatusChange.objects.filter(task=task).order_by("pk").values_list("old", "new"))
        steps = ["todo", *(new for _, new in moves)]
        assert moves == list(itertools.pairwise(steps))
        assert not any(is_regress(old, new) for old, new in moves)
        assert steps[-1] == task.status


def test_one_task_by_several_at_once(server: Server, secret: str) -> None:
    new_task()
    wanted = ["in_progress", "blocked", "done", "in_progress", "done", "blocked", "cancelled", "done"]
    answers = at_once(
        *(lambda status=status: patch(server, secret, "tasks/T01/", {"status": status}) for status in wanted)
    )
    assert {status for status, _ in answers} <= {200, 409}
    assert Task.objects.get().status in {"done", "cancelled"}
    assert Workstream.objects.get().version == 1 + StatusChange.objects.count()
    chains()


def test_one_version_lets_one_through(server: Server, secret: str) -> None:
    task = new_task()
    version = {"If-Match": f'"{as_json(task)["version"]}"'}
    answers = at_once(*[lambda: patch(server, secret, "tasks/T01/", {"status": "done"}, version)] * 6)
    assert sorted(status for status, _ in answers) == [200, *[412] * 5]
    assert StatusChange.objects.count() == 1


@pytest.mark.parametrize("path", ["tasks/T01/", "tasks/"])
def test_one_key_records_once(server: Server, secret: str, path: str) -> None:
    new_task()
    body = {"status": "done"} if path != "tasks/" else [{"task": "T01", "status": "done"}]
    answers = at_once(*[lambda: patch(server, secret, path, body, {"Idempotency-Key": "k1"})] * 8)
    assert answers == [answers[0]] * 8
    assert answers[0][0] == 200
    assert (StatusChange.objects.count(), IdempotencyRecord.objects.count()) == (1, 1)


def test_one_key_for_different_bodies_lets_one_through(server: Server, secret: str) -> None:
    new_task()
    bodies = [{"status": status} for status in ("in_progress", "blocked", "done", "cancelled")]
    key = {"Idempotency-Key": "k1"}
    answers = at_once(*(lambda body=body: patch(server, secret, "tasks/T01/", body, key) for body in bodies))
    assert sorted(status for status, _ in answers) == [200, 422, 422, 422]
    assert StatusChange.objects.count() == 1


def test_lists_in_any_order_wait_for_each_other_and_all_count(server: Server, secret: str) -> None:
    names = [new_task("net", f"T{number}", workstream=f"WP-{number}").key for number in range(8)]
    lists = [names, names[::-1], names[4:] + names[:4], names[::2] + names[1::2]]
    flips = ["in_progress", "blocked"] * 6
    calls = [
        lambda order=order, status=status: patch(
            server, secret, "tasks/", [{"task": name, "status": status} for name in order]
        )
        for order, status in zip(lists * 3, flips, strict=True)
    ]
    singles = [lambda name=name: patch(server, secret, f"tasks/{name}/", {"status": "blocked"}) for name in names]
    answers = at_once(*calls[:8], *singles[:4])
    assert {status for status, _ in answers} == {200}
    chains()


def test_body_beyond_the_limit_is_not_waited_for(server: Server, secret: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = ["PATCH /api/tasks/T01/ HTTP/1.1", "Host: localhost", f"Authorization: Bearer {secret}"]
        head += ["Content-Type: application/json", "Content-Length: 2000000", "", "{"]
        connection.sendall("\r\n".join(head).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_body_of_unknown_length_is_refused(server: Server, secret: str) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    sent = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    connection.request("PATCH", "/api/tasks/T01/", iter([b'{"status":', b'"done"}']), sent, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_log_has_no_token(server: Server, secret: str) -> None:
    assert patch(server, secret[:-1], "tasks/T01/", {})[0] == 401
    log = server.log.read_text()
    assert "refused a token from 127.0.0.1 for /api/tasks/T01/: unknown token" in log
    assert secret[:-1] not in log


@pytest.mark.parametrize(
    ("token", "size", "status"), [("", 1_500_000, 413), ("", 1_000_000, 200), ("x", 1_000_000, 401)]
)
def test_refusal_waits_for_the_body(server: Server, secret: str, token: str, size: int, status: int) -> None:
    """A client or a proxy that is still sending would get a reset, and not the answer."""
    new_task()
    body = json.dumps({"status": "done"}).encode().ljust(size)
    head = [
        "PATCH /api/tasks/T01/ HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {secret}{token}",
        "Content-Type: application/json",
        f"Content-Length: {size}",
        "Connection: close",
    ]
    with socket.create_connection(("127.0.0.1", server.port), 60) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode())
        time.sleep(0.5)  # the server has read the head, and would have answered
        for start in range(0, size, 100_000):
            client.sendall(body[start : start + 100_000])
        answer = client.makefile("rb").readline()
    assert answer.split()[1] == str(status).encode()
