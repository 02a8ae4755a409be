"""Progress of long work: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from statehub.text import escape_control


class Progress:
    """Takes a worker's reports on how far it is; safe to call from several threads.

    *show* gets the number of pieces that are done since the last report, and a text to show beside the bar.
    """

    def __init__(self, show: Callable[[int, str], None] = lambda _done, _text: None) -> None:
        self._show = show

    def advance(self, label: str) -> None:
        """Report that one more piece of the work is done: *label* names it."""
        self._show(1, escape_control(label))

    def wait(self, label: str) -> None:
        """Report that the piece *label* has to wait: another process is working on it."""
        self._show(0, f"waiting for another run on {escape_control(label)}")


@contextmanager
def progress(total: int, stream: TextIO) -> Iterator[Progress]:
    """Show the way through *total* pieces of work on *stream*, if it is a terminal; a single one only if it waits.

    The bar is gone when the block ends, also by an exception. Give `sys.stderr` itself: Django's wrapper
    around it ends each text with a line end, which tears the bar apart.
    """
    if not total or not stream.isatty():
        yield Progress()
    elif total > 1:
        with _bar(total, stream) as show:
            yield Progress(show)
    else:
        with ExitStack() as stack:
            yield Progress(lambda done, text: None if done else stack.enter_context(_bar(total, stream))(done, text))


@contextmanager
def _bar(total: int, stream: TextIO) -> Iterator[Callable[[int, str], None]]:
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
        yield lambda done, text: bars.update(task, advance=done, description=text, refresh=True)
