"""Metrics for Prometheus: findings by code, runs by outcome, checkouts by age, notifications, queues of the workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from consistency.core.codes import CODES
from consistency.db.queue import LOST_WORKER, read_queues
from consistency.db.receivers import read_receivers
from consistency.models import Finding, Run, RunState, Worker
from statehub.database_errors import explain_database_error
from statehub.models import Checkout
from web.api.authentication import authenticate
from web.api.problems import ProblemError, unavailable

NEVER = float("inf")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Respond with the current numbers; the request needs a token, which may be read-only."""
    try:
        authenticate(request)
        # A registry for each request: all numbers come from the database, none from the worker process.
        registry = CollectorRegistry()
        registry.register(HubCollector())
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encoder(registry), content_type=content_type)
    except ProblemError as problem:
        return problem.response()
    except DatabaseError as error:
        explained = explain_database_error(error)
        if not explained.is_unavailable:
            raise
        return unavailable(explained).response()


class HubCollector(Collector):
    """Collects the metrics in four queries, and two more if workers have checkouts."""

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield _findings()
        yield _runs()
        now, checkouts = timezone.now(), _read_checkouts()
        yield _ages(checkouts, now)
        yield from _notifications(now)
        served = [each for each in checkouts if each.managed or each.watch]
        if served:
            yield from _clones(served, now)
            yield from _queues({each.host for each in served}, now)

    def describe(self) -> list[Metric]:
        """Return nothing; otherwise the registry would collect everything once more to learn the names."""
        return []


class _Checkout(NamedTuple):
    repo: str
    host: str
    path: str
    managed: bool
    watch: bool
    clone_size: int | None
    rung_at: datetime | None
    push_lag: float | None
    last: datetime | None
    """The end of the last run that succeeded."""


def _read_checkouts() -> list[_Checkout]:
    # The newest comes from the index on checkout and start, without reading all runs.
    last = Run.objects.filter(outcome=RunState.OK).newest_per_checkout("finished_at")
    rows = Checkout.objects.active().order_by("pk").annotate(last=last)
    columns = ("repo__slug", *_Checkout._fields[1:])
    return [_Checkout(*row) for row in rows.values_list(*columns)]


def _findings() -> Metric:
    metric = GaugeMetricFamily("statehub_findings_open", "Open findings by code.", labels=["code"])
    rows = Finding.objects.open().order_by().values_list("code")
    counts = dict(rows.annotate(number=Count("pk")))
    for code in CODES:
        metric.add_metric([code], counts.get(code, 0))
    return metric


def _runs() -> Metric:
    help = "Recorded runs by outcome; pruning removes old ones."
    metric = GaugeMetricFamily("statehub_runs", help, labels=["outcome"])
    counts = dict(Run.objects.order_by().values_list("outcome").annotate(number=Count("pk")))
    for outcome in RunState.values:
        metric.add_metric([outcome], counts.get(outcome, 0))
    return metric


def _ages(checkouts: Iterable[_Checkout], now: datetime) -> Metric:
    """Return the seconds since each checkout's last successful run; infinite if none succeeded, so that alerts fire."""
    metric = GaugeMetricFamily(
        "statehub_checkout_last_good_run_age_seconds",
        "Seconds since the last run of this checkout that succeeded; +Inf if none did.",
        labels=["repo", "host", "path"],
    )
    for each in checkouts:
        age = NEVER if each.last is None else max(0.0, (now - each.last).total_seconds())
        metric.add_metric([each.repo, each.host, each.path], age)
    return metric


def _notifications(now: datetime) -> Iterator[Metric]:
    """Yield what each receiver of notifications does not take; receivers of the same name are one."""
    failing = GaugeMetricFamily(
        "statehub_receiver_failing_seconds",
        "Seconds since the first failed try of those in a row; 0 if the receiver takes its messages.",
        labels=["receiver"],
    )
    waiting = GaugeMetricFamily(
        "statehub_notifications_waiting",
        "Notifications that a receiver that fails has not taken.",
        labels=["receiver"],
    )
    seconds, numbers = dict[str, float](), dict[str, int]()
    for each in read_receivers(now, timedelta(hours=settings.STATEHUB_OVERDUE_HOURS)):
        since = each.failing_since if each.is_failing else None
        age = max(0.0, (now - since).total_seconds()) if since else 0.0
        seconds[each.name] = max(seconds.get(each.name, 0.0), age)
        numbers[each.name] = numbers.get(each.name, 0) + (each.waiting if each.is_failing else 0)
    for name, number in numbers.items():
        failing.add_metric([name], seconds[name])
        waiting.add_metric([name], number)
    yield from (failing, waiting)


def _clones(served: Iterable[_Checkout], now: datetime) -> Iterator[Metric]:
    """Yield the sizes and the lags of the checkouts of workers, as far as they are known."""
    labels = ["repo", "host"]
    size = GaugeMetricFamily("statehub_clone_size_bytes", "Size of a clone of the hub's own on disk.", labels=labels)
    lag = GaugeMetricFamily(
        "statehub_push_lag_seconds",
        "Seconds that the newest push waited until the hub had taken it, or has waited so far.",
        labels=labels,
    )
    for each in served:
        if each.clone_size is not None:
            size.add_metric([each.repo, each.host], each.clone_size)
        seconds = each.push_lag if each.rung_at is None else max(0.0, (now - each.rung_at).total_seconds())
        if seconds is not None:
            lag.add_metric([each.repo, each.host], seconds)
    yield from (size, lag)


def _queues(hosts: Iterable[str], now: datetime) -> Iterator[Metric]:
    """Yield the queue and the workers of each of *hosts*, and of any other that has some."""
    queues = {each.host: each for each in read_queues()}
    alive = Worker.objects.filter(seen_at__gte=now - LOST_WORKER).order_by()
    workers = dict(alive.values_list("host").annotate(number=Count("pk")))
    length = GaugeMetricFamily("statehub_queue_length", "Runs that wait for a worker.", labels=["host"])
    oldest = GaugeMetricFamily(
        "statehub_queue_oldest_seconds", "Seconds that the oldest of them has waited.", labels=["host"]
    )
    number = GaugeMetricFamily("statehub_workers", "Workers that are alive.", labels=["host"])
    for host in sorted({*hosts, *queues, *workers}):
        queue = queues.get(host)
        length.add_metric([host], queue.waiting if queue else 0)
        oldest.add_metric([host], queue.oldest_seconds if queue else 0)
        number.add_metric([host], workers.get(host, 0))
    yield from (length, oldest, number)
