"""Deletes old findings and runs."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.utils import timezone

from consistency.db.notifications import prune_notifications
from consistency.db.prune import Pruned, prune
from statehub.management.base import HubCommand
from statehub.numbers import MAX_DAYS, whole_number
from statehub.text import plural


class Command(HubCommand):
    """Keeps the history of runs short."""

    help = (
        "Delete findings that were resolved, and runs that were started, more than DAYS days ago. Open findings "
        "and the newest runs of each checkout are kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        days = whole_number(1, MAX_DAYS, "days")
        parser.add_argument("--older-than", type=days, metavar="DAYS", required=True, help="a whole number above 0")
        parser.add_argument("--dry-run", action="store_true", help="only count; delete nothing")

    def work(self, options: dict[str, Any]) -> int:
        days = options["older_than"]
        before = timezone.now() - timedelta(days=days)
        pruned = prune(before, dry_run=options["dry_run"])
        if not options["dry_run"]:
            prune_notifications(before)
        if options["verbosity"]:
            self.say(_line(pruned, days, options["dry_run"]))
        return 0


def _line(pruned: Pruned, days: int, dry_run: bool) -> str:
    age = f"older than {_count(days, 'day')}"
    if pruned == Pruned(0, 0):
        return f"nothing to delete is {age}"
    did = "would delete" if dry_run else "deleted"
    return f"{did} {_count(pruned.findings, 'finding')} and {_count(pruned.runs, 'run')} {age}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {plural(number, noun)}"
