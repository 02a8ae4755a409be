"""Lists tasks of all repos: all, those that are next, or the user's own."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from itertools import chain
from typing import Any

from consistency.cli.listing import ListCommand, add_filter
from consistency.reports.task_rows import TASK_HEADINGS, task_cells, task_row
from statehub.management.base import current_user
from statehub.models import Task
from statehub.next_tasks import ORDER, find_next
from statehub.statuses import FINISHED, PRIORITIES, TASK_STATUSES
from statehub.task_filters import match_tasks


class Command(ListCommand[Task]):
    """Asks the hub alone: files and git are not read."""

    help = (
        "List tasks, those that are not finished first; by priority, the highest first, then by place in the workplan."
    )
    noun = "task"
    headings = TASK_HEADINGS
    make_row = staticmethod(task_row)
    make_cells = staticmethod(task_cells)

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_filter(parser, "--status", "STATUS", f"only those in it: {', '.join(TASK_STATUSES)}", choices=TASK_STATUSES)
        add_filter(parser, "--priority", "PRIORITY", f"only those with it: {', '.join(PRIORITIES)}", choices=PRIORITIES)
        add_filter(parser, "--workplan", "ID", "only those of this workplan")
        add_filter(parser, "--owner", "NAME", "only those with this owner in their task block")
        parser.add_argument(
            "--mine",
            action="store_true",
            help="only those that you have, with --next those that name you as owner (STATEHUB_USER or your login)",
        )
        parser.add_argument(
            "--next", action="store_true", help="only those that are todo, that no one has, and that wait for no other"
        )

    def find(self, options: dict[str, Any], number: int) -> Iterable[Task]:
        """Return the first *number* tasks that match the *options*."""
        user = [current_user()] if options["mine"] else []
        chosen = match_tasks(
            repo=options["repo"],
            workstream=options["workplan"],
            status=options["status"],
            priority=options["priority"],
            owner=options["owner"],
            taken_by=[] if options["next"] else user,
        )
        rows = Task.objects.filter(chosen)
        if options["next"]:  # No one has these yet: the user's are those that name the user as owner.
            return find_next(rows.filter(match_tasks(owner=user)), number)
        rows = rows.select_related("workstream__repo").order_by(*ORDER)
        wanted = options["status"] or TASK_STATUSES
        groups = [each for each in wanted if each not in FINISHED], [each for each in wanted if each in FINISHED]
        return chain.from_iterable(rows.filter(status__in=group)[:number] for group in groups if group)
