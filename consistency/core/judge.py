"""The no-regress rule for one pair of statuses (design, "Statuses and ranks")."""

from __future__ import annotations

from statehub.ranks import is_advance


def judge(file: str, hub: str, taken: str) -> str | None:
    """The code for a *file* status against the *hub*'s, or None where they agree.

    *taken* is what this checkout's ledger says the hub took from the file, '' for nothing. The file is news
    only where it differs from that: otherwise somebody moved the hub back on purpose (C-15).
    """
    if file == hub:
        return None
    if not is_advance(hub, file):
        return "C-13"
    return "C-15" if taken == file else "C-11"
