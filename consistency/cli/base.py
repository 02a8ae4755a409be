"""What check_consistency and fix_consistency share: arguments in, one report out, exit status."""

from __future__ import annotations

import gc
import os
import sys
import time
from argparse import ArgumentParser
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from consistency.cli.ping import pinged
from consistency.cli.registration import find_or_register
from consistency.cli.selection import active_checkouts, checkouts_by_slugs
from consistency.core.codes import SEVERITIES, Severity
from consistency.git.lock import CheckoutLockedError
from consistency.git.process import GitMissingError
from consistency.git.worktree import find_worktree
from consistency.models import Mode, RunState
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.progress import progress
from consistency.runs.fetching import OpenCheckout, fetch_all
from consistency.runs.options import RunOptions, committer
from consistency.runs.run import run_visit
from statehub import __version__
from statehub.database_errors import explain_database_error
from statehub.errors import StateHubError
from statehub.management.base import CANNOT_RUN, HubCommand, current_user
from statehub.models import Checkout
from statehub.numbers import MAX_FETCHES, seconds, whole_number
from statehub.phrases import describe_os_error
from statehub.text import escape_unstorable

if TYPE_CHECKING:
    from consistency.reports.text_report import Stream

JOBS = 8
"""Fetches side by side."""

WAIT_SECONDS = 60.0
"""Seconds that a run waits for another run on a checkout."""

RECONNECT_SECONDS, RECONNECT_PAUSE_SECONDS = 30.0, 0.5
"""For so long the rest of a run waits for a database that has gone away, and asks it that often."""

FAIL_ON = ("fail", "warn", "never")
FORMATS = ("text", "json", "sarif")
TRIGGERS = ("command", "cron", "admin", "api")


