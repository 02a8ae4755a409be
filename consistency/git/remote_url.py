"""Parses the URL that a clone of the hub's own is made from, and refuses one that may hold a secret."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from consistency.git.addresses import is_local, normalize_url
from consistency.git.process import PROTOCOLS
from statehub.errors import StateHubError

MAX_URL_LENGTH = 2_000
"""Characters of a URL."""

SSH_PORT = 22

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^/@]+)@)?(?P<host>\[[^]/@]*\]|[^:/@\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"/(?P<path>.+)",
    re.IGNORECASE,
)
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^]/@]*\]|[^@:/\[\]]+):(?!:)(?P<path>[^@].*)")
_HELPER = re.compile(r"(?P<name>[A-Za-z0-9+.-]+)::")
_SSH_SCHEMES = frozenset({"ssh", "git+ssh", "ssh+git"})


class RemoteUrlError(StateHubError):
    """The URL is not one that a clone can be made from. The message does not repeat it: it may hold a password."""


class RemoteUrl(NamedTuple):
    """A *url* as git takes it, and its normalized *address*. *scheme* is `file` for a folder of this machine.

    *host* is '' for such a folder, *port* is 0 for the scheme's own.
    """

    url: str
    address: str
    scheme: str
    host: str = ""
    port: int = 0

    @property
    def is_ssh(self) -> bool:
        """Return whether git uses ssh for it."""
        return self.scheme == "ssh"

    @property
    def site(self) -> str:
        """The scheme and the server, as git's credential settings name them: `https://git.example.org:8443`."""
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"

    @property
    def known_name(self) -> str:
        """The ssh server as a known_hosts file names it."""
        return f"[{self.host}]:{self.port}" if self.port not in {0, SSH_PORT} else self.host

    @property
    def server(self) -> str:
        """The server as `trust_host` takes it: `git.example.org`, or `git.example.org:2222` for another port."""
        return f"{self.host}:{self.port}" if self.port not in {0, SSH_PORT} else self.host


def looks_like_url(text: str) -> bool:
    """Return whether *text* is meant as a URL and not as a folder."""
    return "://" in text or ("@" in text and ":" in text and not os.path.lexists(text))


def parse_remote_url(url: str) -> RemoteUrl:
    """Parse *url*; a relative folder begins at the working directory. Raises RemoteUrlError."""
    if not 0 < len(url) <= MAX_URL_LENGTH or not url.isprintable() or url.startswith("-"):
        raise RemoteUrlError(
            f"the URL must be printable text of at most {MAX_URL_LENGTH} characters, without a dash before it"
        )
    if "://" not in url and (url.startswith(("/", ".")) or os.path.exists(url)):
        return _local(os.path.abspath(url))
    if "://" in url:
        return _parse(url)
    if helper := _HELPER.match(url):
        raise RemoteUrlError(
            f"the URL asks for the remote helper '{helper['name']}': the hub's own clones use {_known()}"
        )
    # As in a URL: a password may have a / or an @ in it.
    if url.count("@") > 1 or ":" in url.rpartition("@")[0] or "?" in url or "#" in url:
        raise RemoteUrlError(_no_secret("ssh"))
    match = _SCP_LIKE.fullmatch(url)
    if match is None or any(char.isspace() for char in url):
        raise RemoteUrlError("that is neither a folder nor a URL, such as https://HOST/PATH or git@HOST:PATH")
    return RemoteUrl(url, normalize_url(url, "/"), "ssh", match["host"].strip("[]").lower())


def _parse(url: str) -> RemoteUrl:
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        if "@" in url.removeprefix("file://").partition("/")[0]:
            raise RemoteUrlError(_no_secret(scheme))
        return _local(url[len("file://") :], url)
    is_ssh = scheme in _SSH_SCHEMES
    authority = url.partition("://")[2].partition("/")[0]
    # With http any user is refused, since it may be a token; and an @ behind a / too, since a password may hold one.
    is_secret = (
        "@" in url
        if not is_ssh
        else ":" in authority.rpartition("@")[0] or "@" in url.partition("://")[2][len(authority) :]
    )
    if is_secret or "?" in url or "#" in url:
        raise RemoteUrlError(_no_secret(scheme if scheme in {"http", "https"} else "ssh" if is_ssh else "git"))
    if not is_ssh and scheme not in _protocols():
        raise RemoteUrlError(f"the URL's protocol is not one of {_known()}")
    match = _URL.fullmatch(url)
    if match is None or any(char.isspace() for char in url) or int(match["port"] or 1) not in range(1, 65_536):
        raise RemoteUrlError("the URL is not of the form https://HOST/PATH, ssh://USER@HOST/PATH or git@HOST:PATH")
    host, port = match["host"], int(match["port"] or 0)
    return RemoteUrl(
        url, normalize_url(url, "/"), "ssh" if is_ssh else scheme, (host.strip("[]") if is_ssh else host).lower(), port
    )


def _local(path: str, url: str = "") -> RemoteUrl:
    address = normalize_url(path, "/")
    if not is_local(address) or not path.startswith("/"):
        raise RemoteUrlError("the path of the repository must begin with /")
    return RemoteUrl(url or path, address, "file")


def _protocols() -> list[str]:
    return (os.environ.get("STATEHUB_GIT_PROTOCOLS", "").strip() or PROTOCOLS).split(":")


def _known() -> str:
    return ", ".join(_protocols())


def _no_secret(scheme: str) -> str:
    advice = {
        "http": "use https, with --token-file FILE or --token-variable NAME",
        "https": "give the token by --token-file FILE or --token-variable NAME",
        "ssh": "leave the password out; deploy_key SLUG shows the key to paste at the server",
    }.get(scheme, "leave it out")
    return f"the URL seems to hold a user, a password or a token, which would be seen by others: {advice}"
