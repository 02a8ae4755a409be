"""Moves a task backwards in the hub, with a reason that is recorded."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.db.fileless import find_tasks_without_file
from statehub.management.base import HubCommand, current_user
from statehub.models import Source
from statehub.statuses import TASK_STATUSES
from statehub.task_lookup import find_task
from statehub.transitions import Actor, TransitionError, reopen


class Command(HubCommand):
    """The next fix carries the reopened status into the files (C-15)."""

    help = "Move a task back in the hub, with a reason. The next fix writes the status into the file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", metavar="TASK", help="task id, SLUG/ID, or UUID")
        parser.add_argument("status", metavar="STATUS", choices=TASK_STATUSES, help=", ".join(TASK_STATUSES))
        parser.add_argument("--reason", metavar="TEXT", required=True, help="why; kept with the change")

    def work(self, options: dict[str, Any]) -> int:
        try:
            task = find_task(options["task"])
            actor = Actor(current_user(), Source.COMMAND, settings.STATEHUB_HOST)
            moved = reopen(task, options["status"], options["reason"], actor)
        except TransitionError as error:
            raise CommandError(str(error)) from error
        self.report_transition(task.key, task.status, options["status"], moved)
        for warning in find_tasks_without_file([task]).values():
            self.warn(warning)
        return 0
