"""Works on the queue of this host: polls, runs, and tidies up, until it is stopped."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.db.queue import has_workers
from statehub.management.base import HubCommand
from statehub.numbers import whole_number

CONCURRENCY, MAX_CONCURRENCY = 4, 100
"""Checkouts that a worker runs at a time, and the highest number of them."""


class Command(HubCommand):
    """A worker."""

    help = (
        "Run the checkouts of this host that are given to workers (the hub's own clones, and those of register_repo "
        "--watch): after each push and each report that the hub hears of, and otherwise regularly. SIGTERM ends it "
        "after the runs at work. Needs PostgreSQL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=whole_number(1, MAX_CONCURRENCY),
            default=CONCURRENCY,
            metavar="N",
            help=f"number of checkouts that are run at a time (default: {CONCURRENCY})",
        )

    def work(self, options: dict[str, Any]) -> int:
        if not has_workers():
            raise CommandError("workers need PostgreSQL: with SQLite cron runs fix_consistency (docs/operations.md)")
        from consistency.worker.process import WorkerProcess  # Only with PostgreSQL.

        host, verbosity = settings.STATEHUB_HOST, options["verbosity"]

        def say(line: str) -> None:
            self.say(line)
            self.stdout.flush()

        if verbosity:
            say(f"working on the queue of host '{host}', on {options['concurrency']} checkouts at a time")
        say_run = say if verbosity > 1 else _say_nothing
        status = WorkerProcess(host, options["concurrency"], say_run, self.warn).run()
        if verbosity:
            say("stopped")
        return status


def _say_nothing(_line: str) -> None:
    pass
