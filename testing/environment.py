"""The environment of tests and demos: a home of its own and known settings, whatever the caller's environment is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

HOST = "test-host"
SETTINGS = "statehub.settings"

# Read by Django, the project's settings, git, PostgreSQL's client, make, or whatever colours its output.
FOREIGN = ("STATEHUB_", "DJANGO_", "SECURE_", "GIT_", "PG", "MAKE", "XDG_", "LC_")
FOREIGN_NAMES = (
    "ADDRESS", "ALL", "ALLOWED_HOSTS", "API_BASE", "ARGS", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "COVERAGE",
    "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "DEFAULT_FROM_EMAIL", "EMAIL", "EMAIL_URL", "FORCE_COLOR",
    "LANGUAGE", "MFLAGS", "NO_COLOR", "OPERATIONS", "PYTHON", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "REPO",
    "REPO_PATH", "SECONDS", "SECRET_KEY", "SEED", "STATUS", "STEPS", "TASK", "TZ",
)  # fmt: skip

MEMORY = Path("/dev/shm")
FREE_BYTES = 2 << 30
"""Bytes that must be free in memory for the files of tests to be there."""

# git is isolated by its home: the tool itself drops GIT_* variables before it runs git.
USER_NAME = "Test Person"
USER_EMAIL = "test@example.org"
GITCONFIG = f"""\
[user]
    name = {USER_NAME}
    email = {USER_EMAIL}
[init]
    defaultBranch = main
    templateDir = ~/git-template
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


def fast_folder() -> Path:
    """Return the folder to put the files of tests into: in memory if there is room, else /tmp, whatever TMPDIR says.

    Repositories and databases are made and removed for each test: on a disk that costs as much as the tests' work. The
    paths are short: a socket's path may have about 100 bytes.
    """
    with suppress(OSError):
        memory = os.statvfs(MEMORY)
        if memory.f_bavail * memory.f_frsize > FREE_BYTES and not memory.f_flag & os.ST_NOEXEC:
            return MEMORY
    return Path("/tmp")


def pin(folder: Path, *, host: str = HOST, settings: str = SETTINGS, gitconfig: str = "") -> None:
    """Set the environment of this process and of all that it starts.

    *folder* is empty and lasts as long as the process; *gitconfig* is added to the git settings of its home.
    """
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name in FOREIGN_NAMES:
            del os.environ[name]
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG + gitconfig)
    for name in ("hooks", "info"):  # what git's own template has, without the dozen samples of hooks
        (home / "git-template" / name).mkdir(parents=True)
    (home / "git-template" / "info" / "exclude").touch()
    os.environ.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / ".config"),
        XDG_CACHE_HOME=str(home / ".cache"),
        LC_ALL="C.UTF-8",
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
        DJANGO_SETTINGS_MODULE=settings,
        DATABASE_URL=f"sqlite:///{folder / 'statehub.sqlite3'}",
        STATEHUB_ENV_FILE=os.devnull,
        STATEHUB_HOST=host,
        STATEHUB_VAR=str(folder / "var"),
    )


def isolated(home: Path, *, url: str, host: str, var: Path) -> dict[str, str]:
    """Return the environment of a command that uses no settings of the caller: not for git, and not for the hub."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DATABASE_URL": url,
        "SECRET_KEY": "not-secret",
        "STATEHUB_ENV_FILE": os.devnull,
        "STATEHUB_HOST": host,
        "STATEHUB_VAR": str(var),
    }
