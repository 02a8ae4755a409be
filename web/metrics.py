"""Metrics for Prometheus: open findings by code, runs by outcome, the age of each checkout's last successful run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

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
from consistency.models import Finding, Run, RunState
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
    """Collects the metrics in three queries."""

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield _findings()
        yield _runs()
        yield _ages(timezone.now())

    def describe(self) -> list[Metric]:
        """Return nothing; otherwise the registry would collect everything once more to learn the names."""
        return []


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


def _ages(now: datetime) -> Metric:
    """Return the seconds since each checkout's last successful run; infinite if none succeeded, so that alerts fire."""
    metric = GaugeMetricFamily(
        "statehub_checkout_last_good_run_age_seconds",
        "Seconds since the last run of this checkout that succeeded; +Inf if none did.",
        labels=["repo", "host", "path"],
    )
    # The newest comes from the index on checkout and start, without reading all runs.
    last = Run.objects.filter(outcome=RunState.OK).newest_per_checkout("finished_at")
    rows = Checkout.objects.active().order_by("pk").annotate(last=last)
    for repo, host, path, last in rows.values_list("repo__slug", "host", "path", "last"):
        metric.add_metric([repo, host, path], NEVER if last is None else max(0.0, (now - last).total_seconds()))
    return metric
