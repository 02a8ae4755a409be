"""Normalizes ids to Unicode NFC, and names the invisible characters in them."""

from __future__ import annotations

import re
import unicodedata

_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Invisible characters without a category of their own: the rest of Default_Ignorable_Code_Point (Unicode 16,
DerivedCoreProperties.txt), and the braille blank.
"""


def normalize_id(text: str) -> str:
    """Return *text* in Unicode NFC, so that the same id is equal however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_invisible(letter: str) -> bool:
    """Whether *letter* is invisible or looks like a space: Unicode's controls, formats and separators."""
    if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Zs"):
        return letter != " "
    return _BLANKS.match(letter) is not None


def find_invisible(text: str) -> str | None:
    """Return the first invisible letter of *text*, or None."""
    if text.isascii() and text.isprintable():
        return None
    return next(filter(is_invisible, text), None)


def code_point(letter: str) -> str:
    """Return code point and name of *letter*: `U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".rstrip()


def name_invisible(text: str) -> str:
    """Return `, which holds U+200B ZERO WIDTH SPACE` if *text* has such a letter, else ''."""
    found = find_invisible(text)
    return f", which holds {code_point(found)}" if found else ""
