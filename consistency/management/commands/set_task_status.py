"""Reports a task's status to the hub: forward, or at equal rank."""

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
from statehub.transitions import Actor, TaskNotFoundError, TransitionError, advance


class Command(HubCommand):
    """Ends with exit status 1 and a message if the status would go backwards."""

    help = "Report a task's status to the hub. A step back is refused: reopen_task does that on purpose."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", metavar="TASK", help="task id, SLUG/ID, or UUID")
        parser.add_argument("status", metavar="STATUS", choices=TASK_STATUSES, help=", ".join(TASK_STATUSES))

    def work(self, options: dict[str, Any]) -> int:
        try:
            task = find_task(options["task"])
            moved = advance(task, options["status"], Actor(current_user(), Source.COMMAND, settings.STATEHUB_HOST))
        except TaskNotFoundError as error:
            raise CommandError(str(error)) from error
        except TransitionError as error:
            self.warn(str(error))
            return 1
        self.report_transition(task.key, task.status, options["status"], moved)
        for warning in find_tasks_without_file([task]).values():
            self.warn(warning)
        return 0
