"""The environment that all tests run in, whatever the caller's: a home of its own, and only settings that are known."""

from __future__ import annotations

import os
from pathlib import Path

HOST = "test-host"
SETTINGS = "statehub.settings"

# Read by Django, the project's settings, git, PostgreSQL's client, make, or whatever colours its output.
FOREIGN = ("STATEHUB_", "DJANGO_", "SECURE_", "GIT_", "PG", "MAKE", "XDG_", "LC_")
FOREIGN_NAMES = (
    "ADDRESS", "ALL", "ALLOWED_HOSTS", "API_BASE", "ARGS", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS",
    "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "EMAIL", "FORCE_COLOR", "LANGUAGE", "MFLAGS", "NO_COLOR", "PYTHON",
    "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "REPO", "REPO_PATH", "SECRET_KEY", "TZ",
)  # fmt: skip

# git is isolated by its home: the tool itself drops GIT_* variables before it runs git.
GITCONFIG = """\
[user]
    name = Test Person
    email = test@example.org
[init]
    defaultBranch = main
[commit]
    gpgSign = false
[core]
    autocrlf = false
    fsync = none
[gc]
    auto = 0
[maintenance]
    auto = false
[protocol "file"]
    allow = always
"""


def pin(folder: Path) -> None:
    """Set this process's environment, and so that of all it starts; *folder* is an empty one that lasts as long."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name in FOREIGN_NAMES:
            del os.environ[name]
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG)
    os.environ.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / ".config"),
        XDG_CACHE_HOME=str(home / ".cache"),
        LC_ALL="C.UTF-8",
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
        DJANGO_SETTINGS_MODULE=SETTINGS,
        DATABASE_URL=f"sqlite:///{folder / 'statehub.sqlite3'}",
        STATEHUB_ENV_FILE=os.devnull,
        STATEHUB_HOST=HOST,
        STATEHUB_VAR=str(folder / "var"),
    )
