"""run_worker without workers; with them: tests/worker."""

from __future__ import annotations

import pytest
from django.db import connection

from testing.hub import Hub
from tests.cli.helpers import cannot_run, run


def test_sqlite_has_no_workers(hub: Hub) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite")
    line = "workers need PostgreSQL: with SQLite cron runs fix_consistency (docs/operations.md)"
    assert run("run_worker") == cannot_run(line)
    assert hub.manage("run_worker") == cannot_run(line)


@pytest.mark.parametrize("number", ["0", "101", "many"])
def test_concurrency_is_a_number_of_checkouts(db: None, number: str) -> None:
    ended = run("run_worker", f"--concurrency={number}")
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "--concurrency" in ended.stderr
