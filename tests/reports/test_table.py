"""Tables on a terminal and in a pipe."""

from __future__ import annotations

from consistency.reports.segment import Line, Segment, Style
from consistency.reports.table import render_aligned, render_plain


def texts(lines: list[Line]) -> list[str]:
    return ["".join(part.text for part in parts) for parts in lines]


def cells(*values: str) -> list[Segment]:
    return [Segment(value) for value in values]


def test_pipe_has_all_columns_with_tabs_between() -> None:
    rows = [cells("A", "", "a very long title " * 20), cells("", "two\tcells", "two\nlines")]
    assert texts(render_plain(rows)) == ["A\t-\t" + "a very long title " * 20, "-\ttwo\\tcells\ttwo\\nlines"]
    assert render_plain([[Segment("A", Style.GOOD)]]) == [(Segment("A", Style.GOOD),)]
    assert render_plain([]) == []


def test_terminal_has_aligned_columns_and_no_line_longer_than_its_width() -> None:
    rows = [cells("T1", "in_progress", "Short"), cells("T100", "todo", "A title that is too long for it")]
    assert texts(render_aligned(("TASK", "STATUS", "TITLE"), rows, 32)) == [
        "TASK  STATUS       TITLE",
        "T1    in_progress  Short",
        "T100  todo         A title that…",
    ]


def test_columns_that_are_empty_or_only_for_pipes_are_left_out() -> None:
    rows = [cells("T1", "pipe", "", "Title"), cells("T2", "pipe", "", "")]
    assert texts(render_aligned(("TASK", "", "OWNER", "TITLE"), rows, 80)) == ["TASK  TITLE", "T1    Title", "T2    "]


def test_narrow_terminal_keeps_the_beginning_of_the_last_column() -> None:
    rows = [cells("A-LONG-TASK-ID", "Title that is cut")]
    assert texts(render_aligned(("TASK", "TITLE"), rows, 5))[1] == "A-LONG-TASK-ID  Title tha…"


def test_wide_characters_take_two_columns() -> None:
    rows = [cells("日本", "漢字の題名です"), cells("T1", "Title")]
    assert texts(render_aligned(("TASK", "TITLE"), rows, 17)) == ["TASK  TITLE", "日本  漢字の題名…", "T1    Title"]


def test_controls_are_escaped_before_they_are_measured() -> None:
    rows = [cells("\x1b[1m", "x\u202ey")]
    assert texts(render_aligned(("TASK", "TITLE"), rows, 80))[1] == "\\x1b[1m  x\\u202ey"


def test_headings_are_strong_and_cells_keep_their_styles() -> None:
    rows = [[Segment("T", Style.INFO), Segment("Title", Style.WARN)]]
    styles = [[(part.text, part.style) for part in line] for line in render_aligned(("A", "B"), rows, 80)]
    assert styles == [
        [("A", Style.STRONG), ("  ", Style.PLAIN), ("B", Style.STRONG)],
        [("T", Style.INFO), ("  ", Style.PLAIN), ("Title", Style.WARN)],
    ]
