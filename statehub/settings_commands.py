"""Settings that every process needs, read from the environment or `.env`; commands that cron runs load only these.

`statehub.settings` adds what the web server needs.
"""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
ENV_FILE = Path(env.str("STATEHUB_ENV_FILE", default=str(BASE_DIR / ".env")))
if ENV_FILE.is_file():
    env.read_env(str(ENV_FILE))


def number(name: str, default: int) -> int:
    """The whole number above 0 in the variable *name*. Raises ImproperlyConfigured where it is none."""
    text = env.str(name, default="") or str(default)
    if not text.isdecimal() or int(text) == 0:
        raise ImproperlyConfigured(f"{name} must be a whole number above 0")
    return int(text)


def ping_url(text: str) -> str:
    """*text*, where it is empty or a URL that can be called. Raises ImproperlyConfigured, without showing it."""
    try:
        parts = urlsplit(text)
        fine = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        fine = False
    if text and not (fine and text.isascii() and text.isprintable() and " " not in text):
        raise ImproperlyConfigured(
            "STATEHUB_PING_URL must be http://HOST/PATH or https://HOST/PATH, without a password"
        )
    return text


def make_folder(path: Path) -> None:
    """Make the folder *path*, and those above it, where they are not there; *path* itself for its owner alone.

    Raises ImproperlyConfigured.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"the folder {path} cannot be made: {error.strerror} (see DATABASE_URL and STATEHUB_VAR)"
        ) from error


STATEHUB_VAR = Path(env.str("STATEHUB_VAR", default=str(BASE_DIR / "var")))
STATEHUB_HOST = env.str("STATEHUB_HOST", default="") or socket.gethostname()
STATEHUB_COMMIT_NAME = env.str("STATEHUB_COMMIT_NAME", default="State Hub")
STATEHUB_COMMIT_EMAIL = env.str("STATEHUB_COMMIT_EMAIL", default="state-hub@localhost")
STATEHUB_FETCH_TIMEOUT = number("STATEHUB_FETCH_TIMEOUT", 20)
STATEHUB_UNREACHABLE_HOURS = number("STATEHUB_UNREACHABLE_HOURS", 24)
STATEHUB_COMMIT_TIMEOUT = number("STATEHUB_COMMIT_TIMEOUT", 300)
STATEHUB_COMMIT_HOOKS = env.bool("STATEHUB_COMMIT_HOOKS", default=False)
STATEHUB_PUSH = env.bool("STATEHUB_PUSH", default=False)
STATEHUB_PUSH_TIMEOUT = number("STATEHUB_PUSH_TIMEOUT", 60)
STATEHUB_MAX_FILE_SIZE = number("STATEHUB_MAX_FILE_SIZE", 5 * 1024 * 1024)
STATEHUB_PING_URL = ping_url(env.str("STATEHUB_PING_URL", default=""))

INSTALLED_APPS = ["statehub", "consistency"]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASE_URL_HELP = "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
_url = env.str("DATABASE_URL", default="") or f"sqlite:///{quote(str(STATEHUB_VAR / 'statehub.sqlite3'))}"
if not _url.startswith(("sqlite://", "postgres://", "postgresql://")):
    raise ImproperlyConfigured(DATABASE_URL_HELP)
try:
    _database = env.db_url_config(_url)
except ValueError as error:  # A port that is no number, say. The URL itself may hold a password: it is not shown.
    raise ImproperlyConfigured(DATABASE_URL_HELP) from error
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that will write takes its lock at once, and waits for it; with the default a
    # second writer fails with "database is locked" in the middle.
    _database.setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    )
    if not _database["NAME"].startswith((":memory:", "file:")):
        make_folder(Path(_database["NAME"]).parent)
else:
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 10)
DATABASES = {"default": _database}
