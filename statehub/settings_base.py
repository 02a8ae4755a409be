"""Settings that every process needs, from the environment or the settings file.

Commands for cron load only these; `statehub.settings` adds those of the web server.
"""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from statehub.database_url import MEMORY, read_database
from statehub.environment import (
    load_settings_file,
    read_bool,
    read_matching,
    read_number,
    read_path,
    read_receivers,
    read_text,
    read_url,
)
from statehub.numbers import DEFAULT_FILE_SIZE, MAX_CLONE_SIZE, MAX_FILE_SIZE, MAX_HOURS, MAX_SECONDS
from statehub.text import describe_os_error

BASE_DIR = Path(__file__).resolve().parent.parent

load_settings_file(BASE_DIR / ".env")


def ensure_directory(path: Path) -> None:
    """Create the folder *path*, only for its owner, and those above it, if missing. Raises ImproperlyConfigured."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {path} cannot be made: {describe_os_error(error)} (see DATABASE_URL and STATEHUB_VAR)"
        raise ImproperlyConfigured(message) from error


STATEHUB_VAR = read_path("STATEHUB_VAR", BASE_DIR / "var", BASE_DIR)
STATEHUB_HOST = read_text("STATEHUB_HOST", socket.gethostname(), 255)
STATEHUB_COMMIT_NAME = read_matching("STATEHUB_COMMIT_NAME", r"[^<>]*\w[^<>]*", "a name without < and >", "State Hub")
STATEHUB_COMMIT_EMAIL = read_matching(
    "STATEHUB_COMMIT_EMAIL", r"[^<>\s]*\w[^<>\s]*", "an address without blanks, < and >", "state-hub@localhost"
)
STATEHUB_FETCH_TIMEOUT = read_number("STATEHUB_FETCH_TIMEOUT", 20, MAX_SECONDS)
STATEHUB_UNREACHABLE_HOURS = read_number("STATEHUB_UNREACHABLE_HOURS", 24, MAX_HOURS)
STATEHUB_COMMIT_TIMEOUT = read_number("STATEHUB_COMMIT_TIMEOUT", 300, MAX_SECONDS)
STATEHUB_COMMIT_HOOKS = read_bool("STATEHUB_COMMIT_HOOKS", False)
STATEHUB_PUSH = read_bool("STATEHUB_PUSH", False)
STATEHUB_PUSH_TIMEOUT = read_number("STATEHUB_PUSH_TIMEOUT", 60, MAX_SECONDS)
STATEHUB_MAX_FILE_SIZE = read_number("STATEHUB_MAX_FILE_SIZE", DEFAULT_FILE_SIZE, MAX_FILE_SIZE)
# The hub's own clones, and how large one may be.
STATEHUB_CLONES = read_path("STATEHUB_CLONES", STATEHUB_VAR / "clones", BASE_DIR)
STATEHUB_CLONE_MAX_SIZE = read_number("STATEHUB_CLONE_MAX_SIZE", 2 * 1024**3, MAX_CLONE_SIZE)
STATEHUB_POLL_SECONDS = read_number("STATEHUB_POLL_SECONDS", 300, MAX_SECONDS)
STATEHUB_PING_URL = read_url("STATEHUB_PING_URL")
# Hours without a finished run after which a checkout counts as overdue.
STATEHUB_OVERDUE_HOURS = read_number("STATEHUB_OVERDUE_HOURS", 24, MAX_HOURS)
# The receivers of notifications, and the mail server for those that are mail addresses.
STATEHUB_NOTIFY = read_receivers("STATEHUB_NOTIFY")
STATEHUB_NOTIFY_GATHER_SECONDS = read_number("STATEHUB_NOTIFY_GATHER_SECONDS", 600, MAX_SECONDS, lowest=0)
STATEHUB_NOTIFY_DIGEST = read_matching("STATEHUB_NOTIFY_DIGEST", "repo|owner", "repo or owner")
DEFAULT_FROM_EMAIL = read_matching(
    "DEFAULT_FROM_EMAIL", r"[^<>@\s]+@[^<>@\s]+|[^<>@]*<[^<>@\s]+@[^<>@\s]+>", "ADDRESS or NAME <ADDRESS>",
    "State Hub <state-hub@localhost>",
)  # fmt: skip
EMAIL_TIMEOUT = 10
if read_text("EMAIL_URL", "", 4000):
    from statehub.email_url import read_mail_server

    _mail_server = read_mail_server()
    EMAIL_HOST, EMAIL_PORT = _mail_server.host, _mail_server.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail_server.user, _mail_server.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail_server.starttls, _mail_server.tls
# Read again from the environment by each git command, as GIT_ALLOW_PROTOCOL.
read_matching("STATEHUB_GIT_PROTOCOLS", r"[a-z0-9+.-]+(:[a-z0-9+.-]+)*", "names of protocols with colons between them")

INSTALLED_APPS = ["statehub", "consistency"]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_database = read_database(f"sqlite:///{quote(str(STATEHUB_VAR / 'statehub.sqlite3'))}", BASE_DIR)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction takes the write lock at its start, and waits for it; with the default a second writer
    # fails in the middle, with "database is locked".
    _database["OPTIONS"] = {
        "timeout": 20,
        **_database.get("OPTIONS", {}),
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    if _database["NAME"] != MEMORY:
        ensure_directory(Path(_database["NAME"]).parent)
else:
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 10)
    # With a pooler (pgbouncer in transaction mode) each transaction has another connection, which ends cursors.
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True
DATABASES = {"default": _database}
