"""Parts of sentences that more than one message needs."""

from __future__ import annotations

from collections.abc import Iterable

MAX_NAMES = 3


def name_some(names: Iterable[str]) -> str:
    """Name the first few of *names*, the rest as a number: `a, b, c and 4 more`."""
    listed = list(names)
    more = len(listed) - MAX_NAMES
    return ", ".join(listed[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
