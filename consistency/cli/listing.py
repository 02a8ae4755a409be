"""Commands that list rows of the hub: on a terminal as a table, else one row a line, or as JSON."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from django.core.management.base import CommandError
from django.db.models import Model

from consistency.cli.selection import RegistrationError, require_repos
from consistency.reports.json_text import to_json
from consistency.reports.segment import Segment, write_lines
from consistency.reports.table import render_aligned, render_plain
from statehub.management.base import HubCommand, is_coloured
from statehub.numbers import whole_number

LIMIT, MAX_LIMIT = 100, 1_000_000
"""Rows that are listed by default, and at most."""

Listed = TypeVar("Listed", bound=Model)


class ListCommand(HubCommand, Generic[Listed]):
    """A command that lists rows, each as `make_row` for JSON and as `make_cells` below `headings` for a table."""

    noun: str
    headings: Sequence[str]
    make_row: Callable[[Listed], dict[str, Any]]
    make_cells: Callable[[Listed], Sequence[Segment]]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that all lists have."""
        add_filter(parser, "--repo", "SLUG", "only those of this repo")
        parser.add_argument(
            "--limit", type=whole_number(1, MAX_LIMIT), default=LIMIT, metavar="N", help=f"default: {LIMIT}"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")

    def work(self, options: dict[str, Any]) -> int:
        """List the rows that match; write to stderr if there are none, or more than the limit."""
        try:
            require_repos(options["repo"])
        except RegistrationError as error:
            raise CommandError(str(error)) from error
        limit = options["limit"]
        rows = list(islice(self.find(options, limit + 1), limit + 1))
        if options["format"] == "json":
            self._write_json(rows[:limit])
        else:
            self._write_text(rows[:limit], options)
        if options["verbosity"] and not rows and options["format"] == "text":
            self.warn(f"no {self.noun} matches")
        if options["verbosity"] and len(rows) > limit:
            self.warn(f"there are more {self.noun}s than these {limit}: --limit N lists more")
        return 0

    @abstractmethod
    def find(self, options: dict[str, Any], number: int) -> Any:
        """Return the first *number* rows that match the *options*, in their order."""

    def _write_json(self, rows: Sequence[Listed]) -> None:
        if hasattr(self.stdout, "reconfigure"):
            self.stdout.reconfigure(encoding="utf-8")  # Whatever the terminal's encoding is (RFC 8259, section 8.1).
        self.stdout.write(to_json([type(self).make_row(row) for row in rows]))

    def _write_text(self, rows: Sequence[Listed], options: dict[str, Any]) -> None:
        cells = [type(self).make_cells(row) for row in rows]
        if cells and self.stdout.isatty():
            lines = render_aligned(self.headings, cells, shutil.get_terminal_size().columns)
        else:
            lines = render_plain(cells)
        write_lines(lines, self.stdout, colour=is_coloured(self.stdout, options))


def add_filter(parser: ArgumentParser, name: str, metavar: str, help: str, **more: Any) -> None:
    """Add an option with a value to look for, which may be given several times."""
    parser.add_argument(
        name, action="append", default=[], metavar=metavar, help=f"{help}; may be given several times", **more
    )
