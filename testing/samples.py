"""Names and messages that many tests share."""

from __future__ import annotations

from consistency.git.committer import Committer
from statehub.models import Source
from statehub.transitions import Actor

T01, T02 = "WP-1-T01", "WP-1-T02"
SOMEBODY = Actor("somebody", Source.API)
COMMITTER = Committer("State Hub", "state-hub@localhost", 60)
WRITEBACK_SUBJECT = "chore(consistency): sync task status from DB [auto]"


def ahead_of_file(task: str, db: str, file: str) -> str:
    """Return the message of C-13 for a *task* whose title is `Task ID`."""
    return f"DB task 'Task {task}' is ahead of file (db={db}, file={file}) — skipped to prevent regression"
