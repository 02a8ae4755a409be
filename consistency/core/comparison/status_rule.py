"""The no-regress rule for one pair of statuses (design, "Statuses and ranks")."""

from __future__ import annotations

from statehub.statuses import is_advance, is_regress


def classify_difference(file: str, hub: str, taken: str, *, moved: bool) -> str | None:
    """The code for a *file* status against the *hub*'s, or None if they agree.

    *taken* is what this checkout's ledger says the hub took from the file, '' for nothing; *moved* says that the hub
    has moved since both agreed, or that nobody knows. A file that says what was taken brings no news: if its rank is
    higher, somebody moved the hub back on purpose (C-15). On equal rank the file counts if it alone brings news.
    """
    if file == hub:
        return None
    if is_regress(hub, file):
        return "C-13"
    if is_advance(hub, file):
        return "C-15" if taken == file else "C-11"
    return "C-11" if taken == hub and not moved else "C-13"
