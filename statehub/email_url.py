"""Reads EMAIL_URL, the mail server that notifications are sent through."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from statehub.environment import read_text, refusal

WANTED = "smtp://USER:PASSWORD@HOST:PORT, smtp+tls://… (STARTTLS) or smtp+ssl://… (TLS from the start)"

PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
"""The port of each scheme, unless the URL names one."""


class MailServer(NamedTuple):
    """An SMTP server; `user` and `password` are '' if it asks for none. The password is never shown."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    tls: bool


def read_mail_server() -> MailServer:
    """Return the server of EMAIL_URL, which is set. Raises ImproperlyConfigured.

    The URL may hold a password and is never shown.
    """
    url = read_text("EMAIL_URL", "", 4000)
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise refusal("EMAIL_URL", WANTED) from error
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    has_more = parts.path not in ("", "/") or parts.query or parts.fragment or " " in url
    if parts.scheme not in PORTS or not host or port == 0 or has_more or bool(user) != bool(password):
        raise refusal("EMAIL_URL", WANTED)
    is_starttls, is_tls = parts.scheme == "smtp+tls", parts.scheme == "smtp+ssl"
    return MailServer(host, port or PORTS[parts.scheme], user, password, is_starttls, is_tls)
