"""The fleet's page: workers and queues by host, the checkouts that workers run, and the webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, F, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from consistency.db.queue import LOST_WORKER, QueueState, has_workers, read_queues
from consistency.models import Worker
from statehub.models import Checkout
from statehub.text import plural
from web.admin import formatting, webhooks
from web.admin.checkouts import load_newest_runs, newest_run
from web.admin.components import Facts, Note, Section, Table
from web.admin.formatting import Cell
from web.models import Webhook

PERMISSION = "statehub.view_checkout"

ROWS_SHOWN = 50
"""Rows of each table."""

SLOW_SECONDS = 60
"""Seconds that a run or a push may wait before the page marks it."""

NO_WORKERS = (
    "This hub's database is SQLite, which has no queue, so there are no workers: cron runs the checkouts, and the "
    "deliveries of webhooks are only recorded."
)


class HostRow(NamedTuple):
    """A host: its live workers, the runs they do at once, its queue, its checkouts, and the size of its clones."""

    name: str
    workers: int
    concurrency: int
    waiting: int
    running: int
    oldest_seconds: float
    checkouts: int
    size: int
    rung_at: datetime | None
    """The time of the oldest push that is known and not taken yet."""


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def fleet_view(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": "Fleet",
        "heading": "Fleet",
        "sections": list(list_sections(now)),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "web/admin/record.html", context)


def list_sections(now: datetime) -> Iterator[Section]:
    """Yield the sections of the page, in a constant number of queries."""
    hosts = load_hosts(now)
    if not has_workers():
        yield Note("No workers", NO_WORKERS, "plain")
    yield Facts("Fleet", list(_facts(hosts, now)))
    if has_workers():
        yield _hosts_table(hosts)
    yield _checkouts_table(sum(host.checkouts for host in hosts), now)
    yield _webhooks_table()


def load_hosts(now: datetime) -> list[HostRow]:
    """Return each host that has workers, a queue, or checkouts that workers run, by its name."""
    queues = {each.host: each for each in read_queues()}
    alive = Worker.objects.filter(seen_at__gte=now - LOST_WORKER).order_by().values_list("host")
    workers = {host: counts for host, *counts in alive.annotate(Count("pk"), Sum("concurrency"))}
    served = Checkout.objects.served().order_by().values_list("host")
    checkouts = {host: counts for host, *counts in served.annotate(Count("pk"), Sum("clone_size"), Min("rung_at"))}
    rows = []
    for host in sorted({*queues, *workers, *checkouts}):
        queue = queues.get(host) or QueueState(host, 0, 0, 0.0)
        number, concurrency = workers.get(host, (0, 0))
        clones, size, rung_at = checkouts.get(host, (0, 0, None))
        rows.append(
            HostRow(
                host,
                workers=number,
                concurrency=concurrency,
                waiting=queue.waiting,
                running=queue.running,
                oldest_seconds=queue.oldest_seconds,
                checkouts=clones,
                size=size or 0,
                rung_at=rung_at,
            )
        )
    return rows


def _facts(hosts: Sequence[HostRow], now: datetime) -> Iterator[tuple[str, Cell]]:
    if has_workers():
        yield "Workers alive", f"{sum(host.workers for host in hosts):,}"
        waiting, oldest = sum(host.waiting for host in hosts), max((host.oldest_seconds for host in hosts), default=0.0)
        wait = format_html(", the oldest for {}", _wait(oldest)) if waiting else ""
        yield "Queue", format_html("{} {}{}", f"{waiting:,}", plural(waiting, "run"), wait)
        yield "At work", f"{sum(host.running for host in hosts):,}"
    rung = min((host.rung_at for host in hosts if host.rung_at is not None), default=None)
    yield "Oldest push not taken", _wait((now - rung).total_seconds()) if rung else formatting.NONE
    yield "Checkouts", f"{sum(host.checkouts for host in hosts):,}"
    yield "Size of the clones", formatting.size(sum(host.size for host in hosts))
    rows = webhooks.with_state(Webhook.objects.all()).order_by().values_list("state")
    counts: dict[str, int] = dict(rows.annotate(number=Count("pk")))
    badges = [
        format_html("{} {}", f"{counts[state]:,}", webhooks.badge(state))
        for state in webhooks.STATES
        if counts.get(state)
    ]
    yield "Webhooks", formatting.join(badges) if badges else formatting.NONE


def _hosts_table(hosts: Iterable[HostRow]) -> Table:
    return Table(
        "Hosts",
        ("Host", "Workers", "Runs at once", "Queue", "At work", "Oldest run waits", "Checkouts", "Size of the clones"),
        [
            (
                formatting.text(host.name, 40),
                formatting.badge("none", "bad", "no worker of this host is alive")
                if not host.workers
                else str(host.workers),
                f"{host.concurrency:,}",
                f"{host.waiting:,}",
                f"{host.running:,}",
                _wait(host.oldest_seconds) if host.waiting else formatting.NONE,
                f"{host.checkouts:,}",
                formatting.size(host.size),
            )
            for host in hosts
        ],
        empty="No host has workers or checkouts for them. On a worker's machine run: manage.py run_worker",
    )


def _checkouts_table(total: int, now: datetime) -> Table:
    """Return the table of the checkouts that workers run: first those whose push waits, then by the repo's slug."""
    rows = Checkout.objects.served().select_related("repo")
    shown = list(rows.order_by(F("rung_at").asc(nulls_last=True), "repo__slug", "host", "path")[:ROWS_SHOWN])
    runs = load_newest_runs([checkout.pk for checkout in shown])
    return Table(
        "Checkouts that workers run",
        ("Repo", "Checkout", "Kind", "Size", "Newest run", "Newest push", "Next poll"),
        [
            (
                formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug, 40),
                formatting.link("statehub_checkout", checkout.pk, checkout.host, 40),
                "managed" if checkout.managed else "watched",
                formatting.size(checkout.clone_size) if checkout.clone_size is not None else formatting.NONE,
                newest_run(runs.get(checkout.pk)),
                _lag(checkout, now),
                _next_poll(checkout),
            )
            for checkout in shown
        ],
        empty="None. The hub makes a clone of its own with: manage.py register_repo --remote URL",
        note=_note(len(shown), total),
    )


