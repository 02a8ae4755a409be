"""Every page of the admin, the dashboard with them: the server's time, its queries, and the plans of slow ones."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.scale.plans import Plan, explain
from bench.scale.size import HOSTS, Size
from testing.table import markdown

LIMIT_MS = 150
SLOW_QUERY_MS = 10
PLANS_SHOWN = 4

FRESH_DASHBOARD = "dashboard, charts made now"
"""The first of a process, and then once in five minutes; all other requests show the charts that were made then."""

LISTS = {
    "findings": "consistency/finding",
    "runs": "consistency/run",
    "tasks": "statehub/task",
    "workstreams": "statehub/workstream",
    "repos": "statehub/repo",
    "checkouts": "statehub/checkout",
}
BOARD = {
    "board": ("", "repo=repo-00007", "workplan=WP-000123", "owner=person-007", "taken_by=person-007",
              "priority=critical", "repo=repo-00007&priority=low", "owner=person-007&priority=high", "repo=nowhere"),
    "activity": ("", "repo=repo-00007", "workplan=WP-000123", "who=person-007", "repo=repo-00007&who=person-007",
                 "until=2026-01-01", "repo=nowhere", "who=nobody"),
}  # fmt: skip
PEOPLE = {"users": "auth/user", "groups": "auth/group", "tokens": "web/apitoken"}
HOST = HOSTS[-1]


@dataclass(frozen=True, slots=True)
class Page:
    """One page and its cost: milliseconds of the server, queries, bytes; *plans* are those of a slow one's queries."""

    name: str
    best: float
    median: float
    queries: int
    size: int
    plans: tuple[Plan, ...] = ()


def measure(size: Size, repeat: int, limit: float) -> list[Page]:
    """Ask for every page, *repeat* times; one whose median is above *limit* ms gets its plans."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    client.get("/admin/")  # loads what is loaded once
    return [measure_page(name, partial(client.get, address), repeat, limit) for name, address in _addresses(size)]


def table(pages: list[Page], name: str = "page") -> list[str]:
    """Return the lines of the table of pages, or of what else their *name* says."""
    header = (name, "ms", "median", "queries", "KB")
    rows = [(p.name, f"{p.best:.0f}", f"{p.median:.0f}", str(p.queries), f"{p.size / 1000:.0f}") for p in pages]
    return markdown(header, rows)


def verdict(pages: list[Page], limit: float, name: str = "page") -> list[str]:
    """Return what is to be said about the pages that take longer than *limit* ms, with the plans of their queries."""
    slow = [page for page in pages if page.median > limit]
    if not slow:
        return [f"Every {name} is under {limit:.0f} ms."]
    lines = [f"Over {limit:.0f} ms: {', '.join(page.name for page in slow)}"]
    return lines + [f"- {page.name}: {plan}" for page in slow for plan in page.plans]


def _addresses(size: Size) -> Iterator[tuple[str, str]]:
    """Yield the names and addresses of the pages."""
    from consistency.models import Finding, Run
    from statehub.models import Checkout, Repo, Task, Workstream
    from web.board.links import workplan_url

    queries = {
        "findings": ("code=C-13", "code=C-01", "severity=FAIL", "severity=INFO", "state=open", "state=unverified",
                     "state=resolved", f"host={HOST}", "checkout__repo__id__exact=7", "since=7", "since=90",
                     f"code=C-13&state=open&host={HOST}", "q=WP-000123", "q=ahead", "q=nowhere",
                     f"p={_last_page(size.findings)}", "first_seen__year=2026", "o=8"),
        "runs": ("outcome=error", "trigger=cron", "trigger=api", "mode=fix", f"host={HOST}",
                 "checkout__repo__id__exact=7", "q=repo-00042", f"p={_last_page(size.runs)}",
                 "started_at__year=2026", "o=0"),
        "tasks": ("status=todo", "status=done&priority=critical", "priority=low", "workstream__repo__id__exact=7",
                  "q=gateway", "q=WP-000123", "q=nowhere", f"p={_last_page(size.tasks)}", "o=0", "o=6"),
        "workstreams": ("status=active", "repo__id__exact=7", "q=gateway", "q=nowhere", "o=1", "o=7",
                        f"p={_last_page(size.tasks // 20)}"),
        "repos": ("q=repo-00042", f"p={_last_page(size.repos)}"),
        "checkouts": (f"host={HOST}", "state=retired", "q=repo-00042", f"p={_last_page(2 * size.repos)}"),
    }  # fmt: skip
    yield FRESH_DASHBOARD, "/admin/"
    yield "dashboard", "/admin/"
    for name, filters in BOARD.items():
        for query in filters:
            yield f"{name} ?{query}".removesuffix(" ?"), f"/admin/{name}/?{query}"
    yield "a workplan", workplan_url(Workstream.objects.select_related("repo")[:1].get())
    for name, place in LISTS.items():
        yield name, f"/admin/{place}/"
        for query in queries[name]:
            yield f"{name} ?{query}", f"/admin/{place}/?{query}"
    details = (("findings", Finding), ("runs", Run), ("tasks", Task), ("workstreams", Workstream), ("repos", Repo))
    for name, model in (*details, ("checkouts", Checkout)):
        yield f"a page of {name}", f"/admin/{LISTS[name]}/{model._default_manager.all()[:1].get().pk}/change/"
    for name, model in (("tasks", Task), ("workstreams", Workstream)):
        yield f"delete one of {name}", f"/admin/{LISTS[name]}/{model._default_manager.all()[:1].get().pk}/delete/"
    yield "move a checkout", f"/admin/{LISTS['checkouts']}/{Checkout.objects.all()[:1].get().pk}/move/"
    repos = "/admin/autocomplete/?app_label=statehub&model_name=workstream&field_name=repo"
    yield "choose a repo", repos
    yield "choose a repo ?term=repo-00042", f"{repos}&term=repo-00042"
    for name, place in PEOPLE.items():
        yield name, f"/admin/{place}/"
        yield f"add to {name}", f"/admin/{place}/add/"


def _last_page(rows: int) -> int:
    """Return the last page of a list with 50 rows on a page."""
    from web.admin.readonly import LIST_LIMIT

    return max(1, min(rows, LIST_LIMIT) // 50)


def measure_page(name: str, load: Callable[[], Any], repeat: int, limit: float) -> Page:
    """Call *load*, which asks for the page, *repeat* times; if the median is above *limit* ms, find the plans."""
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def forget() -> None:
        if name == FRESH_DASHBOARD:
            cache.clear()

    load()  # makes the dashboard's charts
    forget()
    with CaptureQueriesContext(connection) as captured:
        answer = load()
    queries = captured.captured_queries  # now: the next request clears them
    assert answer.status_code == 200, (name, answer.status_code)
    times = []
    for _ in range(repeat):
        forget()
        started = time.perf_counter()
        load()
        times.append(1000 * (time.perf_counter() - started))
    median = statistics.median(times)
    print(f"{name}: {median:.0f} ms", file=sys.stderr, flush=True)
    slow = [query for query in queries if 1000 * float(query["time"]) > SLOW_QUERY_MS]
    slow.sort(key=lambda query: -float(query["time"]))
    plans = [explain(query["sql"]) for query in slow[:PLANS_SHOWN] if query["sql"].lstrip("(").startswith("SELECT")]
    return Page(name, min(times), median, len(queries), len(answer.content), tuple(plans) if median > limit else ())
