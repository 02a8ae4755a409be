"""Writes a run's report to stdout or into a file."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, OutputWrapper

from consistency.git.atomicfile import write_file
from consistency.reports.outcome import Report
from statehub.management.base import is_coloured
from statehub.text import describe_os_error

if TYPE_CHECKING:
    from consistency.reports.segment import Stream


def check_report_path(path: str) -> None:
    """Raise CommandError, before the run and not after it, if no report can be written to *path*."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path) or not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"the report cannot be written to {path}: no such folder, or not ours to write to")


def write_report(report: Report, stdout: OutputWrapper, options: dict[str, Any]) -> None:
    """Write *report* as the command's *options* say. Raises CommandError if its file cannot be written."""
    form, verbosity = options["format"], options["verbosity"]
    if not options["output"]:
        if form != "text" and hasattr(stdout, "reconfigure"):
            stdout.reconfigure(encoding="utf-8")  # Whatever the terminal's encoding is (RFC 8259, section 8.1).
        _render(report, form, stdout, verbosity=verbosity, colour=is_coloured(stdout, options))
        return
    path, text = Path(options["output"]), StringIO()
    _render(report, form, text, verbosity=verbosity, colour=False)
    try:
        _replace(path.resolve(), text.getvalue().encode())
    except OSError as error:
        raise CommandError(f"the report cannot be written to {path}: {describe_os_error(error)}") from error


def _replace(target: Path, data: bytes) -> None:
    """Put *data* into the file *target* in one step: its readers never see half a report."""
    if target.exists() and not target.is_file():  # A pipe or a device is written to; a file must not take its place.
        target.write_bytes(data)
        return
    write_file(str(target), data, 0o666)


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
