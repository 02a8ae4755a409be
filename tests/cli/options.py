"""The options of a run, for tests below the commands."""

from __future__ import annotations

from consistency.models import Mode
from consistency.runs.options import RunOptions
from testing.environment import HOST
from testing.samples import COMMITTER


def fixing(**changes: bool) -> RunOptions:
    """Return those of a plain `fix_consistency --no-fetch`; *changes* as in `RunOptions`."""
    given = {"fetch": False, **changes}
    return RunOptions(Mode.FIX, HOST, "me", COMMITTER, "0", **given)  # type: ignore[arg-type]  # all of *changes* are flags
