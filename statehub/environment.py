"""Reads settings from the environment and the settings file; each is valid, or refused in one line.

The file may have comments after values, blanks around `=`, `export`, quotes, CRLF, a BOM. Any other line is refused
with file and number; none is skipped. It may hold a secret and is not shown.
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
from statehub.text import describe_os_error

SETTINGS = frozenset({
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "DEFAULT_FROM_EMAIL", "EMAIL_URL", "SECRET_KEY",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "STATEHUB_CLONES", "STATEHUB_CLONE_MAX_SIZE",
    "STATEHUB_COMMIT_EMAIL",
    "STATEHUB_COMMIT_HOOKS", "STATEHUB_COMMIT_NAME", "STATEHUB_COMMIT_TIMEOUT", "STATEHUB_FETCH_TIMEOUT",
    "STATEHUB_GIT_PROTOCOLS", "STATEHUB_HOST", "STATEHUB_MAX_FILE_SIZE", "STATEHUB_NOTIFY", "STATEHUB_NOTIFY_DIGEST",
    "STATEHUB_NOTIFY_GATHER_SECONDS", "STATEHUB_OVERDUE_HOURS", "STATEHUB_PING_URL",
    "STATEHUB_POLL_SECONDS",
    "STATEHUB_PUSH", "STATEHUB_PUSH_TIMEOUT", "STATEHUB_REFUSED_PER_MINUTE", "STATEHUB_TRUSTED_PROXIES",
    "STATEHUB_UNREACHABLE_HOURS", "STATEHUB_VAR",
})  # fmt: skip
"""All names that the settings file may set. No other is read; a name that nearly matches one is refused."""

RECORDS = frozenset({"STATEHUB_TRIGGER", "STATEHUB_USER"})
"""Who started a run, for the history of runs; the commands read them."""

FOR_ONE_PROCESS = frozenset({"STATEHUB_ENV_FILE", "STATEHUB_TOKEN"})
"""Names for the environment of a process; the settings file is refused if it has one of these."""

KNOWN = SETTINGS | RECORDS | FOR_ONE_PROCESS

PREFIX = "STATEHUB_"
"""Prefix of State Hub's own names."""

SECRET = frozenset({"DATABASE_URL", "EMAIL_URL", "SECRET_KEY", "STATEHUB_NOTIFY", "STATEHUB_PING_URL"})
"""Settings with a value that is never shown."""

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

