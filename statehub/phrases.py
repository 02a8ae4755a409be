"""Parts of sentences that several messages share."""

from __future__ import annotations

from collections.abc import Iterable

MAX_NAMES = 3


def name_some(names: Iterable[str]) -> str:
    """Return the first few of *names* and the number of the others: `a, b, c and 4 more`."""
    listed = list(names)
    more = len(listed) - MAX_NAMES
    return ", ".join(listed[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
