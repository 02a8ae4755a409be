"""Reading takes time in proportion to a file's size, however nasty the file."""

from __future__ import annotations

import pytest

from consistency.core.workplan.edit import EditRefusedError, set_statuses
from consistency.core.workplan.fences import MAX_NESTING
from consistency.core.workplan.model import Problem, Unreadable, Workplan
from consistency.core.workplan.parse import parse_workplan
from tests.fuzz import blowup
from tests.fuzz.nasty import NASTY

FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
SIZE = 32 * 1024
TOO_FAST = 0.004
"""CPU seconds that say nothing about growth."""
BLOCK = "\n```task\nid: X\nstatus: todo\n```\n"


@pytest.mark.parametrize(
    "start", [">" * 201, "> " * 134, "- " * 201, "1. " * 201, "-\t" * 100 + ">", "   " + "*  " * 140]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_and_quotes_nested_without_end_are_refused(start: str, end: str) -> None:
    text = f"{FRONT}\nOne\n\n{start}x\n{BLOCK}".replace("\n", end)
    message = f"lists or quotes are nested more than {MAX_NESTING} levels deep"
    assert parse_workplan("w.md", text.encode()) == Unreadable("w.md", (Problem("C-02", message, 10),), "W1")


@pytest.mark.parametrize(
    "text",
    [
        "> " * 130 + "x\n",
        "- " * 130 + "x\n",
        "- " * 300 + "\n",
        " - -" * 300 + "\n",
        "-" * 300 + "\n",
        "* " * 300,
        "=" * 300 + "\n",
        " " * 3000 + "x\n",
        "\t" * 300 + "x\n",
        "1 2 3.5 " * 300 + "\n",
        "1.5 " * 300 + "\n",
        "*a* " * 300 + "\n",
        "x " + ">" * 300 + "\n",
    ],
)  # fmt: skip
def test_what_only_looks_nested_is_read(text: str) -> None:
    found = parse_workplan("w.md", f"{FRONT}{BLOCK}\n{text}".encode())
    assert isinstance(found, Workplan)
    assert [block.key for block in found.blocks] == ["X"]


def test_nesting_is_of_no_interest_where_there_is_no_task() -> None:
    assert isinstance(parse_workplan("w.md", f"{FRONT}{'>' * 300}x\n".encode()), Workplan)


@pytest.mark.proof
@pytest.mark.parametrize("name", blowup.jobs())
def test_four_times_the_size_takes_about_four_times_the_time(name: str) -> None:
    # Tried again: the machine may have been busy with something else.
    tries = (blowup.growth(name, SIZE) for _ in range(3))
    assert any(large < max(TOO_FAST, blowup.WORST * small) for small, large in tries)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["one line", "quotes without end, going on lazily", "fences"])
def test_a_file_of_the_largest_size_is_read_within_seconds(name: str) -> None:
    data = NASTY[name](blowup.LIMIT).encode()
    assert blowup.seconds(lambda: parse_workplan("w.md", data), repeat=1) < 40  # Some 5 s on a machine of two cores.


@pytest.mark.proof
def test_growth_that_is_not_linear_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show why nesting is limited: pulldown-cmark alone takes quadratic time for endless quotes."""
    monkeypatch.setattr("consistency.core.workplan.parse.too_deep", lambda body: None)
    small, large = blowup.growth("quotes without end, going on lazily", SIZE // 2)
    assert large > max(TOO_FAST, blowup.WORST * small)


def test_raw_html_in_capitals_ends_where_it_is_closed() -> None:
    """CommonMark 0.31.2, section 4.6: the end tag is matched whatever its case."""
    text = f"{FRONT}\n<PRE>\n```task\nid: A\n```\n</PRE>\n{BLOCK}\n- <Style>\n  </STYLE>\n{BLOCK.replace('X', 'Y')}"
    found = parse_workplan("w.md", text.encode())
    assert isinstance(found, Workplan)
    assert [block.key for block in found.blocks] == ["X", "Y"]


def test_a_tasks_text_stays_as_it_is_written_whatever_is_read_for_it() -> None:
    text = f"{FRONT}\n<pre></pre>\n```task\nid: X\nstatus: todo\ntitle: 'Was </PRE>, is ```\t\n  \té'\n```\t\n".encode()
    found = parse_workplan("w.md", text)
    assert isinstance(found, Workplan)
    assert [(block.title, block.place) for block in found.blocks] == [
        ("Was </PRE>, is ``` é", (text.index(b"todo"), text.index(b"todo") + 4))
    ]


@pytest.mark.parametrize("blanks", ["\t", " \t", "\t ", "  \t\t "])
@pytest.mark.parametrize("fence", ["```", "~~~~"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_closing_fence_may_have_tabs_behind_it(fence: str, blanks: str, end: str) -> None:
    """CommonMark 0.31.2, section 4.5: it may be followed by spaces or tabs."""
    text = f"{FRONT}\n{fence}task{blanks}\nid: W\nstatus: done\n{fence}{blanks}\n{BLOCK}".replace("\n", end)
    found = parse_workplan("w.md", text.encode())
    assert isinstance(found, Workplan)
    assert [(block.key, block.status) for block in found.blocks] == [("W", "done"), ("X", "todo")]


def test_a_status_over_two_lines_is_refused_with_the_reason() -> None:
    data = f'{FRONT}\n```task\nid: X\nstatus: "to\\\n  do"\n```\n{BLOCK.replace("X", "Y")}'.encode()
    with pytest.raises(EditRefusedError, match="cannot be replaced in place: write it on one line"):
        set_statuses("w.md", data, {"X": "done"})
    assert set_statuses("w.md", data, {"Y": "done"}).data == data[:-9] + b"done\n```\n"
