"""Writes the hub's UUIDs into workplans."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.selection import active_checkouts, checkouts_by_slugs
from consistency.models import Mode
from consistency.runs.fetching import OpenCheckout, fetch_all
from consistency.runs.options import RunOptions
from consistency.runs.write_ids import WriteIdsResult, in_words, stamp_checkout
from statehub.errors import StateHubError
from statehub.management.base import CANNOT_RUN, HubCommand, current_user
from statehub.text import plural


class Command(HubCommand):
    """Stamps the checkouts of each SLUG on this host, or all of them."""

    help = (
        "Write the UUIDs that workplans lack into them, as the hub has them: a hub rebuilt from the files "
        "then has the same ones. Nothing else in the files changes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="repos; each of their checkouts on this host")
        parser.add_argument("--all", action="store_true", help="every checkout registered for this host")
        parser.add_argument("--commit", action="store_true", help="commit the stamped files (default: only write them)")
        parser.add_argument("--any-branch", action="store_true", help="continue even on another branch than the repo's")

    def work(self, options: dict[str, Any]) -> int:
        """Write the ids; return 1 if something was left out, 2 if a checkout could not be stamped at all."""
        if bool(options["slugs"]) == options["all"]:
            raise CommandError("say which checkouts: SLUG …, or --all")
        run_options = RunOptions.from_settings(Mode.FIX, current_user(), any_branch=options["any_branch"])
        status, host = 0, settings.STATEHUB_HOST
        try:
            checkouts = active_checkouts(host) if options["all"] else checkouts_by_slugs(options["slugs"], host)
            with closing(fetch_all(checkouts, run_options, 1)) as ready:
                for opened in ready:
                    with opened:
                        status = max(status, self._stamp(opened, run_options, options["commit"]))
        except StateHubError as error:
            raise CommandError(str(error)) from error
        return status

    def _stamp(self, opened: OpenCheckout, run_options: RunOptions, commit: bool) -> int:
        path = opened.checkout.path
        try:
            stamped = stamp_checkout(opened, run_options, self.warn, commit=commit)
        except (StateHubError, OSError) as error:
            self.warn(f"error: {path}: {error}")
            return CANNOT_RUN
        for line in stamped.left:
            self.warn(f"{path}: {line}")
        self.say(f"{path}: {_describe(stamped)}")
        return int(bool(stamped.left))


def _describe(stamped: WriteIdsResult) -> str:
    if not stamped.files:
        return "nothing to stamp" if not stamped.left else "nothing was stamped"
    workstreams, tasks = (sum(numbers) for numbers in zip(*stamped.files.values(), strict=True))
    number = len(stamped.files)
    then = f"as commit {stamped.commit[:7]}" if stamped.commit else "not committed yet"
    return f"stamped {in_words(workstreams, tasks)} in {number} {plural(number, 'file')}, {then}"