class RunCommand(HubCommand):
    """A command that runs over checkouts. `mode` says which."""

    mode: Mode

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which checkouts, how to report, how long to fetch."""
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
        """Do the work, and tell the monitor that is set up, if any."""
        with pinged(settings.STATEHUB_PING_URL, self.warn):
            super().handle(*args, **options)

    def work(self, options: dict[str, Any]) -> int:
        """Run over the checkouts asked for, report, and return the exit status."""
        if options["no_fetch"] and options["fetch_timeout"] is not None:
            raise CommandError("--fetch-timeout is for a fetch: give it without --no-fetch")
        self._require_place(options["output"])
        checkouts = self._checkouts(options)
        started = timezone.now()
        outcomes: dict[int, CheckoutOutcome] = {}

        def report() -> Report:
            # In the order asked for, not in that of the fetches.
            repos = tuple(outcomes[checkout.pk] for checkout in checkouts if checkout.pk in outcomes)
            dry_run = options.get("dry_run", False)
            return Report(str(self.mode), settings.STATEHUB_HOST, started, timezone.now(), repos, dry_run)

        try:
            locked = self._run(checkouts, options, outcomes)
        except KeyboardInterrupt:
            if outcomes:  # What was found so far is on record: the next run will not say it again.
                self._write(report(), options)
            raise
        if not outcomes:
            return CANNOT_RUN
        done = report()
        self._write(done, options)
        return _exit_status(done, options["fail_on"], locked)

    def run_options(self, options: dict[str, Any]) -> RunOptions:
        """The command line's options as the run takes them."""
        return RunOptions(
            mode=self.mode,
            host=settings.STATEHUB_HOST,
            user=escape_unstorable(os.environ.get("STATEHUB_USER", "")) or current_user(),
            trigger=self._trigger(),
            committer=committer(),
            version=__version__,
            fetch=not options["no_fetch"],
            fetch_timeout=options["fetch_timeout"] or settings.STATEHUB_FETCH_TIMEOUT,
            writeback=not options.get("no_writeback", False),
            dry_run=options.get("dry_run", False),
            pull=options.get("pull", False),
            push=options.get("push", False),
            push_timeout=settings.STATEHUB_PUSH_TIMEOUT,
            any_branch=options["any_branch"],
            allow_missing=options["allow_missing"],
            max_size=settings.STATEHUB_MAX_FILE_SIZE,
            unreachable_hours=settings.STATEHUB_UNREACHABLE_HOURS,
            wait=options["wait"],
        )

    def _trigger(self) -> str:
        """What started the run, as the environment says: cron and the admin name themselves."""
        trigger = os.environ.get("STATEHUB_TRIGGER") or TRIGGERS[0]
        if trigger not in TRIGGERS:
            raise CommandError(f"STATEHUB_TRIGGER must be one of {', '.join(TRIGGERS)}, not '{trigger}'")
        return trigger

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
        """The checkouts at *paths*, each once. Raises RegistrationError, NotAWorkTreeError, GitError.

        If one is not a checkout, none is registered: nothing has been done then.
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
        """Fill in the *outcomes*; whether a checkout was passed over because another run is at work there.

        A database that goes away costs the checkout that is at work; the others go on when it is back.
        """
        locked, left, run_options = False, len(checkouts), self.run_options(options)
        if left > 1:
            gc.freeze()  # What is loaded by now stays: the collections between checkouts need not look at it.
        with (
            progress(len(checkouts), sys.stderr) as bar,
            closing(fetch_all(checkouts, run_options, options["jobs"], bar.wait)) as opened,
        ):
            try:
                for visit in opened:
                    slug, left = visit.checkout.repo.slug, left - 1
                    try:
                        with visit:
                            outcome = outcomes[visit.checkout.pk] = self._run_one(visit, run_options, options)
                        if outcome.error:
                            self.warn(f"error: {outcome.error}")
                    except CheckoutLockedError as error:
                        locked = True
                        self.warn(f"error: {slug}: {error}")
                    except DatabaseError as error:
                        outcome = outcomes[visit.checkout.pk] = _cut_off(visit.checkout, error)
                        self.warn(f"error: {outcome.error}")
                        if left and not _is_hub_back():
                            self.warn(
                                f"error: the hub's database has not come back; checkouts that were not run: {left}"
                            )
                            break
                    bar.advance(slug)
                    if len(checkouts) > 1:
                        gc.collect()
            except GitMissingError as error:
                raise CommandError(str(error)) from error
        return locked

    def _run_one(self, visit: OpenCheckout, run_options: RunOptions, options: dict[str, Any]) -> CheckoutOutcome:
        """Run over one checkout. If quiet, other messages (why a pull failed) only come with a new finding."""
        if options["verbosity"]:
            return run_visit(visit, run_options, self.warn)
        notes: list[str] = []
        outcome = run_visit(visit, run_options, notes.append)
        for note in notes if any(outcome.news) else ():
            self.warn(note)
        return outcome

    def _require_place(self, output: str | None) -> None:
        """Say so before the run, not after it, where the report will have no place."""
        if output:
            folder = os.path.dirname(os.path.realpath(output))
            if os.path.isdir(output) or not os.access(folder, os.W_OK | os.X_OK):
                raise CommandError(f"the report cannot be written to {output}: no such folder, or not ours to write to")

    def _write(self, report: Report, options: dict[str, Any]) -> None:
        form, verbosity = options["format"], options["verbosity"]
        if not options["output"]:
            if form != "text" and hasattr(self.stdout, "reconfigure"):
                self.stdout.reconfigure(encoding="utf-8")  # Whatever the terminal speaks (RFC 8259, section 8.1).
            coloured = not options["no_color"] and (options["force_color"] or _wants_colour(self.stdout))
            _render(report, form, self.stdout, verbosity=verbosity, colour=coloured)
            return
        path, text = Path(options["output"]), StringIO()
        _render(report, form, text, verbosity=verbosity, colour=False)
        try:
            _replace(path, text.getvalue())
        except OSError as error:
            raise CommandError(f"the report cannot be written to {path}: {describe_os_error(error)}") from error


def _cut_off(checkout: Checkout, error: Exception) -> CheckoutOutcome:
    """The outcome of a run that lost its hub on the way: what it has done stays, the next run finds it."""
    slug, words = checkout.repo.slug, escape_unstorable(explain_database_error(error).line)
    return CheckoutOutcome(slug, checkout.path, None, str(RunState.ERROR), converged=False, error=f"{slug}: {words}")


def _is_hub_back() -> bool:
    """Connect to the database again, and wait for it if it has to be; whether it answers."""
    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        connection.close()
        try:
            connection.ensure_connection()
        except DatabaseError:
            if time.monotonic() > deadline:
                return False
            time.sleep(RECONNECT_PAUSE_SECONDS)
        else:
            return True


def _replace(path: Path, text: str) -> None:
    """Put *text* into the file *path* in one step: whoever reads it never sees half a report."""
    target = path.resolve()
    if target.exists() and not target.is_file():  # A pipe or a device is written to; a file must not take its place.
        target.write_text(text, encoding="utf-8")
        return
    # A name that nobody can guess, and no link followed: the folder may be open to others.
    partial = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _wants_colour(stream: OutputWrapper) -> bool:
    """Whether *stream* is a terminal, and nobody asks for none of it (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _render(report: Report, form: str, stream: Stream, *, verbosity: int, colour: bool) -> None:
    """Write *report* in the format *form*; only that format's module is loaded."""
    if form == "json":
        from consistency.reports.json_report import render_json

        stream.write(render_json(report))
    elif form == "sarif":
        from consistency.reports.sarif_report import render_sarif

        stream.write(render_sarif(report))
    else:
        from consistency.reports.text_report import write_text

        write_text(report, stream, colour=colour, verbosity=verbosity)


def _exit_status(report: Report, fail_on: str, locked: bool) -> int:
    """0: nothing at or above *fail_on* is left; 1: something is; 2: a checkout was not run (design, "Commands")."""
    if locked or any(outcome.error for outcome in report.repos):
        return CANNOT_RUN
    if fail_on == "never":
        return 0
    bad = SEVERITIES[SEVERITIES.index(Severity(fail_on.upper())) :]
    return int(any(finding.severity in bad for outcome in report.repos for finding in outcome.left))
