from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from consistency.core.finding import Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.text_report import write_text

MakeReport = Callable[..., Report]


@pytest.fixture(autouse=True)
def _terminal_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def written(report: Report, *, verbosity: int = 1) -> str:
    """Return the text that a pipe gets."""
    stream = io.StringIO()
    write_text(report, stream, colour=False, verbosity=verbosity)
    return stream.getvalue()


HOSTILE = "\x1b]0;pwned\x07 [bold red]x[/] \u202egpj.exe \udce9\r\nOK :smile:"
SAFE = "\\x1b]0;pwned\\x07 [bold red]x[/] \\u202egpj.exe \\udce9\\r\\nOK :smile:"


@pytest.mark.parametrize("verbosity", (0, 1, 2))
def test_text_from_outside_cannot_steer_the_terminal(verbosity: int, report_of: MakeReport) -> None:
    finding = Finding("C-13", HOSTILE, file=HOSTILE, line=1, workplan=HOSTILE, task=HOSTILE + "!", db_status=HOSTILE)
    repo = CheckoutOutcome(HOSTILE, HOSTILE, HOSTILE, "error", converged=False, freshness=HOSTILE, head=HOSTILE)
    repo = repo._replace(writeback_commit=HOSTILE, findings=(finding,), error=HOSTILE + ".")
    report = report_of(repo)._replace(host=HOSTILE)

    plain = written(report, verbosity=verbosity)

    assert SAFE in plain
    assert set(re.sub("[ -~]", "", plain)) <= set("\n·→")


def test_coloured_text_escapes_and_keeps_markup_as_text(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    stream = io.StringIO()

    write_text(report_of(checkout._replace(slug=HOSTILE)), stream, colour=True)

    assert stream.getvalue().startswith(f"\x1b[1m{SAFE}\x1b[0m · /srv/net")


def test_coloured_text_is_the_plain_text_with_styles(mixed: Report) -> None:
    stream = io.StringIO()

    write_text(mixed, stream, colour=True)

    lines = stream.getvalue().splitlines()
    assert lines[0] == (
        "\x1b[1mnet\x1b[0m · /srv/net · fix · up to date with its remote · \x1b[32mfiles and hub agree\x1b[0m"
    )
    assert lines[6] == "    \x1b[1;31mFAIL\x1b[0m  C-05  line 7   unknown status 'dnoe' — did you mean 'done'?"
    assert lines[-1] == (
        "6 repos (1 skipped, 1 with an error): "
        "\x1b[1;31m2 FAIL\x1b[0m, \x1b[33m3 WARN\x1b[0m, 0 INFO, \x1b[32m1 fixed\x1b[0m"
    )
    assert re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue()) == written(mixed)


def test_long_lines_are_neither_wrapped_nor_cut_in_colour(
    monkeypatch: pytest.MonkeyPatch, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()

    write_text(report_of(checkout._replace(path="/srv/" + "long " * 50 + "end")), stream, colour=True)

    assert len(stream.getvalue().splitlines()) == 3
    assert "long " * 50 + "end" in stream.getvalue()


@pytest.mark.parametrize("colour", (False, True))
@pytest.mark.parametrize("encoding", ("ascii", "latin-1", "utf-8"))
def test_text_for_a_narrow_encoding_never_fails(
    encoding: str, colour: bool, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")

    write_text(report_of(checkout._replace(slug="é🙂")), stream, colour=colour)
    stream.flush()

    shown = {"ascii": "\\xe9\\U0001f642", "latin-1": "é\\U0001f642", "utf-8": "é🙂"}[encoding]
    assert shown in raw.getvalue().decode(encoding)
