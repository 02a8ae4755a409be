"""Parts of sentences that more than one message needs."""

from __future__ import annotations

from collections.abc import Iterable

MAX_NAMES = 3


def plural(number: int, noun: str) -> str:
    """Return *noun* as it stands behind *number*: `task` for 1, else `tasks`."""
    if number == 1:
        return noun
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def describe_os_error(error: OSError) -> str:
    """Return the system's message for *error*, without its number and file; its text if the system has none."""
    return error.strerror or str(error)


def name_some(names: Iterable[str]) -> str:
    """Name the first few of *names*, the rest as a number: `a, b, c and 4 more`."""
    listed = list(names)
    more = len(listed) - MAX_NAMES
    return ", ".join(listed[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
