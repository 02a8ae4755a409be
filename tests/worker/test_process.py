"""Real worker processes on PostgreSQL, with real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from statehub.models import Checkout
from testing.hub import Hub
from testing.repos import Clone
from testing.workers import wait_until, working
from tests.cli.helpers import edit, mirrored, publish, statuses


@pytest.fixture
def served(hub: Hub, clone: Clone) -> Checkout:
    """Return a checkout with one workplan that is given to workers."""
    if connection.vendor != "postgresql":
        pytest.skip("workers need PostgreSQL")
    mirrored(clone)
    Checkout.objects.update(watch=True)
    return Checkout.objects.get()


def test_push_is_taken(hub: Hub, clone: Clone, served: Checkout, tmp_path: Path) -> None:
    edit(clone, "status: todo", "status: done")
    publish(clone)
    with working(hub.url, tmp_path / "log", "--concurrency=2") as worker:
        wait_until(lambda: statuses()["WP-1-T01"] == "done")
        assert worker.stop() == 0
    assert worker.text == "working on the queue of host 'test-host', on 2 checkouts at a time\nstopped\n"