# Set by clusters for all processes beside a service called "statehub"; and by our tests.
_NOT_OURS = re.compile(r"STATEHUB_(?:TEST_|(?:.*_)?SERVICE_|(?:.*_)?PORT(?:_|$))")
_LIKE_OURS = re.compile(r"STAT.{0,3}HUB", re.IGNORECASE)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""", re.DOTALL)
_COMMENT = re.compile(r"\s#.*", re.DOTALL)
_MIN_RATIO = 0.75
"""How similar two names must be for one to be a typing error of the other (difflib, "ratio")."""

_MAILTO = re.compile(r"mailto:[A-Za-z0-9.!#$&'*+/=^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"\*|\.?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")

_locations: dict[str, str] = {}
"""The line of the settings file that each setting comes from."""


def load_settings_file(default: Path) -> None:
    """Add the settings of the file STATEHUB_ENV_FILE, or of *default* if it exists, to the environment.

    Variables that are set already win. Raises ImproperlyConfigured.
    """
    named = os.environ.get("STATEHUB_ENV_FILE", "").strip()
    path = Path(named) if named else default
    if named or os.path.lexists(path):
        source = "STATEHUB_ENV_FILE" if named else "settings file"
        for name, (value, location) in parse_settings(_read(path, source), str(path)).items():
            if name not in os.environ:
                os.environ[name] = value
                _locations[name] = location
    _check_environment()


def _read(path: Path, source: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ImproperlyConfigured(f"{source} {path} cannot be read: {describe_os_error(error)}") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{source} {path} is not UTF-8: byte {error.start}") from error


def parse_settings(text: str, path: str) -> dict[str, tuple[str, str]]:
    """Parse the *text* of a settings file: name → (value, location). Raises ImproperlyConfigured."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        location = f"{path}, line {number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise ImproperlyConfigured(f"{location}: this is not NAME=VALUE")
        name, value = match[1], _parse_value(match[2], match[1], location)
        if name in found:
            first = found[name][1].rpartition(", ")[2]
            raise ImproperlyConfigured(f"{location}: {name} is set twice, see also {first}")
        _check_name(name, location)
        found[name] = (value, location)
    return found


def _parse_value(text: str, name: str, location: str) -> str:
    """Parse the *text* after the `=`. Nothing in it is expanded."""
    bare = text.strip()
    if bare[:1] in {"'", '"'}:
        match = _QUOTED.fullmatch(bare)
        if match is None:
            rule = "begins with a quote; it must end with one, and only a comment may follow"
            raise ImproperlyConfigured(f"{location}: the value of {name} {rule}")
        return match[1] if match[1] is not None else re.sub(r'\\(["\\$`])', r"\1", match[2])
    return _COMMENT.sub("", f" {text}" if text[:1] != "#" else text).strip()


def _check_name(name: str, location: str) -> None:
    """Refuse a name that the settings file cannot set; variables of other programs are allowed."""
    if name in FOR_ONE_PROCESS:
        raise ImproperlyConfigured(f"{location}: {name} goes into the environment of a process, not into this file")
    near = _near(name)
    if name not in KNOWN and (near or name.upper().startswith(PREFIX)):
        raise ImproperlyConfigured(f"{location}: {name} is not a setting{near and f': did you mean {near}?'}")


def _check_environment() -> None:
    """Refuse typing errors of names, and warn of unknown names with our prefix. Raises ImproperlyConfigured."""
    for name in sorted(os.environ):
        if name in KNOWN or not _LIKE_OURS.match(name) or _NOT_OURS.match(name):
            continue
        if near := _near(name):
            raise ImproperlyConfigured(f"{_escaped(name)} is not a setting: did you mean {near}?")
        if name.startswith(PREFIX):
            sys.stderr.write(f"warning: {_escaped(name)} is not a setting; .env.example lists them\n")


def _near(name: str) -> str:
    """Return the setting that *name* is a typing error of, or ''."""
    if name in KNOWN:
        return ""
    from difflib import get_close_matches

    known, upper = sorted(KNOWN), name.upper()
    prefix = PREFIX if upper.startswith(PREFIX) else ""  # A common prefix says nothing.
    alike = [wanted for wanted in known if wanted.startswith(prefix) and abs(len(wanted) - len(upper)) <= 2]
    rests = [wanted.removeprefix(prefix) for wanted in alike]
    found = get_close_matches(upper.removeprefix(prefix), rests, 1, _MIN_RATIO)
    return prefix + found[0] if found else ""


def read_text(name: str, default: str = "", longest: int = 1000) -> str:
    """Read a text without blanks around it, at most *longest* characters. Raises ImproperlyConfigured."""
    value = _raw(name) or default
    if len(value) > longest or not value.isprintable():
        raise refusal(name, f"text of at most {longest} printable characters")
    return value


def read_bool(name: str, default: bool) -> bool:
    """Read a boolean. Raises ImproperlyConfigured."""
    value = _raw(name).lower()
    if value and value not in TRUE + FALSE:
        raise refusal(name, "true or false")
    return value in TRUE if value else default


def read_number(name: str, default: int, highest: int, lowest: int = 1) -> int:
    """Read a whole number from *lowest* to *highest*. Raises ImproperlyConfigured."""
    try:
        return parse_whole_number(_raw(name) or str(default), lowest, highest)
    except NotANumberError as error:
        raise refusal(name, error.wanted) from error


def read_hosts(name: str, default: list[str]) -> list[str]:
    """Read a list of host names. Raises ImproperlyConfigured."""
    hosts = _list(name)
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise refusal(name, "names of hosts with commas between them, without https:// and port")
    return hosts or default


def read_networks(name: str, default: str) -> list[IPv4Network | IPv6Network | str]:
    """Read a list of IP addresses, networks and `unix`. Raises ImproperlyConfigured."""
    text = _raw(name) or default
    try:
        parts = [part.strip() for part in text.split(",")] if text != "none" else []
        return ["unix" if part == "unix" else ip_network(part) for part in parts]
    except ValueError as error:
        wanted = "addresses, networks as 10.0.0.0/8, or unix, with commas between them, or none"
        raise refusal(name, wanted) from error


def read_origins(name: str) -> list[str]:
    """Read a list of web origins. Raises ImproperlyConfigured."""
    origins = _list(name)
    if not all(_is_origin(origin) for origin in origins):
        raise refusal(name, "addresses like https://hub.example.org with commas between them, without a path")
    return origins


def _is_origin(text: str) -> bool:
    match = re.fullmatch(r"https?://\*?(.+?)(?::[0-9]{1,5})?", text, re.DOTALL)
    return match is not None and match[1] != "*" and bool(_HOST.fullmatch(match[1]))


def read_url(name: str) -> str:
    """Read an http url, or ''. Raises ImproperlyConfigured."""
    text = _raw(name)
    if text and not _is_http_url(text):
        raise refusal(name, "http://HOST/PATH or https://HOST/PATH, without a password")
    return text


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_http = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_http and "@" not in parts.netloc and text.isascii() and text.isprintable() and " " not in text


def read_receivers(name: str) -> list[str]:
    """Read a list of receivers of notifications, each once. Raises ImproperlyConfigured."""
    receivers = _list(name)
    if not all(_MAILTO.fullmatch(each) or _is_http_url(each.removeprefix("slack+")) for each in receivers):
        raise refusal(name, "mailto:ADDRESS, https://HOST/PATH or slack+https://HOST/PATH, with commas between several")
    return list(dict.fromkeys(receivers))


def read_matching(name: str, pattern: str, wanted: str, default: str = "") -> str:
    """Read a text that matches the whole *pattern*. Raises ImproperlyConfigured."""
    value = read_text(name, default)
    if value and not re.fullmatch(pattern, value):
        raise refusal(name, wanted)
    return value


def read_path(name: str, default: Path, base: Path) -> Path:
    """Read a path; a relative one begins at *base*, whatever the working directory. Raises ImproperlyConfigured."""
    value = read_text(name, str(default), 4000)
    try:
        return base / Path(value).expanduser()
    except RuntimeError as error:
        raise refusal(name, "a path whose ~ leads to a home") from error


def refusal(name: str, wanted: str) -> ImproperlyConfigured:
    """Return the error for a setting that is not *wanted*; it names setting, value and, if known, location."""
    value = "" if name in SECRET else f", not '{_escaped(_raw(name))}'"
    location = f" ({_locations[name]})" if name in _locations else ""
    return ImproperlyConfigured(f"{name} must be {wanted}{value}{location}")


def _raw(name: str) -> str:
    if name not in SETTINGS:
        raise LookupError(f"{name} is missing in statehub.environment.SETTINGS")
    return os.environ.get(name, "").strip()


def _list(name: str) -> list[str]:
    return [part.strip() for part in _raw(name).split(",") if part.strip()]


def _escaped(value: str) -> str:
    r"""Return *value* on one line, shortened, with invisible characters as `\u200b`."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value[:200])
