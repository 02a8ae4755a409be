"""Addresses of repositories: the many ways to write one, as one text; and which machine an ssh alias stands for."""

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
"""For so long ssh may take to say which machine an alias stands for."""

SAME_HOST = {
    "ssh.github.com": "github.com",
    "www.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Names under which a well-known server is also reached: ssh on port 443, mostly."""

CASE_INSENSITIVE_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitea.com"})
"""Servers that take `Acme/Orders` and `acme/orders` for one repository."""

_HOST = r"(?P<host>\[[^]/]*\]|[^:/]+)"
_SCP_LIKE = re.compile(rf"(?:(?P<user>[^@/]+)@)?{_HOST}:(?!//)(?P<path>.+)")
_URL = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^/]*)@)?{_HOST}(?::\d+)?/(?P<path>.+)", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/]*@")
_SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git")

Resolve = Callable[[str], str]
"""Names the machine that ssh connects to for a host, with or without a user before it."""


def normalised(url: str, base: str, resolve: Resolve | None = None) -> str:
    """Write *url* as `host/path`, the same for ssh and https and with or without `.git`; a local one as a full path.

    User, password and port are left out, the first two also of what is not a proper address. *resolve* is asked for
    the host of an ssh address. Bytes that are not UTF-8 are escapes.
    """
    found = _parse(url, base)
    if found:
        host = found["host"]
        if resolve is not None and _is_ssh(found):
            user = (found["user"] or "").partition(":")[0]  # A password is nothing for a list of processes.
            host = resolve(f"{user}@{host}" if user else host)
        place = _place(host, found["path"])
    else:
        local = os.path.realpath(os.path.join(base, _USER.sub("", url).removeprefix("file://")))
        place = local.rstrip("/").removesuffix("/.git").removesuffix(".git")
    return to_git(place).decode(errors="backslashreplace")


def is_local(address: str) -> bool:
    """Whether *address* (`normalised`) is a folder: on another machine the same path is another folder."""
    return address.startswith("/")


def _parse(url: str, base: str) -> re.Match[str] | None:
    found = _URL.fullmatch(url)
    if found or os.path.exists(os.path.join(base, url)):
        return found
    return _SCP_LIKE.fullmatch(_USER.sub("", url))


def _is_ssh(found: re.Match[str]) -> bool:
    if found.re is _SCP_LIKE:
        return not _is_helper(found["path"])
    return found["scheme"].lower() in _SSH_SCHEMES


def _is_helper(path: str) -> bool:
    """Whether git would start a remote helper of that name (`helper::address`; gitremote-helpers)."""
    return path.startswith(":")


def _place(host: str, path: str) -> str:
    host = host.lower().rstrip(".")
    host = SAME_HOST.get(host, host)
    path = path if _is_helper(path) else re.sub("/+", "/", path)
    path = path.strip("/").removesuffix(".git").strip("/").removeprefix("~/")
    return f"{host}/{path.lower() if host in CASE_INSENSITIVE_HOSTS else path}"


@cache
def ssh_host(target: str, command: str = "ssh") -> str:
    """Name the machine that ssh connects to for *target* (`git@github-work`), as the user's ssh settings say.

    Nothing is connected. *command* is the user's own ssh command; the host of *target* if it does not tell.
    """
    told = _ask_ssh(target, command) if not target.startswith("-") else ""
    names = [line.partition(" ")[2] for line in told.splitlines() if line.startswith("hostname ")]
    return next((name.strip() for name in names if name.strip()), target.rpartition("@")[2])


def _ask_ssh(target: str, command: str) -> str:
    # As git starts it (git-config, "core.sshCommand"): by a shell. `Match exec` may start more programs: one group.
    asked = ["/bin/sh", "-c", f'{command} "$@"', "ssh", "-oBatchMode=yes", "-G", "--", target]
    try:
        process = subprocess.Popen(
            asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return ""
    with process:
        try:
            told, _ = process.communicate(timeout=SSH_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            return ""
    return told.decode("utf-8", "replace") if process.returncode == 0 else ""
