"""Reads a proxy's headers about a request: the client's address, the scheme and the host.

Anyone can send such headers, so they count only on a connection from an address in STATEHUB_TRUSTED_PROXIES. They stay
in the request and show that it came through a proxy.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED_PROTO = "HTTP_X_FORWARDED_PROTO"
FORWARDED_HOST = "HTTP_X_FORWARDED_HOST"
SCHEMES = ("http", "https")

_PORT = re.compile(r"\A(?:\[(?P<ipv6>[^\]]+)\]|(?P<ipv4>[0-9.]+))(?::[0-9]+)?\Z")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies(MiddlewareMixin):
    """Middleware before those that need the client's address, scheme or host."""

    def process_request(self, request: HttpRequest) -> None:
        """Give *request* the client's address, scheme and host if it came from a trusted proxy."""
        meta = request.META
        if _is_trusted(meta.get("REMOTE_ADDR", "")):
            meta["REMOTE_ADDR"] = _client(meta.get("REMOTE_ADDR", ""), meta.get(FORWARDED_FOR, ""))
            # The last value of a list is the one that the proxy itself has added.
            if (scheme := _last(meta, FORWARDED_PROTO).lower()) in SCHEMES:
                meta["wsgi.url_scheme"] = scheme
            if host := _last(meta, FORWARDED_HOST):
                meta["HTTP_HOST"] = host


def _is_trusted(address: str) -> bool:
    parsed, trusted = parse_address(address), settings.STATEHUB_TRUSTED_PROXIES
    if parsed is None:
        return address == "" and "unix" in trusted  # a Unix socket has no address
    return any(parsed in network for network in trusted if network != "unix")


def _client(address: str, forwarded_for: str) -> str:
    """Return the last address in *forwarded_for* that is not a trusted proxy; each proxy adds one at the end."""
    for hop in reversed(forwarded_for.split(",")):
        parsed = parse_address(hop)
        if parsed is None:
            break
        address = str(parsed)
        if not _is_trusted(address):
            break
    return address


def parse_address(text: str) -> Address | None:
    """Return the IP address in *text*, to which some proxies add a port; an IPv4 address within IPv6 as IPv4."""
    text = text.strip()
    if with_port := _PORT.match(text):
        text = with_port["ipv6"] or with_port["ipv4"]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _last(meta: dict[str, Any], name: str) -> str:
    return str(meta.get(name, "")).rpartition(",")[2].strip()
