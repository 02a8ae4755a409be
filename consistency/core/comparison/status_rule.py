"""The no-regress rule for one pair of statuses (design, "Statuses and ranks")."""

from __future__ import annotations

from consistency.core.codes import FILE_AHEAD, HUB_AHEAD, REOPENED
from statehub.statuses import is_advance, is_regress


def classify_difference(file: str, hub: str, last_seen: str, *, moved: bool) -> str | None:
    """Return the code for a *file* status against the *hub*'s, or None if they agree.

    *last_seen* is the status that the hub last took from this file, '' for none; *moved* says that the hub has moved
    since both agreed, or that this is not known. A file that still has the last status brings no news: if its rank is
    higher, someone moved the hub back on purpose (C-15). On equal rank the file counts if it alone brings news.
    """
    if file == hub:
        return None
    if is_regress(hub, file):
        return HUB_AHEAD
    if is_advance(hub, file):
        return REOPENED if last_seen == file else FILE_AHEAD
    return FILE_AHEAD if last_seen == hub and not moved else HUB_AHEAD


def status_message(code: str, kind: str, title: str, hub: str, file: str) -> str:
    """Write the sentence for a status that differs; *kind* is task or workstream (C-13: design, "Check codes")."""
    statuses = f"(db={hub}, file={file})"
    if code == FILE_AHEAD:
        return f"file {'is ahead of' if is_advance(hub, file) else 'has changed'} {kind} '{title}' {statuses}"
    if code == REOPENED:
        return f"{kind} '{title}' was reopened in the hub, the file still has the old status {statuses}"
    return f"DB {kind} '{title}' is ahead of file {statuses} — skipped to prevent regression"
