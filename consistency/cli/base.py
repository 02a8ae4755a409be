"""The base of check_consistency and fix_consistency: arguments, report, exit status."""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from consistency.cli.ping import pinged
from consistency.cli.registration import find_or_register
from consistency.cli.report_output import check_report_path, write_report
from consistency.cli.selection import active_checkouts, checkouts_by_slugs
from consistency.core.codes import SEVERITIES, Severity
from consistency.db.reconnect import retry_on_new_connection
from consistency.git.lock import CheckoutLockedError
from consistency.git.process import GitMissingError
from consistency.git.worktree import find_worktree
from consistency.models import TRIGGERS, Mode, RunState
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.progress import progress
from consistency.runs.fetching import OpenCheckout, fetch_all
from consistency.runs.options import RunOptions
from consistency.runs.run import run_checkout
from statehub.database_errors import explain_database_error
from statehub.errors import StateHubError
from statehub.management.base import CANNOT_RUN, HubCommand, current_user
from statehub.models import Checkout
from statehub.numbers import MAX_FETCHES, seconds, whole_number
from statehub.text import escape_unstorable

JOBS = 8
"""Checkouts that are opened in parallel."""

WAIT_SECONDS = 60.0
"""The time that a run waits for another run on a checkout."""

COLLECT_EVERY = 10
"""Checkouts between two collections of garbage, so that the memory of a sweep does not grow with their number."""

RECONNECT_SECONDS, RECONNECT_PAUSE_SECONDS = 30.0, 0.5
"""How long a run waits for a database that went away, and the time between two tries to connect."""

FAIL_ON = ("fail", "warn", "never")
FORMATS = ("text", "json", "sarif")


