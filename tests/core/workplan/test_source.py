"""Cutting a file into front matter and body, and its line numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.core.workplan.parse import parse_workplan
from consistency.core.workplan.source import (
    FrontMatter,
    Lines,
    Unclosed,
    cut_front_matter,
    is_binary,
    lone_cr,
    may_be_workplan,
    utf16_as_utf8,
)


@pytest.mark.parametrize(
    ("data", "head", "body"),
    [
        (b"---\na: b\n---\nbody", b"a: b\n", b"\nbody"),
        (b"---\r\na: b\r\n---\r\nbody", b"a: b\r\n", b"\r\nbody"),
        (b"\xef\xbb\xbf---\na: b\n---\n", b"a: b\n", b"\n"),
        (b"--- \t\na: b\n---\t \nx", b"a: b\n", b"\nx"),
        (b"---\na: b\n...\nx", b"a: b\n", b"\nx"),
        (b"---\na: b\n---", b"a: b\n", b""),
        (b"---\n---\n", b"", b"\n"),
        (b"---\na\n ---\n----\n--- x\n---\n", b"a\n ---\n----\n--- x\n", b"\n"),
        (b"---\ra: b\r---\rx", b"a: b\r", b"\rx"),
    ],
)
def test_cut_front_matter(data: bytes, head: bytes, body: bytes) -> None:
    front = cut_front_matter(data)
    assert isinstance(front, FrontMatter)
    assert (data[front.start : front.end], data[front.body :]) == (head, body)


@pytest.mark.parametrize("data", [b"", b"\n---\na: b\n---\n", b" ---\na: b\n---\n", b"----\n", b"---a\n", b"# Title\n"])
def test_cut_front_matter_where_there_is_none(data: bytes) -> None:
    assert cut_front_matter(data) is None


@pytest.mark.parametrize("data", [b"---\n", b"---\na: b\n", b"---\na: b\n --- \n", b"--- ", b"---\r\n"])
def test_cut_front_matter_that_nothing_closes(data: bytes) -> None:
    assert cut_front_matter(data) == Unclosed(5 if data == b"---\r\n" else 4)


def test_lines_end_with_lf_or_crlf_alone() -> None:
    data = "a\x0bb\x0cc\x85d\u2028e\u2029f\r\ng\nh".encode()
    assert [Lines(data).number(data.index(letter)) for letter in (b"a", b"f", b"g", b"h")] == [1, 1, 2, 3]


def test_lines_asked_backwards() -> None:
    lines = Lines(b"\na\nb")
    assert [lines.number(offset) for offset in (3, 1, 1, 0)] == [3, 2, 2, 1]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_lines_in_any_order_of_questions(data: bytes, offsets: list[int]) -> None:
    lines = Lines(data)
    assert [lines.number(offset) for offset in offsets] == [1 + data[:offset].count(b"\n") for offset in offsets]


def test_lone_cr() -> None:
    assert lone_cr(b"a\r\nb\n") is None
    assert lone_cr(b"a\n") is None
    assert lone_cr(b"a\r\nb\rc") == 4
    assert lone_cr(b"a\r") == 1


def test_is_binary() -> None:
    assert is_binary(b"a\0b")
    assert not is_binary(b"a" * 8000 + b"\0")


def test_utf16_as_utf8() -> None:
    assert utf16_as_utf8("é\n".encode("utf-16")) == "é\n".encode()
    assert utf16_as_utf8(b"\xfe\xff\x00a") == b"a"
    assert utf16_as_utf8(b"\xff\xfe\x00\xd8") == "\ufffd".encode()
    assert utf16_as_utf8("é".encode()) is None


PIECES = st.sampled_from(
    [b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\n", b" ", b"---\n", b"+++\n", b"# Notes\n", b"```", b"~~~", b"Task\n",
     b"ta", b"sk\n", b"type: workplan\n", b"TYPE: Work-Plan\n", b"ty", b"pe", b"plan", b"id: W1\n", b"title: T\n",
     b"status: todo\n", b"version https://git-lfs.github.com/spec/", b"<<<<<<< a\n=======\n>>>>>>> b\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(b"".join), st.sampled_from(["w.md", "README.md"]))
def test_parser_makes_nothing_of_what_cannot_be_a_workplan(data: bytes, path: str) -> None:
    assert may_be_workplan(data) or parse_workplan(path, data) is None


@pytest.mark.parametrize(
    ("data", "may_be"),
    [
        (b"", False),
        (b"# Notes\n\nNo front matter: not a workplan.\n", False),
        (b"A type of note\n", False),
        (b"---\n", True),
        (b"\n```TASK\n", True),
        (b"Type = workPlan\n", True),
        ("type: workplan".encode("utf-16"), True),
        (b"version https://git-lfs.github.com/spec/v1\n", True),
        (b"PNG\0", True),
    ],
)
def test_may_be_a_workplan(data: bytes, may_be: bool) -> None:
    assert may_be_workplan(data) is may_be
