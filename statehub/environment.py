"""Reads settings from the process' environment and the settings file: each is understood, or refused in one line.

The file is read as people write it: comments behind values, blanks around `=`, `export`, quotes, CRLF, a BOM. What
cannot be read that way is refused with file and line; nothing is skipped. Such a line may hold a secret and is not
shown.
"""

from __future__ import annotations

import os
import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from statehub.numbers import NotANumberError, parse_whole_number
from statehub.phrases import describe_os_error

SETTINGS = frozenset({
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "SECRET_KEY", "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "STATEHUB_COMMIT_EMAIL",
    "STATEHUB_COMMIT_HOOKS", "STATEHUB_COMMIT_NAME", "STATEHUB_COMMIT_TIMEOUT", "STATEHUB_FETCH_TIMEOUT",
    "STATEHUB_GIT_PROTOCOLS", "STATEHUB_HOST", "STATEHUB_MAX_FILE_SIZE", "STATEHUB_OVERDUE_HOURS", "STATEHUB_PING_URL",
    "STATEHUB_PUSH", "STATEHUB_PUSH_TIMEOUT", "STATEHUB_REFUSED_PER_MINUTE", "STATEHUB_TRUSTED_PROXIES",
    "STATEHUB_UNREACHABLE_HOURS", "STATEHUB_VAR",
})  # fmt: skip
"""All that the settings file may set. Reading any other is a mistake of ours; a typing error in one is refused."""

RECORDS = frozenset({"STATEHUB_TRIGGER", "STATEHUB_USER"})
"""What the history of runs says of who started one; the commands read them."""

FOR_ONE_PROCESS = frozenset({"STATEHUB_ENV_FILE", "STATEHUB_TOKEN"})
"""What only the environment of a process can say; the settings file is refused if it has one of these."""

KNOWN = SETTINGS | RECORDS | FOR_ONE_PROCESS

PREFIX = "STATEHUB_"
"""Names with it are this tool's own."""

SECRET = frozenset({"DATABASE_URL", "SECRET_KEY", "STATEHUB_PING_URL"})
"""Settings whose value is never shown."""

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