class RunCommand(HubCommand):
    """A command that runs over checkouts. `mode` says which."""

    mode: Mode

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that both commands have."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="repos, by their slugs")
        parser.add_argument("--all", action="store_true", help="every checkout registered for this host")
        parser.add_argument(
            "--path",
            action="append",
            dest="paths",
            metavar="PATH",
            help="the checkout at this path; an unknown one is registered on the way; may be given several times",
        )
        parser.add_argument("--format", choices=FORMATS, default="text", help="report format (default: text)")
        parser.add_argument("--output", metavar="FILE", help="write the report to FILE instead of stdout")
        parser.add_argument(
            "--fail-on",
            choices=FAIL_ON,
            default="fail",
            help="exit 1 if a finding has this severity or higher (default: fail)",
        )
        parser.add_argument(
            "--no-fetch", action="store_true", help="do not fetch; use the last known state of the remote"
        )
        parser.add_argument(
            "--fetch-timeout", type=seconds(), metavar="SECONDS", help=f"default: {settings.STATEHUB_FETCH_TIMEOUT}"
        )
        parser.add_argument(
            "--wait", type=seconds(zero=True), default=WAIT_SECONDS, metavar="SECONDS",
            help=f"time to wait for another run on a checkout (default: {WAIT_SECONDS:g}; 0: do not wait)",
        )  # fmt: skip
        parser.add_argument(
            "--jobs",
            type=whole_number(1, MAX_FETCHES),
            default=JOBS,
            metavar="N",
            help=f"number of parallel fetches (default: {JOBS})",
        )
        parser.add_argument("--any-branch", action="store_true", help="continue even on another branch than the repo's")
        parser.add_argument(
            "--allow-missing", action="store_true", help="continue even if most workplans of the last fix are missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command, and ping the monitor if the settings have one."""
        with pinged(settings.STATEHUB_PING_URL, self.warn):
            super().handle(*args, **options)

    def work(self, options: dict[str, Any]) -> int:
        """Run over the checkouts of the *options*, write the report, and return the exit status."""
        if options["no_fetch"] and options["fetch_timeout"] is not None:
            raise CommandError("--fetch-timeout is for a fetch: give it without --no-fetch")
        if options["output"]:
            check_report_path(options["output"])
        checkouts = self._checkouts(options)
        started = timezone.now()
        outcomes: dict[int, CheckoutOutcome] = {}

        def write() -> Report:
            # In the order asked for, not in that of the fetches.
            repos = tuple(outcomes[checkout.pk] for checkout in checkouts if checkout.pk in outcomes)
            dry_run = options.get("dry_run", False)
            report = Report(str(self.mode), settings.STATEHUB_HOST, started, timezone.now(), repos, dry_run)
            write_report(report, self.stdout, options)
            return report

        try:
            locked = self._run(checkouts, options, outcomes)
        except KeyboardInterrupt:
            if outcomes:  # These findings are recorded: the next run will not report them as new.
                write()
            raise
        status = _exit_status(write(), options["fail_on"], locked) if outcomes else CANNOT_RUN
        if settings.STATEHUB_NOTIFY:
            from consistency.notify.after_run import notify  # Slow to import; most hubs notify no one.

            self.stdout.flush()
            notify(self.warn)
        return status

    def _run_options(self, options: dict[str, Any]) -> RunOptions:
        trigger = os.environ.get("STATEHUB_TRIGGER") or TRIGGERS[0]  # Cron and the admin name themselves.
        if trigger not in TRIGGERS:
            raise CommandError(f"STATEHUB_TRIGGER must be one of {', '.join(TRIGGERS)}, not '{trigger}'")
        return RunOptions.from_settings(
            self.mode,
            current_user(),
            trigger=trigger,
            fetch=not options["no_fetch"],
            fetch_timeout=options["fetch_timeout"] or settings.STATEHUB_FETCH_TIMEOUT,
            writeback=not options.get("no_writeback", False),
            dry_run=options.get("dry_run", False),
            pull=options.get("pull", False),
            push=options.get("push", False),
            any_branch=options["any_branch"],
            allow_missing=options["allow_missing"],
            wait=options["wait"],
        )

    def _checkouts(self, options: dict[str, Any]) -> list[Checkout]:
        if (bool(options["slugs"]) + options["all"] + bool(options["paths"])) != 1:
            raise CommandError("say which checkouts: SLUG …, --all, or --path PATH (one of the three)")
        host = settings.STATEHUB_HOST
        try:
            if options["all"]:
                return active_checkouts(host)
            if options["paths"]:
                return self._by_paths(options["paths"], host)
            return checkouts_by_slugs(options["slugs"], host)
        except StateHubError as error:
            raise CommandError(str(error)) from error

    def _by_paths(self, paths: list[str], host: str) -> list[Checkout]:
        """Return the checkouts at *paths*, each once. Raises RegistrationError, NotAWorkTreeError, GitError.

        If one is not a work tree, none is registered.
        """
        if len(paths) > 1:
            for path in paths:
                find_worktree(path)
        found: dict[int, Checkout] = {}
        for path in paths:
            registered = find_or_register(path, host)
            if registered.note:
                self.warn(registered.note)
            found.setdefault(registered.checkout.pk, registered.checkout)
        return list(found.values())

    def _run(self, checkouts: list[Checkout], options: dict[str, Any], outcomes: dict[int, CheckoutOutcome]) -> bool:
        """Fill in the *outcomes*; return whether a checkout was skipped because another run is working there.

        If the database goes away, the run over one checkout fails; the others go on when it is back.
        """
        locked, left, run_options = False, len(checkouts), self._run_options(options)
        if left > 1:
            gc.freeze()  # What is loaded now stays: the collections between checkouts can skip it.
        with (
            progress(len(checkouts), sys.stderr) as bar,
            closing(fetch_all(checkouts, run_options, options["jobs"], bar.wait)) as ready,
        ):
            try:
                for opened in ready:
                    slug, left = opened.checkout.repo.slug, left - 1
                    try:
                        with opened:
                            outcome = outcomes[opened.checkout.pk] = self._run_one(opened, run_options, options)
                        if outcome.error:
                            self.warn(f"error: {outcome.error}")
                    except CheckoutLockedError as error:
                        locked = True
                        self.warn(f"error: {slug}: {error}")
                    except DatabaseError as error:
                        outcome = outcomes[opened.checkout.pk] = _cut_off(opened.checkout, error)
                        self.warn(f"error: {outcome.error}")
                        if left and not _is_hub_back():
                            self.warn(
                                f"error: the hub's database has not come back; checkouts that were not run: {left}"
                            )
                            break
                    bar.advance(slug)
                    if left and left % COLLECT_EVERY == 0:
                        gc.collect()
            except GitMissingError as error:
                raise CommandError(str(error)) from error
        return locked

    def _run_one(self, opened: OpenCheckout, run_options: RunOptions, options: dict[str, Any]) -> CheckoutOutcome:
        """Run over one checkout. With --verbosity 0 messages (why a pull failed) come only with a new finding."""
        if options["verbosity"]:
            return run_checkout(opened, run_options, self.warn)
        notes: list[str] = []
        outcome = run_checkout(opened, run_options, notes.append)
        for note in notes if any(outcome.news) else ():
            self.warn(note)
        return outcome


def _cut_off(checkout: Checkout, error: Exception) -> CheckoutOutcome:
    """Return the outcome of a run that lost the database: the next run finds what it has done."""
    slug, message = checkout.repo.slug, escape_unstorable(explain_database_error(error).line)
    return CheckoutOutcome(slug, checkout.path, None, str(RunState.ERROR), converged=False, error=f"{slug}: {message}")


def _is_hub_back() -> bool:
    """Connect to the database again, and wait for it if necessary; return whether it answers."""
    try:
        retry_on_new_connection(connection.ensure_connection, RECONNECT_SECONDS, RECONNECT_PAUSE_SECONDS)
    except DatabaseError:
        return False
    return True


def _exit_status(report: Report, fail_on: str, locked: bool) -> int:
    """Return 0 if no finding at or above *fail_on* is left, 1 if one is, 2 if a checkout was not run."""
    if locked or any(outcome.error for outcome in report.repos):
        return CANNOT_RUN
    if fail_on == "never":
        return 0
    bad = SEVERITIES[SEVERITIES.index(Severity(fail_on.upper())) :]
    return int(any(finding.severity in bad for outcome in report.repos for finding in outcome.left))
