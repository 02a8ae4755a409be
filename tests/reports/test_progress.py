from __future__ import annotations

import sys
from io import StringIO

import pytest

from consistency.reports.progress import progress


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_progress_on_a_terminal_shows_count_and_label() -> None:
    stream = Terminal()

    with progress(2, stream) as bar:
        bar.advance("alpha")
        bar.advance("beta")

    assert "2/2" in stream.getvalue()
    assert "beta" in stream.getvalue()


def test_progress_label_is_safe_and_no_markup() -> None:
    stream = Terminal()

    with progress(2, stream) as bar:
        bar.advance("[bold]x\x1b]0;title\x07")

    assert "[bold]x\\x1b]0;title\\x07" in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()


def test_progress_gives_the_cursor_back_after_an_error() -> None:
    stream = Terminal()

    with pytest.raises(RuntimeError, match="broken"), progress(2, stream):
        raise RuntimeError("broken")

    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize("total", (1, 2))
def test_progress_on_a_terminal_says_what_it_waits_for(total: int) -> None:
    stream = Terminal()

    with progress(total, stream) as bar:
        bar.wait("alpha\x1b]0;title\x07")
        bar.advance("alpha")

    assert "waiting for another run on alpha\\x1b]0;title\\x07" in stream.getvalue()
    assert f"0/{total}" in stream.getvalue()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_progress_leaves_stdout_alone() -> None:
    before = sys.stdout

    with progress(2, Terminal()):
        assert sys.stdout is before


def test_progress_in_a_pipe_says_nothing() -> None:
    stream = StringIO()

    with progress(5, stream) as bar:
        bar.wait("alpha")
        bar.advance("alpha")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("total", (0, 1))
def test_progress_of_one_piece_says_nothing(total: int) -> None:
    stream = Terminal()

    with progress(total, stream) as bar:
        bar.advance("alpha")

    assert stream.getvalue() == ""
