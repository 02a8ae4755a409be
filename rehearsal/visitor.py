"""A person's browser, as far as forms go: https through the proxy, cookies, the CSRF field and the Origin header."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rehearsal.stage import NAME, RehearsalError


class _Connection(http.client.HTTPSConnection):
    """A connection to the proxy's port on this machine, which names the hub as its host."""

    def __init__(self, port: int, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        super().__init__(NAME, context=context, timeout=60)
        self._place, self._tls = ("127.0.0.1", port), context

    def connect(self) -> None:
        """Connect, and look whether the certificate is the hub's."""
        self.sock = self._tls.wrap_socket(socket.create_connection(self._place, self.timeout), server_hostname=NAME)


class Visitor:
    """A visitor of the hub's pages."""

    def __init__(self, port: int, certificate: Path) -> None:
        self._where, self._cookies = (port, certificate), SimpleCookie()

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of the page at *path*."""
        return self.send("GET", path, None, headers)

    def submit(self, path: str, **fields: str) -> tuple[int, dict[str, str], str]:
        """Submit the form at *path*, filled with *fields*, and return the answer."""
        status, _, html = self.get(path)
        field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
        if status != 200 or field is None:
            raise RehearsalError(f"{path} shows no form: {status}\n{html[:500]}")
        body = urlencode({"csrfmiddlewaretoken": field[1], **fields})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{NAME}"}
        return self.send("POST", path, body, headers)

    def log_in(self, name: str, password: str) -> None:
        """Log in to the admin. Raises RehearsalError."""
        status, headers, html = self.submit(
            "/admin/login/?next=/admin/", username=name, password=password, next="/admin/"
        )
        if (status, headers.get("Location")) != (302, "/admin/"):
            raise RehearsalError(f"{name} cannot log in: {status}\n{html[:500]}")

    def api(self, path: str, token: str) -> Any:
        """Return the JSON at *path*. Raises RehearsalError."""
        status, _, text = self.get(path, Authorization=f"Bearer {token}")
        if status != 200:
            raise RehearsalError(f"{path}: {status} {text[:500]}")
        return json.loads(text)

    def send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        """Send any request and return status, headers and text of the answer."""
        connection = _Connection(*self._where)
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in self._cookies.items())
        try:
            connection.request(method, path, body, {**headers, **({"Cookie": cookies} if cookies else {})})
            response = connection.getresponse()
            text = response.read().decode()
            for line in response.headers.get_all("Set-Cookie", []):
                self._cookies.load(line)
            return response.status, dict(response.headers), text
        finally:
            connection.close()