# What clusters put into the environment of all that runs beside a service called "statehub"; and our own tests.
_NOT_OURS = re.compile(r"STATEHUB_(?:TEST_|(?:.*_)?SERVICE_|(?:.*_)?PORT(?:_|$))")
_LIKE_OURS = re.compile(r"STAT.{0,3}HUB", re.IGNORECASE)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""", re.DOTALL)
_COMMENT = re.compile(r"\s#.*", re.DOTALL)
_NEAR = 0.75
"""How alike two names must be for one to be a typing error in the other (difflib, "ratio")."""

_HOST = re.compile(r"\*|\.?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")

_places: dict[str, str] = {}
"""Where in the settings file each setting of this process comes from, as far as it does."""


def load_settings_file(default: Path) -> None:
    """Add to the environment what the settings file says: STATEHUB_ENV_FILE, or *default* if there is one.

    What the environment has already stays. Raises ImproperlyConfigured.
    """
    named = os.environ.get("STATEHUB_ENV_FILE", "").strip()
    path = Path(named) if named else default
    if named or os.path.lexists(path):
        source = "STATEHUB_ENV_FILE" if named else "settings file"
        for name, (value, place) in parse_settings(_read(path, source), str(path)).items():
            if name not in os.environ:
                os.environ[name] = value
                _places[name] = place
    _check_environment()


def _read(path: Path, source: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ImproperlyConfigured(f"{source} {path} cannot be read: {describe_os_error(error)}") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{source} {path} is not UTF-8: byte {error.start}") from error


def parse_settings(text: str, path: str) -> dict[str, tuple[str, str]]:
    """What a settings file says: name → (value, place). Raises ImproperlyConfigured."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        place = f"{path}, line {number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise ImproperlyConfigured(f"{place}: this is not NAME=VALUE")
        name, value = match[1], _value(match[2], match[1], place)
        if name in found:
            raise ImproperlyConfigured(f"{place}: {name} is set twice, see also {found[name][1].rpartition(', ')[2]}")
        _check_name(name, place)
        found[name] = (value, place)
    return found


def _value(text: str, name: str, place: str) -> str:
    """What stands behind the `=`. Nothing in it is expanded."""
    bare = text.strip()
    if bare[:1] in {"'", '"'}:
        match = _QUOTED.fullmatch(bare)
        if match is None:
            raise ImproperlyConfigured(
                f"{place}: the value of {name} begins with a quote; it must end with one, and only a comment may follow"
            )
        return match[1] if match[1] is not None else re.sub(r'\\(["\\$`])', r"\1", match[2])
    return _COMMENT.sub("", f" {text}" if text[:1] != "#" else text).strip()


def _check_name(name: str, place: str) -> None:
    """Refuse what the settings file cannot set: other programs' variables may stand there, a slip of ours may not."""
    if name in FOR_ONE_PROCESS:
        raise ImproperlyConfigured(f"{place}: {name} goes into the environment of a process, not into this file")
    near = _near(name)
    if name not in KNOWN and (near or name.upper().startswith(PREFIX)):
        raise ImproperlyConfigured(f"{place}: {name} is not a setting{near and f': did you mean {near}?'}")


def _check_environment() -> None:
    """Refuse a slip in a name; say which other names of ours are unknown. Raises ImproperlyConfigured."""
    ours = (name for name in sorted(os.environ) if _LIKE_OURS.match(name) and not _NOT_OURS.match(name))
    for name in ours:
        if name in KNOWN:
            continue
        if near := _near(name):
            raise ImproperlyConfigured(f"{_escaped(name)} is not a setting: did you mean {near}?")
        if name.startswith(PREFIX):
            sys.stderr.write(f"warning: {_escaped(name)} is not a setting; .env.example lists them\n")


def _near(name: str) -> str:
    """The setting that *name* is a typing error of, or ''."""
    if name in KNOWN:
        return ""
    from difflib import get_close_matches

    known, upper = sorted(KNOWN), name.upper()
    prefix = PREFIX if upper.startswith(PREFIX) else ""  # What both have says nothing.
    alike = [wanted for wanted in known if wanted.startswith(prefix) and abs(len(wanted) - len(upper)) <= 2]
    found = get_close_matches(upper.removeprefix(prefix), [wanted.removeprefix(prefix) for wanted in alike], 1, _NEAR)
    return prefix + found[0] if found else ""


def read_text(name: str, default: str = "", longest: int = 1000) -> str:
    """The setting *name* without blanks around it; *default* if it has no value. Raises ImproperlyConfigured."""
    value = _raw(name) or default
    if len(value) > longest or not value.isprintable():
        raise refusal(name, f"text of at most {longest} printable characters")
    return value


def read_bool(name: str, default: bool) -> bool:
    """Whether the setting *name* says yes. Raises ImproperlyConfigured."""
    value = _raw(name).lower()
    if value and value not in TRUE + FALSE:
        raise refusal(name, "true or false")
    return value in TRUE if value else default


def read_number(name: str, default: int, highest: int, lowest: int = 1) -> int:
    """The whole number that the setting *name* says. Raises ImproperlyConfigured."""
    try:
        return parse_whole_number(_raw(name) or str(default), lowest, highest)
    except NotANumberError as error:
        raise refusal(name, error.wanted) from error


def read_hosts(name: str, default: list[str]) -> list[str]:
    """The names of hosts that the setting *name* lists. Raises ImproperlyConfigured."""
    hosts = _list(name)
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise refusal(name, "names of hosts with commas between them, without https:// and port")
    return hosts or default


def read_networks(name: str, default: str) -> list[IPv4Network | IPv6Network | str]:
    """The addresses and networks that the setting *name* lists, `unix` as it is. Raises ImproperlyConfigured."""
    text = _raw(name) or default
    try:
        parts = [part.strip() for part in text.split(",")] if text != "none" else []
        return ["unix" if part == "unix" else ip_network(part) for part in parts]
    except ValueError as error:
        wanted = "addresses, networks as 10.0.0.0/8, or unix, with commas between them, or none"
        raise refusal(name, wanted) from error


def read_origins(name: str) -> list[str]:
    """The addresses of web sites that the setting *name* lists. Raises ImproperlyConfigured."""
    origins = _list(name)
    if not all(_is_origin(origin) for origin in origins):
        raise refusal(name, "addresses like https://hub.example.org with commas between them, without a path")
    return origins


def _is_origin(text: str) -> bool:
    match = re.fullmatch(r"https?://\*?(.+?)(?::[0-9]{1,5})?", text, re.DOTALL)
    return match is not None and match[1] != "*" and bool(_HOST.fullmatch(match[1]))


def read_url(name: str) -> str:
    """The address for calls by http that the setting *name* says, or ''. Raises ImproperlyConfigured."""
    text = _raw(name)
    try:
        parts = urlsplit(text)
        fine = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        fine = False
    if text and not (fine and text.isascii() and text.isprintable() and " " not in text):
        raise refusal(name, "http://HOST/PATH or https://HOST/PATH, without a password")
    return text


def read_matching(name: str, pattern: str, wanted: str, default: str = "") -> str:
    """The value of the setting *name*, which the whole *pattern* describes. Raises ImproperlyConfigured."""
    value = read_text(name, default)
    if value and not re.fullmatch(pattern, value):
        raise refusal(name, wanted)
    return value


def read_path(name: str, default: Path, base: Path) -> Path:
    """The path that the setting *name* says; a relative one begins at *base*, whatever folder the process is in."""
    value = read_text(name, str(default), 4000)
    try:
        return base / Path(value).expanduser()
    except RuntimeError as error:
        raise refusal(name, "a path whose ~ leads to a home") from error


def refusal(name: str, wanted: str) -> ImproperlyConfigured:
    """The error for a setting that is not what is *wanted*: it names setting, value and, if it has one, place."""
    value = "" if name in SECRET else f", not '{_escaped(_raw(name))}'"
    place = f" ({_places[name]})" if name in _places else ""
    return ImproperlyConfigured(f"{name} must be {wanted}{value}{place}")


def _raw(name: str) -> str:
    if name not in SETTINGS:
        raise LookupError(f"{name} is missing in statehub.environment.SETTINGS")
    return os.environ.get(name, "").strip()


def _list(name: str) -> list[str]:
    return [part.strip() for part in _raw(name).split(",") if part.strip()]


def _escaped(value: str) -> str:
    r"""*value* on one line, cut short, and whatever one does not see in it as `\u200b`."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value[:200])
