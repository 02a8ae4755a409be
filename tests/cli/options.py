"""The options of a run, for tests below the commands."""

from __future__ import annotations

from consistency.git.committer import Committer
from consistency.models import Mode
from consistency.runs.options import Options
from testing.environment import HOST


def fixing(**changes: bool) -> Options:
    """Those of a plain `fix_consistency --no-fetch`; *changes* as in `Options`."""
    committer = Committer("State Hub", "state-hub@localhost", 60)
    given = {"fetch": False, **changes}
    return Options(Mode.FIX, HOST, "me", committer, "0", **given)  # type: ignore[arg-type]  # all of *changes* are flags
