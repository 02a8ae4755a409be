"""Sweeps of one host's checkouts, and the pruning of the history: time, CPU and peak memory of the command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.measure import RunFailedError, Sample, timed
from bench.scale.clones import Clones
from bench.scale.size import HOSTS
from testing.environment import isolated
from testing.manage import ROOT
from testing.table import markdown

CHANGED_SHARE = 0.01
PRUNED_DAYS = 90


@dataclass(frozen=True, slots=True)
class Row:
    """One command: the number of checkouts that it ran on, or None, its cost, and what it did."""

    name: str
    checkouts: int | None
    cost: Sample
    result: str


def measure(url: str, folder: Path, clones: Clones, number: int) -> list[Row]:
    """Sweep the first *number* repos' checkouts, then prune. Raises RunFailedError and GitFailedError."""
    from statehub.models import Task

    home = folder / "home"
    home.mkdir()
    environment = isolated(home, url=url, host=HOSTS[0], var=folder / "var")
    repos = range(1, number + 1)
    _say(f"making {number:,} clones")
    clones.create(repos)
    rows = [_sweep("first fix: every file is read", number, environment)]
    rows.append(_sweep("nothing to do", number, environment))
    rows.append(_sweep("nothing to do", max(1, number // 4), environment))
    changed = repos[:: round(1 / CHANGED_SHARE)]
    tasks = clones.finish_one_task(changed)
    rows.append(_sweep(f"a task moved in {len(changed):,} of them", number, environment))
    if Task.objects.filter(pk__in=tasks, status="done").count() != len(tasks):
        raise RunFailedError("the sweep did not take the statuses of the files that had changed")
    rows.append(_prune(environment))
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table."""
    header = ("command", "checkouts", "wall s", "CPU s", "ms a checkout", "peak MB", "result")
    return markdown(header, [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    number = "-" if row.checkouts is None else f"{row.checkouts:,}"
    each = "-" if row.checkouts is None else f"{1000 * row.cost.wall / row.checkouts:.1f}"
    peak = f"{row.cost.peak / 10**6:.0f}"
    return (row.name, number, f"{row.cost.wall:.1f}", f"{row.cost.cpu:.1f}", each, peak, row.result)


def _sweep(name: str, number: int, environment: Mapping[str, str]) -> Row:
    """Fix the first *number* checkouts of the host. Raises RunFailedError if a run did not end well."""
    from django.utils import timezone

    from consistency.models import Run
    from statehub.models import Checkout

    _say(f"sweeping {number:,} checkouts: {name}")
    mine = Checkout.objects.filter(host=HOSTS[0])
    mine.filter(repo__lte=number).update(retired_at=None)
    mine.filter(repo__gt=number).update(retired_at=timezone.now())
    started: datetime = timezone.now()
    cost = _timed(environment, "fix_consistency", "--all", "--fail-on=never", "--verbosity=0")
    runs = Run.objects.filter(started_at__gte=started)
    good = runs.filter(outcome="ok", converged=True, freshness="fresh").count()
    if (good, runs.count()) != (number, number):
        raise RunFailedError(f"{good} of {runs.count()} runs of {number} checkouts ended well")
    return Row(f"fix --all, {name}", number, cost, f"{good:,} runs")


def _prune(environment: Mapping[str, str]) -> Row:
    from consistency.models import Finding, Run

    _say("pruning")
    before = Finding.objects.count(), Run.objects.count()
    cost = _timed(environment, "prune_history", f"--older-than={PRUNED_DAYS}", "--verbosity=0")
    findings, runs = before[0] - Finding.objects.count(), before[1] - Run.objects.count()
    name = f"prune_history --older-than={PRUNED_DAYS}"
    return Row(name, None, cost, f"{findings:,} findings and {runs:,} runs deleted")


def _timed(environment: Mapping[str, str], *arguments: str) -> Sample:
    return timed([sys.executable, str(ROOT / "manage.py"), *arguments], environment=environment, folder=ROOT)


def _say(text: str) -> None:
    print(f"{text} …", file=sys.stderr, flush=True)
