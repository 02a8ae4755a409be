"""`python -m tests.fleet`: a fleet in which much goes wrong. Exits 1 if anything is lost or not at rest afterwards."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from testing import environment
from testing.manage import manage
from testing.postgres import UnavailableError, server
from testing.server import StartError


def main() -> int:
    """Work, print what was done, and what went wrong."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that servers, workers and the folder go then, too
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statehub-fleet-")))
            environment.pin(folder)
            os.environ.pop("TEST_DATABASE_URL", None)  # The server is restarted.
            os.environ["DATABASE_URL"] = stack.enter_context(server())
            return _campaign(folder, options)
    except (UnavailableError, StartError, RuntimeError, OSError) as problem:
        print(f"fleet: {problem}", file=sys.stderr)
        return 2


def _campaign(folder: Path, options: argparse.Namespace) -> int:
    import django

    django.setup()
    from django.db import connection, connections

    from tests.fleet import campaign, verdict, world

    if (ended := manage("migrate", "--verbosity=0")).exit:
        raise RuntimeError(ended.stderr)
    with connection.cursor() as cursor:  # What was committed before a restart is there after it.
        cursor.execute("ALTER ROLE statehub SET synchronous_commit = on")
    connection.close()
    print(f"seed {options.seed}: {options.repos} repos, {options.seconds:g} s", flush=True)
    with world.build(folder, os.environ["DATABASE_URL"], options.repos, options.seed) as made:
        print(
            f"{'a disk that gets full' if made.has_small_disk else 'NO disk that gets full: only root can mount one'}",
            flush=True,
        )
        try:
            done = campaign.run(made, options.seconds, options.seed, fault_pause=options.pause)
            wrongs = verdict.judge(done) or verdict.find_blind_spots(done)
        finally:
            connections.close_all()
        for name, number in done.counts.items():
            print(f"{name:32}{number:>9,}")
        print(f"{'seconds':32}{done.seconds:>9.1f}\n{'seconds until at rest':32}{done.rest_seconds:>9.1f}")
        print(*(f"  {wrong}" for wrong in wrongs), sep="\n")
        if options.logs:
            print(*(f"---- {log.name}\n{log.read_text(errors='replace')}" for log in made.logs), sep="\n")
            print(f"---- the server\n{done.server_log}")
    print(f"{len(wrongs)} wrong")
    return int(bool(wrongs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--repos", type=int, default=30, help="default 30")
    parser.add_argument("--seconds", type=float, default=60, help="the time in which all are at work, default 60")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="default by chance")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two faults, about; default 3")
    parser.add_argument("--logs", action="store_true", help="print the logs of the workers")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
