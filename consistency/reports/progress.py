"""Progress of long work: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from statehub.text import escape_control


class Progress:
    """Where the worker reports how far it is; safe to call from several threads. This one shows nothing."""

    def advance(self, label: str) -> None:
        """One more piece of the work is done: *label* names it."""

    def wait(self, label: str) -> None:
        """Nothing can be done at the piece *label* yet: another process is working on it."""


class _Bar(Progress):
    def __init__(self, step: Callable[[int, str], None]) -> None:
        self._step = step

    def advance(self, label: str) -> None:
        """Move the bar on and show *label* beside it."""
        self._step(1, escape_control(label))

    def wait(self, label: str) -> None:
        """Show beside the bar which piece waits."""
        self._step(0, f"waiting for another run on {escape_control(label)}")


class _BarOnceItWaits(Progress):
    """For a single piece of work."""

    def __init__(self, open_bar: Callable[[], Progress]) -> None:
        self._open_bar = open_bar

    def wait(self, label: str) -> None:
        """Open the bar, and show what waits."""
        self._open_bar().wait(label)


@contextmanager
def progress(total: int, stream: TextIO) -> Iterator[Progress]:
    """Show the way through *total* pieces of work on *stream*, if it is a terminal; a single one only if it waits.

    The bar is gone when the block ends, also by an exception. Give `sys.stderr` itself: Django's wrapper
    around it ends each text with a line end, which tears the bar apart.
    """
    if not total or not stream.isatty():
        yield Progress()
    elif total > 1:
        with _bar(total, stream) as bar:
            yield bar
    else:
        with ExitStack() as stack:
            yield _BarOnceItWaits(lambda: stack.enter_context(_bar(total, stream)))


@contextmanager
def _bar(total: int, stream: TextIO) -> Iterator[Progress]:
    from rich import progress as rich_progress  # Slow to import, and a pipe needs none of it.
    from rich.console import Console
    from rich.table import Column

    columns = (
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
    )
    # Findings go to stdout, which may be a file: rich must not catch it for the bar's sake.
    bars = rich_progress.Progress(*columns, console=Console(file=stream), transient=True, redirect_stdout=False)
    with bars:
        task = bars.add_task("", total=total)
        yield _Bar(lambda steps, label: bars.update(task, advance=steps, description=label, refresh=True))
