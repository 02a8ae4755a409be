"""Ids as people write them: kept and compared in Unicode NFC; what cannot be seen in them is named."""

from __future__ import annotations

import re
import unicodedata

_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Invisible characters that no Unicode category tells from visible ones: the rest of Default_Ignorable_Code_Point
(Unicode 16, DerivedCoreProperties.txt), and the braille blank.
"""


def normalize_id(text: str) -> str:
    """*text* in Unicode NFC: what looks the same and means the same is the same id, however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_invisible(letter: str) -> bool:
    """Whether nobody sees *letter*, or takes it for a common space: Unicode's controls, formats and separators."""
    if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Zs"):
        return letter != " "
    return _BLANKS.match(letter) is not None


def find_invisible(text: str) -> str | None:
    """The first letter of *text* that nobody sees, or None."""
    if text.isascii() and text.isprintable():
        return None
    return next(filter(is_invisible, text), None)


def code_point(letter: str) -> str:
    """`U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".rstrip()


def name_invisible(text: str) -> str:
    """What to say behind *text* if it holds a letter that nobody sees: `, which holds U+200B ZERO WIDTH SPACE`."""
    found = find_invisible(text)
    return f", which holds {code_point(found)}" if found else ""
