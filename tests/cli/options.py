"""The options of a run, for tests below the commands."""

from __future__ import annotations

from consistency.git.committer import Committer
from consistency.models import Mode
from consistency.runs.options import RunOptions
from testing.environment import HOST


def fixing(**changes: bool) -> RunOptions:
    """Those of a plain `fix_consistency --no-fetch`; *changes* as in `RunOptions`."""
    committer = Committer("State Hub", "state-hub@localhost", 60)
    given = {"fetch": False, **changes}
    return RunOptions(Mode.FIX, HOST, "me", committer, "0", **given)  # type: ignore[arg-type]  # all of *changes* are flags
