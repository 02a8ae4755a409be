"""Single words: near misses, ids, UUIDs, shortening, listing."""

from __future__ import annotations

import unicodedata

import pytest

from consistency.core.workplan.validation import (
    MAX_ID,
    and_others,
    has_control,
    id_error,
    is_uuid,
    not_one_of_message,
    suggest,
    truncate,
    word_error,
)
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Done", "done"), (" DONE ", "done"), ("in progress", "in_progress"), ("in-progress", "in_progress"),
        ("In - Progress", "in_progress"), ("WIP", "in_progress"), ("completed", "done"), ("canceled", "cancelled"),
        ("on hold", "blocked"), ("active", "in_progress"), ("pending", "todo"), ("blokced", "blocked"),
        ("tood", "todo"), ("banana", None), ("", None), ("x" * 8000, None), ("high", None),
    ],
)  # fmt: skip
def test_near_miss_of_a_task_status(word: str, meant: str | None) -> None:
    assert suggest(word, TASK_STATUSES) == meant


def test_near_miss_depends_on_what_is_allowed() -> None:
    assert suggest("active", WORKSTREAM_STATUSES) == "active"
    assert suggest("urgent", PRIORITIES) == "critical"
    assert suggest("state", ("status",)) == "status"


@pytest.mark.parametrize(
    ("word", "of_a_workplan", "of_a_task"),
    [
        ("archived", None, None), ("inactive", None, None), ("undone", None, None), ("unblocked", None, None),
        ("none", "todo", "todo"), ("gone", None, None), ("complete", "done", "done"), ("open", "active", "todo"),
        ("closed", "done", "done"), ("wip", "in_progress", "in_progress"), ("canceled", "cancelled", "cancelled"),
        ("activ", "active", None), ("rejected", "cancelled", "cancelled"), ("paused", "blocked", "blocked"),
    ],
)  # fmt: skip
def test_near_miss_is_never_the_opposite(word: str, of_a_workplan: str | None, of_a_task: str | None) -> None:
    assert (suggest(word, WORKSTREAM_STATUSES), suggest(word, TASK_STATUSES)) == (of_a_workplan, of_a_task)


def test_not_one_of_names_the_letter_that_the_eye_does_not_see() -> None:
    assert not_one_of_message("task status", "d\u043ene", TASK_STATUSES) == (
        "unknown task status 'd\u043ene', which holds U+043E CYRILLIC SMALL LETTER O — did you mean 'done'?"
    )


def test_every_character_of_an_invisible_category_is_refused_and_no_letter() -> None:
    for letter in map(chr, range(0x110000)):
        category = unicodedata.category(letter)
        if category in ("Cc", "Cf", "Zl", "Zp", "Zs"):
            assert (word_error(letter) is None) is (letter == " "), hex(ord(letter))
        elif category in ("Lu", "Ll", "Nd", "Pd", "Sm", "Sc"):
            assert word_error(letter) is None, hex(ord(letter))


def test_not_one_of_says_what_was_meant_or_what_is_allowed() -> None:
    assert (
        not_one_of_message("task status", "Done", TASK_STATUSES) == "unknown task status 'Done' — did you mean 'done'?"
    )
    assert (
        not_one_of_message("priority", "p1", PRIORITIES) == "unknown priority 'p1' (one of low, medium, high, critical)"
    )


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("CUST-WP-0026-T01", None), ("ünï ç", None), ("x" * MAX_ID, None),
        ("x" * (MAX_ID + 1), "is longer than 200 characters"),
        ("a\0b", "holds a control character: U+0000"), ("a\nb", "holds a control character: U+000A"),
        ("a\x1bb", "holds a control character: U+001B"), ("a\x85b", "holds a control character: U+0085"),
        ("a\u200bb", "holds a character that cannot be seen: U+200B ZERO WIDTH SPACE"),
        ("a\u00a0b", "holds a character that cannot be seen: U+00A0 NO-BREAK SPACE"),
        ("a\ufe0f", "holds a character that cannot be seen: U+FE0F VARIATION SELECTOR-16"),
    ],
)  # fmt: skip
def test_fault_of_id(word: str, fault: str | None) -> None:
    assert id_error(word) == fault


def test_has_control() -> None:
    assert has_control("a\x7fb")
    assert not has_control("a \u2028 é 😀")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11", True),
        ("6F0F4C7E-7D3A-4F5B-9A6E-0D5D4C0C8B11", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("6f0f4c7e7d3a4f5b9a6e0d5d4c0c8b11", False),
        ("{6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11}", False),
        ("urn:uuid:6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11", False),
        ("6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b1", False),
        ("6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11\n", False),
        ("6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b1g", False),
        ("٦f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11", False),
        ("", False),
    ],
)
def test_is_uuid(word: str, answer: bool) -> None:
    assert is_uuid(word) is answer


def test_shorten_makes_one_clean_line() -> None:
    assert truncate("a\n  b\t\u2028c") == "a b c"
    assert truncate("x" * 60) == "x" * 60
    assert truncate("x" * 61) == "x" * 59 + "…"
    assert truncate("a\0b\x1b[31mc") == "a\ufffdb\ufffd[31mc"


def test_others_names_three_and_counts_the_rest() -> None:
    assert and_others(["a", "b"], "a") == "b"
    assert and_others(["a", "b", "c", "d"], "b") == "a, c, d"
    assert and_others(["a", "b", "c", "d", "e", "f"], "f") == "a, b, c and 2 more"
    assert and_others(["a", "b", "c", "d", "e", "f"], "a") == "b, c, d and 2 more"
