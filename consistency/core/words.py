"""Checks of single words a person wrote: statuses, priorities, ids, UUIDs, and what a near miss meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MAX_ID = 200
_SHOWN = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_SYNONYMS = {
    "open": "todo", "new": "todo", "pending": "todo", "planned": "todo", "backlog": "todo",
    "wip": "in_progress", "doing": "in_progress", "started": "in_progress", "ongoing": "in_progress",
    "active": "in_progress", "waiting": "blocked", "on_hold": "blocked", "hold": "blocked",
    "complete": "done", "completed": "done", "finished": "done", "closed": "done", "resolved": "done",
    "canceled": "cancelled", "abandoned": "cancelled", "dropped": "cancelled", "wontfix": "cancelled",
    "normal": "medium", "mid": "medium", "urgent": "critical", "highest": "critical", "lowest": "low",
}  # fmt: skip


def near_miss(word: str, allowed: Iterable[str]) -> str | None:
    """The one of *allowed* that *word* most likely meant, or None."""
    choices = tuple(allowed)
    folded = re.sub(r"[\s-]+", "_", word.strip().casefold())
    if folded in choices:
        return folded
    if _SYNONYMS.get(folded) in choices:
        return _SYNONYMS[folded]
    from difflib import get_close_matches  # Only a typing error needs it.

    return next(iter(get_close_matches(folded, choices, n=1, cutoff=0.7)), None)


def not_one_of(what: str, word: str, allowed: Iterable[str]) -> str:
    """The sentence for an unknown *word*: what is allowed, and what was meant where that can be told."""
    choices = tuple(allowed)
    meant = near_miss(word, choices)
    hint = f" — did you mean '{meant}'?" if meant else f" (one of {', '.join(choices)})"
    return f"unknown {what} '{shorten(word)}'{hint}"


def fault_of_id(word: str) -> str | None:
    """Why *word* cannot be an id, or None: control characters, or longer than `MAX_ID` characters."""
    if _CONTROL.search(word):
        return "holds a control character"
    return f"is longer than {MAX_ID} characters" if len(word) > MAX_ID else None


def has_control(text: str) -> bool:
    """Whether *text* holds a control character, which no database and no terminal should be given."""
    return _CONTROL.search(text) is not None


def is_uuid(word: str) -> bool:
    """Whether *word* is a UUID in its canonical form (RFC 9562, section 4)."""
    return _UUID.fullmatch(word) is not None


def shorten(text: str, limit: int = 60) -> str:
    """*text* on one line without control characters, cut to *limit* characters for a message."""
    line = _CONTROL.sub("\ufffd", " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def others(places: Sequence[str], here: str) -> str:
    """Where else than *here* something is, of all its *places*: the first few by name, the rest as a number."""
    shown = [place for place in places[: _SHOWN + 1] if place != here][:_SHOWN]
    more = len(places) - 1 - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
