"""The base class of State Hub's commands: exit statuses, and one clear line for any error."""

from __future__ import annotations

import getpass
import os
import sys
from abc import ABC, abstractmethod
from argparse import ArgumentError, ArgumentParser, Namespace, _StoreAction
from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import Error as DatabaseError

from statehub.database_errors import explain_database_error
from statehub.schema import read_schema
from statehub.text import escape_control, escape_unencodable, escape_unstorable, is_storable

CANNOT_RUN = 2
"""Exit status: bad arguments, unknown names, no database (design, "Commands")."""


class StoreOnce(_StoreAction):
    """An option with one value. Given twice, one of the two values would be ignored."""

    given = False

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Take the value. Raises ArgumentError for a second one."""
        if self.given and option_string:
            raise ArgumentError(self, "is given twice")
        self.given = True
        super().__call__(parser, namespace, values, option_string)


class HubCommand(BaseCommand, ABC):
    """A command of State Hub: `work` does it. A CommandError ends it with one line on stderr and exit status 2."""

    requires_system_checks = ()

    unshown: frozenset[str] = frozenset()
    """Arguments that no error repeats: they may hold a password."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, but with errors in one line."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def error(message: str) -> NoReturn:
            self._fail(f"{subcommand}: {message} (--help shows how)")

        parser.error = error  # type: ignore[method-assign]  # Django offers no hook for the parser's class
        return parser

    def add_base_argument(self, parser: CommandParser, *args: Any, **kwargs: Any) -> None:
        """Django's, called before any other option is added: options with one value take no second one from here on."""
        for name in (None, "store"):
            parser.register("action", name, StoreOnce)
        super().add_base_argument(parser, *args, **kwargs)

    def execute(self, *args: Any, **options: Any) -> None:
        """Run the command. Every CommandError, also one of Django, is status 2: 1 means that something was found."""
        try:
            super().execute(*args, **options)
        except CommandError as error:
            self._fail(str(error))

    def _fail(self, message: str) -> NoReturn:
        self.warn(f"error: {message}")
        raise SystemExit(CANNOT_RUN)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run `work` and end with its exit status. Raises CommandError, also for an error of the database."""
        self._check_arguments(options)
        try:
            if mismatch := read_schema().mismatch:  # An older program must not write to a newer database.
                raise CommandError(mismatch)
            status = self.work(options)
            self.stdout.flush()
        except CommandError:
            raise
        except (DatabaseError, ImproperlyConfigured) as error:
            raise CommandError(explain_database_error(error).line) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError("interrupted; changes made so far are kept") from interrupt
        except OSError as error:
            # The reader of our output has gone, or the disk is full; Python would write there again when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                self.warn(f"error: {error}")
            status = CANNOT_RUN
        except Exception as error:
            if options["traceback"]:
                raise
            raise CommandError(
                f"internal error, please report it: {type(error).__name__}: {error} (--traceback shows where)"
            ) from error
        if status:
            raise SystemExit(status)

    @abstractmethod
    def work(self, options: dict[str, Any]) -> int:
        """Do the command's work and return its exit status. Raises CommandError if it cannot run."""

    def _check_arguments(self, options: Mapping[str, Any]) -> None:
        """Reject empty arguments, and bytes that are not UTF-8, which no database takes."""
        for name, value in options.items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and not is_storable(text):
                    shown = f"{name} is" if name in self.unshown else f"the argument '{text}' is"
                    raise CommandError(f"{shown} not UTF-8")
                if text == "":  # For example a variable of the caller's that is not set.
                    raise CommandError(f"an argument is empty: {name}")

    def say(self, line: str) -> None:
        """Write one line for a person to stdout; characters that its encoding lacks are escaped."""
        self.stdout.write(escape_unencodable(escape_control(line), getattr(self.stdout, "encoding", None)))

    def warn(self, line: str) -> None:
        """Write one line for a person to stderr."""
        self.stderr.write(escape_control(line))

    def report_transition(self, task: str, old: str, new: str, moved: bool) -> None:
        """Say on stdout whether *task* has moved from *old* to *new*."""
        self.say(f"{task}: {old} → {new}" if moved else f"{task}: is {new} already")


def is_coloured(stream: OutputWrapper, options: Mapping[str, Any]) -> bool:
    """Return whether to write colours to *stream*: to a terminal, unless the user wants none (https://no-color.org).

    Django's options --no-color and --force-color override the environment.
    """
    is_wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return not options["no_color"] and (options["force_color"] or is_wanted)


def current_user() -> str:
    """Return who runs this process: STATEHUB_USER, else the user's login name, or number if there is no name for it."""
    if name := os.environ.get("STATEHUB_USER"):
        return escape_unstorable(name)
    try:
        return escape_unstorable(getpass.getuser())
    except (KeyError, OSError):
        return str(os.getuid())
