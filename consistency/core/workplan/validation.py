"""Checks of single words a person wrote (statuses, priorities, ids, UUIDs), and suggestions for near misses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from statehub.ids import code_point, find_invisible, is_invisible, normalize_id

MAX_ID = 200
_SHOWN = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UUID = re.compile("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MAX_TYPO = 20
"""Letters of a word that may be a typing error; no allowed word is longer."""
_SYNONYMS = {
    "open": ("active", "todo"), "new": ("todo",), "pending": ("todo",), "planned": ("todo",), "backlog": ("todo",),
    "none": ("todo",), "not_started": ("todo",), "wip": ("in_progress",), "doing": ("in_progress",),
    "started": ("in_progress",), "ongoing": ("in_progress",), "active": ("in_progress",), "review": ("in_progress",),
    "waiting": ("blocked",), "on_hold": ("blocked",), "hold": ("blocked",), "paused": ("blocked",),
    "complete": ("done",), "completed": ("done",), "finished": ("done",), "closed": ("done",), "resolved": ("done",),
    "fixed": ("done",), "abandoned": ("cancelled",), "dropped": ("cancelled",), "rejected": ("cancelled",),
    "wontfix": ("cancelled",), "wont_fix": ("cancelled",), "obsolete": ("cancelled",), "superseded": ("cancelled",),
    "normal": ("medium",), "mid": ("medium",), "urgent": ("critical",), "highest": ("critical",), "lowest": ("low",),
}  # fmt: skip
"""Words of other tools; the first one that is allowed is meant. A word that may mean two things is not here."""


def suggest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the one of *allowed* that *word* most likely means, or None: by spelling, synonym or typing error."""
    choices = tuple(allowed)
    folded = re.sub(r"[\s-]+", "_", word.strip().casefold())
    if folded in choices:
        return folded
    for meant in _SYNONYMS.get(folded, ()):
        if meant in choices:
            return meant
    return next((choice for choice in choices if is_typo(folded, choice)), None)


def is_typo(word: str, meant: str, most: int | None = None) -> bool:
    """Return whether *word* is *meant* with one letter wrong, missing, doubled or swapped; two if long, or *most*.

    A word that begins with another letter is another word: `none` is not `done`, nor `inactive` `active`.
    """
    most = most or (1 if len(meant) < 6 else 2)
    if word[:1] != meant[:1] or min(len(word), len(meant)) < 3 or abs(len(word) - len(meant)) > most:
        return False
    return len(word) <= _MAX_TYPO and _distance(word, meant) <= most


def _distance(one: str, two: str) -> int:
    """Count the letters to replace, add, leave out or swap with their neighbour to get from *one* to *two*."""
    before, last = list[int](), list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(two, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b)))
            if i > 1 and j > 1 and (a, one[i - 2]) == (two[j - 2], b):
                row[-1] = min(row[-1], before[j - 2] + 1)
        before, last = last, row
    return last[-1]


def not_one_of_message(what: str, word: str, allowed: Iterable[str]) -> str:
    """Write the sentence for an unknown *word*: the allowed ones, or the one that was meant if that is known."""
    choices = tuple(allowed)
    meant = suggest(word, choices) or suggest(unicodedata.normalize("NFKC", word[: _MAX_TYPO + 1]), choices)
    hint = f" — did you mean '{meant}'?" if meant else f" (one of {', '.join(choices)})"
    return f"unknown {what} '{truncate(word)}'{_lookalike_letter(word, meant)}{hint}"


def _lookalike_letter(word: str, meant: str | None) -> str:
    """Name the letter that makes *word* differ from the *meant* one, if it looks the same."""
    letter = next((letter for letter in word if not letter.isascii()), None) if meant else None
    return f", which holds {code_point(letter)}" if letter else ""


def id_error(word: str) -> str | None:
    """Say why *word* cannot be an id, or None: an invisible character, or more than `MAX_ID` characters."""
    if len(word) > MAX_ID:
        return word_error(word) or f"is longer than {MAX_ID} characters"
    return word_error(word)


def usable_id(text: str) -> str | None:
    """Return *text* as an id, or None if it cannot be one."""
    key = normalize_id(text)
    return key if key and id_error(key) is None else None


def word_error(word: str) -> str | None:
    """Say why *word* cannot be an id, a status or a key: it holds a control, invisible or non-breaking character."""
    found = find_invisible(word)
    if found is None:
        return None
    kind = "a control character" if _CONTROL.match(found) else "a character that cannot be seen"
    return f"holds {kind}: {code_point(found)}"


def without_invisible(word: str) -> str:
    """Return *word* without invisible characters."""
    return "".join(letter for letter in word if not is_invisible(letter)).strip()


def has_control(text: str) -> bool:
    """Return whether *text* holds a control character, which no database and no terminal should be given."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def is_uuid(word: str) -> bool:
    """Return whether *word* is a UUID in its canonical form (RFC 9562, section 4)."""
    return _UUID.fullmatch(word) is not None


def truncate(text: str, limit: int = 60) -> str:
    """Return *text* on one line without control characters, cut to *limit* characters for a message."""
    line = _CONTROL.sub("\ufffd", " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def and_others(places: Sequence[str], here: str) -> str:
    """List the *places* other than *here*: the first few by name, the rest as a number."""
    shown = [place for place in places[: _SHOWN + 1] if place != here][:_SHOWN]
    more = len(places) - 1 - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