def _webhooks_table() -> Table:
    """Return the table of the webhooks: first those that need attention."""
    rows: Any = webhooks.with_state(Webhook.objects.select_related("repo")).order_by("attention", "repo__slug")
    shown = list(rows[: ROWS_SHOWN + 1])
    return Table(
        "Webhooks",
        ("Repo", "State", "Last delivery", "Last refused", "Reason"),
        [
            (
                formatting.link("statehub_repo", webhook.repo_id, webhook.repo.slug, 40),
                webhooks.badge(webhook.state),
                formatting.time(webhook.delivered_at, seconds=True),
                formatting.time(webhook.refused_at, seconds=True),
                formatting.text(webhook.refused_reason, 70),
            )
            for webhook in shown[:ROWS_SHOWN]
        ],
        empty="None. A repo's forge announces pushes with: manage.py webhook SLUG",
        note=f"The first {ROWS_SHOWN}; each repo's page has its own." if len(shown) > ROWS_SHOWN else "",
    )


def _wait(seconds: float) -> Cell:
    """Return how long something has waited; too long is marked."""
    shown = formatting.seconds(max(0.0, seconds))
    return formatting.badge(shown, "warn", f"more than {SLOW_SECONDS} s") if seconds > SLOW_SECONDS else shown


def _lag(checkout: Checkout, now: datetime) -> Cell:
    """Return the time in which the newest push was taken, or for how long one has waited."""
    if checkout.rung_at is not None:
        return format_html("waits for {}", _wait((now - checkout.rung_at).total_seconds()))
    return formatting.NONE if checkout.push_lag is None else format_html("taken in {}", _wait(checkout.push_lag))


def _next_poll(checkout: Checkout) -> Cell:
    failures = checkout.poll_failures
    failed = formatting.badge(f"{failures} failed", "warn", "polls in a row that failed") if failures else ""
    return format_html("{} {}", formatting.time(checkout.poll_at), failed)


def _note(shown: int, total: int) -> Cell:
    if shown == total:
        return ""
    link = formatting.anchor(formatting.listing("statehub_checkout"), "all checkouts")
    return format_html("{} of {}, those whose push waits first – {}", shown, f"{total:,}", link)
