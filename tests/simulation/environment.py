"""The environment of a simulation, whatever the caller's: a home of its own, and no settings of the user's."""

from __future__ import annotations

import os
from pathlib import Path

from tests.simulation.gitconfig import GITCONFIG

FOREIGN = ("STATEHUB_", "DJANGO_", "GIT_", "XDG_", "LC_")


def pin(home: Path) -> None:
    """Set this process's environment, and so that of all it starts; *home* is a folder to be made."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            del os.environ[name]
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG)
    os.environ.update(
        HOME=str(home),
        LC_ALL="C.UTF-8",
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
        DJANGO_SETTINGS_MODULE="statehub.settings_base",
        DATABASE_URL=f"sqlite:///{home / 'none.sqlite3'}",
        STATEHUB_ENV_FILE=os.devnull,
        STATEHUB_HOST="simulation",
        STATEHUB_VAR=str(home / "var"),
    )
