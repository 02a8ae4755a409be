"""`python -m tests.concurrency`: run reporters, fixers and people at once. Exits 1 if anything went wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testing import environment
from testing.postgres import UnavailableError, server, with_name

NAME = "concurrency_statehub"


def main() -> int:
    """Work, print what was done, and what went wrong."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers and the folder go then, too
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statehub-concurrency-")))
            environment.pin(folder)
            if options.db == "postgresql":
                os.environ["DATABASE_URL"] = stack.enter_context(_database())
            return _campaign(folder, options)
    except (UnavailableError, RuntimeError, OSError) as problem:
        print(f"concurrency: {problem}", file=sys.stderr)
        return 2


def _campaign(folder: Path, options: argparse.Namespace) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from testing.hub import Hub
    from tests.concurrency import campaign, verdict, world

    call_command("migrate", verbosity=0)
    size = world.POSTGRESQL if options.db == "postgresql" else world.SQLITE
    print(
        f"seed {options.seed}: {size.reporters} reporters, {size.fixers} fixers on each of {size.hosts} hosts, "
        f"{size.people} people, {options.db}",
        flush=True,
    )
    try:
        done = campaign.run(
            world.build(Hub(os.environ["DATABASE_URL"]), folder, size), options.operations, options.seed
        )
        said = verdict.judge(done)
        for name, number in done.counts.items():
            print(f"{name:18}{number:>9,}")
    finally:
        connections.close_all()
    print(f"{'seconds':18}{done.seconds:>9.1f}  (at rest after {done.rounds} rounds)")
    print(f"{len(said.lost)} lost, {len(said.regressed)} regressed, {len(said.deadlocks)} deadlocks")
    for wrong in said.wrongs:
        print(f"  {wrong}")
    return int(bool(said.wrongs))


@contextmanager
def _database() -> Iterator[str]:
    """Yield the URL of an empty database on a server of its own, or on the one of TEST_DATABASE_URL."""
    import psycopg

    with server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{NAME}"'.encode())
            connection.execute(f'CREATE DATABASE "{NAME}"'.encode())
        try:
            yield with_name(url, NAME)
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)'.encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.concurrency", description=__doc__)
    parser.add_argument("--operations", type=int, default=2000, help="calls of all reporters together, default 2000")
    parser.add_argument("--db", choices=["postgresql", "sqlite"], default="postgresql", help="default postgresql")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="default by chance")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
