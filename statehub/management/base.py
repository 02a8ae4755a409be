"""What the commands share: exit statuses, and one clear line for whatever keeps them from running."""

from __future__ import annotations

import getpass
import os
import sys
from abc import ABC, abstractmethod
from argparse import ArgumentError, ArgumentParser, Namespace, _StoreAction
from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError

from statehub.database_errors import explain_database_error
from statehub.schema import read_schema
from statehub.text import escape_control, escape_unencodable, escape_unstorable

CANNOT_RUN = 2
"""Exit status: bad arguments, unknown names, no database (design, "Commands")."""


class StoreOnce(_StoreAction):
    """An option with one value: given twice, one of the two would be ignored."""

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
    """A command of State Hub: `work` does it; what keeps it from running ends in one line and exit status 2."""

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, but with errors in one line."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def error(message: str) -> NoReturn:
            self.cannot_run(f"{subcommand}: {message} (--help shows how)")

        parser.error = error  # type: ignore[method-assign]  # Django offers no hook for the parser's class
        return parser

    def add_base_argument(self, parser: CommandParser, *args: Any, **kwargs: Any) -> None:
        """Django's, called before any other: from here on an option that takes one value takes no second one."""
        for name in (None, "store"):
            parser.register("action", name, StoreOnce)
        super().add_base_argument(parser, *args, **kwargs)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do the work, or say why it cannot be done."""
        self._check_arguments(options)
        try:
            self._require_schema()
            status = self.work(options)
            self.stdout.flush()
        except (DatabaseError, ImproperlyConfigured) as error:
            self.cannot_run(explain_database_error(error).line)
        except KeyboardInterrupt:
            self.cannot_run("interrupted; changes made so far are kept")
        except OSError as error:
            # Whoever read our output has gone, or the disk is full; at its end Python would write there again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                self.warn(f"error: {error}")
            status = CANNOT_RUN
        except Exception as error:
            if options["traceback"]:
                raise
            self.cannot_run(
                f"internal error, please report it: {type(error).__name__}: {error} (--traceback shows where)"
            )
        if status:
            raise SystemExit(status)

    def _require_schema(self) -> None:
        """End if the database is not at this version's migrations: an older program must not write to a newer one."""
        if trouble := read_schema().mismatch:
            self.cannot_run(trouble)

    @abstractmethod
    def work(self, options: dict[str, Any]) -> int:
        """Do what the command is for and return the exit status."""

    def _check_arguments(self, options: Mapping[str, Any]) -> None:
        """Refuse arguments that mean nothing: empty ones, and bytes that are not UTF-8, which no database takes."""
        for name, value in options.items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and escape_unstorable(text) != text:
                    self.cannot_run(f"the argument '{text}' is not UTF-8")
                if text == "":  # A variable of the caller's that is not set, say.
                    self.cannot_run(f"an argument is empty: {name}")

    def say(self, line: str) -> None:
        """One line for a person, on stdout, with escapes for what its encoding cannot say."""
        self.stdout.write(escape_unencodable(escape_control(line), getattr(self.stdout, "encoding", None)))

    def warn(self, line: str) -> None:
        """One line for a person, on stderr."""
        self.stderr.write(escape_control(line))

    def say_move(self, task: str, old: str, new: str, moved: bool) -> None:
        """What became of a task's status, on stdout."""
        self.say(f"{task}: {old} → {new}" if moved else f"{task}: is {new} already")

    def cannot_run(self, why: str) -> NoReturn:
        """Say why in one line on stderr, and end with exit status 2."""
        self.warn(f"error: {why}")
        raise SystemExit(CANNOT_RUN)


def current_user() -> str:
    """Who runs this process, as the system knows it; the number where it has no name for it."""
    try:
        return escape_unstorable(getpass.getuser())
    except (KeyError, OSError):
        return str(os.getuid())
