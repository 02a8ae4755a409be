"""A push, the forge's delivery over real HTTP, a real worker, and the status in the hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from consistency.models import Finding, Run
from statehub.models import Checkout
from statehub.standard_webhooks import make_secret
from testing.hub import Hub
from testing.repos import Clone
from testing.server import Server
from testing.workers import wait_until, working
from tests.cli.helpers import edit, publish, run, statuses
from tests.web.hooks.helpers import headers_of, list_jobs, payload_of

NewManaged = Callable[[str], tuple[Checkout, Clone]]

SECONDS = 20
"""The time for a push to reach the hub on a machine that is busy; polling would take an hour."""


@pytest.fixture
def server(queue_hub: Hub, tmp_path: Path) -> Iterator[Server]:
    with queue_hub.serve(tmp_path, workers=1) as running:
        yield running


@pytest.fixture
def net(new_managed: NewManaged) -> tuple[Checkout, Clone]:
    """Return a clone of the hub's own, and that of a person."""
    return new_managed("net")


@pytest.fixture
def worker(queue_hub: Hub, net: tuple[Checkout, Clone], tmp_path: Path) -> Iterator[None]:
    """Run a worker that polls once an hour; a first poll while `net` is registered would ask for a run of its own."""
    with working(queue_hub.url, tmp_path / "worker.log", env={"STATEHUB_POLL_SECONDS": "3600"}):
        yield


def deliver(server: Server, path: str, secret: str) -> tuple[int, Any]:
    client = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        body = payload_of("gitea")
        client.request("POST", path, body, headers_of("gitea", secret, body))
        response = client.getresponse()
        return response.status, json.loads(response.read())
    finally:
        client.close()


def runs_by_webhook() -> int:
    return Run.objects.filter(trigger="webhook", outcome="ok").count()


def test_announced_push_is_taken_at_once(net: tuple[Checkout, Clone], server: Server, worker: None) -> None:
    checkout, person = net
    made = json.loads(run("webhook", "net", "--forge", "gitea", "--format", "json").stdout)
    # A new repo is polled once; the delivery comes after that.
    assert deliver(server, made["path"], made["secret"])[0] == 202
    wait_until(lambda: runs_by_webhook() == 1 and not list_jobs(), SECONDS)
    edit(person, "status: todo", "status: done")
    publish(person)

    assert deliver(server, made["path"], make_secret())[0] == 401
    assert statuses()["WP-1-T01"] == "todo"
    assert deliver(server, made["path"], made["secret"])[0] == 202
    wait_until(lambda: statuses()["WP-1-T01"] == "done", SECONDS)
    wait_until(lambda: runs_by_webhook() == 2, SECONDS)
    checkout.refresh_from_db()
    assert checkout.rung_at is None
    assert checkout.push_lag is not None
    assert 0 < checkout.push_lag < SECONDS
    assert not Finding.objects.filter(code="C-29").exists()


def test_storm_of_deliveries_ends_in_few_runs(net: tuple[Checkout, Clone], server: Server, worker: None) -> None:
    """One for those that came before it began, and at most one for those during each run."""
    _, person = net
    made = json.loads(run("webhook", "net", "--forge", "gitea", "--format", "json").stdout)
    edit(person, "status: todo", "status: done")
    publish(person)
    answers = [deliver(server, made["path"], made["secret"]) for _ in range(50)]
    assert {status for status, _ in answers} == {202}
    queued = sum(answer["queued"] for _, answer in answers)
    wait_until(lambda: statuses()["WP-1-T01"] == "done" and not list_jobs(), SECONDS)
    assert 1 <= runs_by_webhook() <= queued < 25
