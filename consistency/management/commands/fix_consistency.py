"""Finds every difference between checkouts and the hub, and fixes those that cost no progress."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.conf import settings

from consistency.cli.base import RunCommand
from consistency.models import Mode


class Command(RunCommand):
    """A run that fixes: the hub advances, files are written back and committed."""

    help = (
        "Find every difference between checkouts and the hub and fix it: the hub takes what is new in the files, "
        "the files take the hub's statuses, as one commit. No status ever moves backwards in the hub."
    )
    mode = Mode.FIX

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-writeback", action="store_true", help="leave the files as they are")
        parser.add_argument("--dry-run", action="store_true", help="show what a fix would do; write nothing")
        parser.add_argument(
            "--pull",
            action="store_true",
            help="first bring the checkout up to date, by fast-forward; State Hub's own unpushed commits are "
            "recreated if necessary",
        )
        parser.add_argument(
            "--push",
            action=BooleanOptionalAction,
            default=None,
            help="push the writeback commit, by fast-forward (default: STATEHUB_PUSH, or not)",
        )

    def work(self, options: dict[str, Any]) -> int:
        if options["push"] and options["no_writeback"]:
            self.warn("--push pushes what a writeback commits: nothing is pushed with --no-writeback")
        if options["push"] is None:
            options["push"] = settings.STATEHUB_PUSH
        return super().work(options)
