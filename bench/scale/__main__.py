"""`python -m bench.admin`: fill PostgreSQL with a large hub, ask for every page, print what each cost."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.admin.size import Size
from testing.postgres import UnavailableError, server, with_name
from testing.table import markdown

if TYPE_CHECKING:
    from django.test import Client

LIMIT_MS = 500
DATABASE = "bench_statehub_admin"


@dataclass(frozen=True, slots=True)
class Page:
    """One page and what it cost: milliseconds of the server, queries, bytes."""

    name: str
    best: float
    median: float
    queries: int
    size: int


def main() -> int:
    """Measure; return 0, or 1 if a page needs more than the limit, or 2 if nothing could be measured."""
    options = _options()
    try:
        with tempfile.TemporaryDirectory(prefix="statehub-bench-") as folder, server() as url:
            _prepare(url, folder)
            pages = list(_measured(Size(options.repos, options.tasks, options.findings, options.runs), options.repeat))
    except UnavailableError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    header = ("page", "ms", "median", "queries", "KB")
    rows = [(p.name, f"{p.best:.0f}", f"{p.median:.0f}", str(p.queries), f"{p.size / 1000:.0f}") for p in pages]
    print(*markdown(header, rows), "", sep="\n")
    slow = [page.name for page in pages if page.median > LIMIT_MS]
    print(f"Over {LIMIT_MS} ms: {', '.join(slow)}" if slow else f"Every page is under {LIMIT_MS} ms.")
    return 1 if slow else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.admin", description=__doc__)
    size = Size()
    for name in ("repos", "tasks", "findings", "runs"):
        parser.add_argument(f"--{name}", type=int, default=getattr(size, name), help="default: %(default)s")
    parser.add_argument("--repeat", type=int, default=5, help="times that each page is asked for (default: 5)")
    return parser.parse_args()


def _prepare(url: str, folder: str) -> None:
    """Create an empty database, and set up Django on it with production's settings as far as they cost time."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}"'.encode())
        connection.execute(f'CREATE DATABASE "{DATABASE}"'.encode())
    os.environ.update(
        DJANGO_SETTINGS_MODULE="statehub.settings", DATABASE_URL=with_name(url, DATABASE), STATEHUB_VAR=folder,
        STATEHUB_ENV_FILE=os.devnull, DEBUG="false", SECRET_KEY="x" * 50, ALLOWED_HOSTS="testserver",
        SECURE_SSL_REDIRECT="false",
    )  # fmt: skip
    import django

    django.setup()


def _measured(size: Size, repeat: int) -> Iterator[Page]:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    from bench.admin.fill import fill

    call_command("migrate", verbosity=0)
    print(f"filling: {size} …", file=sys.stderr, flush=True)
    fill(size)
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    client.get("/admin/")  # loads what is loaded once
    for name, address in _addresses(size).items():
        yield _page(client, name, address, repeat)


def _middle_page(rows: int) -> int:
    """Return the middle page of a list with 50 rows on a page."""
    return max(1, rows // 100)


def _addresses(size: Size) -> dict[str, str]:
    from consistency.models import Finding, Run
    from statehub.models import Checkout, Repo, Task, Workstream

    lists = {
        "findings": "consistency/finding",
        "runs": "consistency/run",
        "tasks": "statehub/task",
        "workstreams": "statehub/workstream",
        "repos": "statehub/repo",
        "checkouts": "statehub/checkout",
    }
    queries = {
        "findings": ("code=C-13", "code=C-01", "severity=FAIL", "state=open", "state=unverified", "state=resolved",
                     "host=host-3", "checkout__repo__id__exact=7", "code=C-13&state=open&host=host-3", "q=WP-000123",
                     "q=ahead", "q=nowhere", f"p={_middle_page(size.findings)}", "first_seen__year=2026"),
        "runs": ("outcome=error", "trigger=cron", "mode=fix", "host=host-3", "checkout__repo__id__exact=7",
                 "q=repo-00042", f"p={_middle_page(size.runs)}"),
        "tasks": ("status=todo", "status=done&priority=critical", "workstream__repo__id__exact=7", "q=gateway",
                  "q=WP-000123", "q=nowhere", f"p={_middle_page(size.tasks)}", "o=1"),
        "workstreams": ("status=active", "repo__id__exact=7", "q=gateway"),
        "repos": ("q=repo-00042",),
        "checkouts": ("host=host-3", "q=repo-00042"),
    }  # fmt: skip
    found = {}
    for name, place in lists.items():
        found[name] = f"/admin/{place}/"
        found.update({f"{name} ?{query}": f"/admin/{place}/?{query}" for query in queries[name]})
    details = (("findings", Finding), ("runs", Run), ("tasks", Task), ("workstreams", Workstream), ("repos", Repo))
    for name, model in (*details, ("checkouts", Checkout)):
        found[f"a page of {name}"] = f"/admin/{lists[name]}/{model._default_manager.all()[:1].get().pk}/change/"
    return found


def _page(client: Client, name: str, address: str, repeat: int) -> Page:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    queries = len(captured)
    assert answer.status_code == 200, (name, answer.status_code)
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        client.get(address)
        times.append(1000 * (time.perf_counter() - started))
    print(f"{name}: {statistics.median(times):.0f} ms", file=sys.stderr, flush=True)
    return Page(name, min(times), statistics.median(times), queries, len(answer.content))


if __name__ == "__main__":
    sys.exit(main())
