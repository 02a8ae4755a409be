"""Asks an ssh server for its host keys, and writes those that a person has confirmed as lines of a known_hosts file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import subprocess
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from consistency.git.remote_url import SSH_PORT
from statehub.errors import StateHubError

SCAN_SECONDS = 15
"""Time limit for the server to answer."""

_SERVER = re.compile(
    r"(?:\[(?P<inner>[0-9A-Fa-f:.%a-z]+|[A-Za-z0-9._-]+)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]*))(?::(?P<port>[0-9]{1,5}))?"
)
_PREFERRED = ("ssh-ed25519", "ecdsa-", "ssh-rsa")


class HostKeyError(StateHubError):
    """The server's keys are not known; the text says why."""


class Server(NamedTuple):
    """An ssh server: its *host* and *port*."""

    host: str
    port: int = SSH_PORT

    @property
    def name(self) -> str:
        """The name of the server in a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


class HostKey(NamedTuple):
    """One key of a server: its *kind* and the *blob* in base64."""

    kind: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint as OpenSSH shows it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def parse_server(text: str) -> Server:
    """Parse `HOST`, `HOST:PORT` or `[HOST]:PORT`; an IPv6 address needs them for a port. Raises HostKeyError."""
    if re.fullmatch(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", text):
        return Server(text.lower())
    match = _SERVER.fullmatch(text)
    port = int(match["port"] or SSH_PORT) if match else 0
    if match is None or not 0 < port < 65_536 or len(text) > 260:
        raise HostKeyError("a server is HOST or HOST:PORT, without a user and without a path")
    return Server((match["inner"] or match["host"]).lower(), port)


def scan_keys(server: Server) -> list[HostKey]:
    """Ask *server* for its keys, the strongest kind first. They are only what the network says. Raises HostKeyError."""
    command = [
        "ssh-keyscan",
        "-T",
        str(SCAN_SECONDS),
        "-p",
        str(server.port),
        "-t",
        "ed25519,ecdsa,rsa",
        "--",
        server.host,
    ]
    try:
        run = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * SCAN_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise HostKeyError("ssh-keyscan is not on the PATH: install OpenSSH's client") from error
    except subprocess.TimeoutExpired as error:
        raise HostKeyError(f"{server.name} did not answer within {4 * SCAN_SECONDS} s") from error
    found = {HostKey(*line.split()[1:3]) for line in run.stdout.splitlines() if _is_key(line)}
    if not found:
        said = [line for line in run.stderr.splitlines() if line and not line.startswith("#")]
        raise HostKeyError(f"{server.name} shows no host key{f': {said[-1]}' if said else ''}")
    return sorted(found, key=lambda key: (_rank(key.kind), key))


def _is_key(line: str) -> bool:
    words = line.split()
    try:
        return len(words) >= 3 and not line.startswith("#") and bool(base64.b64decode(words[2], validate=True))
    except binascii.Error:
        return False


def _rank(kind: str) -> int:
    return next((rank for rank, prefix in enumerate(_PREFERRED) if kind.startswith(prefix)), len(_PREFERRED))


def render_keys(server: Server, keys: Sequence[HostKey]) -> str:
    """Return the lines of a known_hosts file for *keys* of *server*."""
    return "".join(f"{server.name} {key.kind} {key.blob}\n" for key in keys)


def read_keys(lines: str) -> list[HostKey]:
    """Return the keys in the *lines* of a known_hosts file."""
    return [HostKey(*line.split()[1:3]) for line in lines.splitlines() if _is_key(line)]


def render_known_hosts(keys: Iterable[str]) -> str:
    """Return a known_hosts file with the lines of all servers."""
    return "# Written by State Hub: trust_host HOST adds a server.\n" + "".join(
        lines if lines.endswith("\n") else f"{lines}\n" for lines in keys
    )
