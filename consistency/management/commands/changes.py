"""Lists the changes of tasks of all repos."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from consistency.cli.listing import ListCommand, add_filter
from consistency.reports.task_rows import CHANGE_HEADINGS, change_cells, change_row
from statehub.models import StatusChange
from statehub.moments import moment
from statehub.task_filters import FEED_ORDER, match_changes


class Command(ListCommand[StatusChange]):
    """Asks the hub alone: files and git are not read."""

    help = "List changes of tasks' statuses, the newest first."
    noun = "change"
    headings = CHANGE_HEADINGS
    make_row = staticmethod(change_row)
    make_cells = staticmethod(change_cells)

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="only those since then: 7d, 12h, 2026-11-01, or a time with its zone",
        )
        add_filter(parser, "--by", "WHO", "only those made by this person or token")

    def find(self, options: dict[str, Any], number: int) -> Iterable[StatusChange]:
        """Return the first *number* changes that match the *options*."""
        chosen = match_changes(repo=options["repo"], who=options["by"], since=options["since"])
        order = [f"-{name}" for name in FEED_ORDER]
        return StatusChange.objects.filter(chosen).select_related("task__workstream__repo").order_by(*order)[:number]
