"""Normalizes the urls of repositories, and resolves ssh aliases."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from consistency.git.names import to_git

SSH_SECONDS = 5.0
"""Time limit for ssh to resolve an alias."""

SAME_HOST = {
    "ssh.github.com": "github.com",
    "www.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Other names of well-known servers, mostly for ssh on port 443."""

CASE_INSENSITIVE_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitea.com"})
"""Servers on which `Acme/Orders` and `acme/orders` are one repository."""

_HOST = r"(?P<host>\[[^]/]*\]|[^:/]+)"
_SCP_LIKE = re.compile(rf"(?:(?P<user>[^@/]+)@)?{_HOST}:(?!//)(?P<path>.+)")
_URL = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^/]*)@)?{_HOST}(?::\d+)?/(?P<path>.+)", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/]*@")
_SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git")

Resolve = Callable[[str], str]
"""Returns the machine that ssh connects to for `host` or `user@host`."""


def normalize_url(url: str, base: str, resolve: Resolve | None = None) -> str:
    """Return *url* as `host/path`, the same for ssh and https and with or without `.git`; a local one as a full path.

    User, password and port are dropped, the first two also from a malformed url. *resolve* resolves the host of an ssh
    url. Bytes that are not UTF-8 become escapes.
    """
    match = _parse(url, base)
    if match:
        host = match["host"]
        if resolve is not None and _is_ssh(match):
            user = (match["user"] or "").partition(":")[0]  # A password must not show in the list of processes.
            host = resolve(f"{user}@{host}" if user else host)
        normalized = _join(host, match["path"])
    else:
        local = os.path.realpath(os.path.join(base, _USER.sub("", url).removeprefix("file://")))
        normalized = local.rstrip("/").removesuffix("/.git").removesuffix(".git")
    return to_git(normalized).decode(errors="backslashreplace")


def is_local(address: str) -> bool:
    """Return whether *address* (normalized) is a folder: the same path on another machine is another folder."""
    return address.startswith("/")


def _parse(url: str, base: str) -> re.Match[str] | None:
    match = _URL.fullmatch(url)
    if match or os.path.exists(os.path.join(base, url)):
        return match
    return _SCP_LIKE.fullmatch(_USER.sub("", url))


def _is_ssh(match: re.Match[str]) -> bool:
    if match.re is _SCP_LIKE:
        return not _is_helper(match["path"])
    return match["scheme"].lower() in _SSH_SCHEMES


def _is_helper(path: str) -> bool:
    """Return whether git would start a remote helper (`helper::address`; gitremote-helpers)."""
    return path.startswith(":")


def _join(host: str, path: str) -> str:
    host = host.lower().rstrip(".")
    host = SAME_HOST.get(host, host)
    path = path if _is_helper(path) else re.sub("/+", "/", path)
    path = path.strip("/").removesuffix(".git").strip("/").removeprefix("~/")
    return f"{host}/{path.lower() if host in CASE_INSENSITIVE_HOSTS else path}"


@cache
def ssh_host(target: str, command: str = "ssh") -> str:
    """Return the machine that ssh connects to for *target* (`git@github-work`) by the user's ssh settings.

    Does not connect. *command* is the user's ssh command; if it fails, the host of *target* is returned.
    """
    settings = _read_ssh_settings(target, command) if not target.startswith("-") else ""
    names = [line.partition(" ")[2] for line in settings.splitlines() if line.startswith("hostname ")]
    return next((name.strip() for name in names if name.strip()), target.rpartition("@")[2])


def _read_ssh_settings(target: str, command: str) -> str:
    # Started by a shell, as git does (git-config, "core.sshCommand"). `Match exec` may start more programs: one group.
    arguments = ["/bin/sh", "-c", f'{command} "$@"', "ssh", "-oBatchMode=yes", "-G", "--", target]
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ""
    with process:
        try:
            output, _ = process.communicate(timeout=SSH_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            return ""
    return output.decode("utf-8", "replace") if process.returncode == 0 else ""
