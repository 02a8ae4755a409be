"""`python -m bench.scale`: fill PostgreSQL with a large hub; measure sweeps, pruning, pages, tools and the API."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench import machine
from bench.measure import RunFailedError
from bench.repository import GitFailedError
from bench.scale import api, hub, pages, sweep, tools
from bench.scale.clones import Clones
from bench.scale.size import Size
from testing.postgres import UnavailableError

PARTS = ("pages", "tools", "api", "sweeps")


def main() -> int:
    """Measure; return 0, or 1 if a page or a tool needs more than the limit, or 2 if nothing could be measured."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folder and database go then, too
    try:
        with tempfile.TemporaryDirectory(prefix="statehub-bench-") as name, hub.opened() as url:
            return _measure(url, Path(name), options)
    except (UnavailableError, RunFailedError, GitFailedError, RuntimeError, OSError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2


def _measure(url: str, folder: Path, options: argparse.Namespace) -> int:
    size = Size(options.repos, options.tasks, options.findings, options.changes, options.runs)
    hub.set_up(url, folder)
    from bench.scale.fill import fill, index_search

    head = machine.head([hub.migrate()], seed=0, repeat=options.repeat)
    print(*(f"{name}: {head[name]}" for name in ("date", "machine", "versions")), f"hub: {size}", _load(), "", sep="\n")
    started = time.perf_counter()
    clones = Clones(folder)
    fill(size, origins=str(clones.origins), checkouts=str(clones.checkouts))
    if options.search_indexes:
        index_search()
    print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    over = False
    if "pages" in options.parts:
        found = pages.measure(size, options.repeat, options.limit)
        print(*pages.table(found), "", *pages.verdict(found, options.limit), "", sep="\n", flush=True)
        over = any(page.median > options.limit for page in found)
    if "tools" in options.parts:
        found = tools.measure(options.repeat, options.limit)
        print(*pages.table(found, "call"), "", *pages.verdict(found, options.limit, "call"), "", sep="\n", flush=True)
        over |= any(call.median > options.limit for call in found)
    if "api" in options.parts:
        print(*api.table(api.measure(folder, options.pairs)), "", sep="\n", flush=True)
    if "sweeps" in options.parts:
        number = min(size.repos, options.checkouts)
        print(*sweep.table(sweep.measure(url, folder, clones, number)), "", sep="\n", flush=True)
    print(_load())
    return int(over)


def _load() -> str:
    """Return how much work the machine had in the last minute, this benchmark's own and that of others."""
    return f"processes that ran or wanted to run in the last minute: {os.getloadavg()[0]:.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    size = Size()
    for name in ("repos", "tasks", "findings", "changes", "runs"):
        parser.add_argument(f"--{name}", type=int, default=getattr(size, name), help="default: %(default)s")
    parser.add_argument("--repeat", type=int, default=5, help="times that each page is asked for (default: 5)")
    parser.add_argument("--pairs", type=int, default=1000, help="calls of the API and its bare view (default: 1000)")
    parser.add_argument("--checkouts", type=int, default=1000, help="most checkouts to sweep (default: 1000)")
    parser.add_argument("--limit", type=float, default=pages.LIMIT_MS, help="ms for a page (default: %(default)s)")
    search = "the indexes of deploy/search-indexes.sql (default: yes)"
    parser.add_argument("--search-indexes", action=argparse.BooleanOptionalAction, default=True, help=search)
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"default: {','.join(PARTS)}")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
