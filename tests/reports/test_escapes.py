from __future__ import annotations

import re

import pytest

from statehub.text import escape_control, escape_unencodable


@pytest.mark.parametrize(
    ("text", "shown"),
    (
        ("plain — é 🙂 \\", "plain — é 🙂 \\"),
        ("\x1b[31mred\x1b]8;;http://x\x07", "\\x1b[31mred\\x1b]8;;http://x\\x07"),
        ("one\ntwo\r\n\tthree", "one\\ntwo\\r\\n\\tthree"),
        ("\x00\x7f\x85\x9b", "\\x00\\x7f\\x85\\x9b"),
        ("a\u202eb\u202ac\u2066d\u2069", "a\\u202eb\\u202ac\\u2066d\\u2069"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("caf\udce9 \ud83d", "caf\\udce9 \\ud83d"),
        ("שלום", "שלום"),
    ),
)
def test_visible_shows_what_would_steer_a_terminal(text: str, shown: str) -> None:
    assert escape_control(text) == shown


def test_visible_of_every_character_leaves_no_control_or_override_and_can_be_encoded() -> None:
    shown = escape_control("".join(map(chr, range(0x10000))))

    assert re.findall("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown) == []
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("encoding", "written"),
    (
        ("utf-8", "é → 🙂"),
        ("latin-1", "é \\u2192 \\U0001f642"),
        ("ascii", "\\xe9 \\u2192 \\U0001f642"),
        (None, "é → 🙂"),
    ),
)
def test_encodable_escapes_what_the_encoding_lacks(encoding: str | None, written: str) -> None:
    assert escape_unencodable("é → 🙂", encoding) == written
