"""A real https server of git repositories: git http-backend behind TLS and basic authentication."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from testing.programs import need_program

_BACKEND = "git-http-backend"


@dataclass
class GitServer:
    """A running server of the repositories below *root*. Only those who give one of the *passwords* get in.

    *credentials* are all that clients have sent, as `user:password`. With *redirect* it sends them all elsewhere.
    """

    root: Path
    certificate: Path
    port: int = 0
    passwords: set[str] = field(default_factory=set)
    credentials: list[str] = field(default_factory=list)
    redirect: str = ""

    @property
    def site(self) -> str:
        """The scheme and the server."""
        return f"https://localhost:{self.port}"

    def url(self, path: Path) -> str:
        """Return the URL of the repository at *path*."""
        return f"{self.site}/{path.relative_to(self.root)}"

    def knows(self, header: str) -> bool:
        """Record the credentials in an Authorization *header*; return whether they are right."""
        kind, _, encoded = header.partition(" ")
        if kind != "Basic":
            return False
        sent = base64.b64decode(encoded).decode()
        self.credentials.append(sent)
        return sent.partition(":")[2] in self.passwords


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: GitServer, *args: object) -> None:
        self._git = server
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        """Pass the request to git, as a CGI program."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        known = self._git.knows(self.headers.get("Authorization", ""))
        if self._git.redirect:
            self._answer(302, {"Location": f"{self._git.redirect}{self.path}"})
        elif not known:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._run(body)

    def do_POST(self) -> None:
        """Pass the request to git likewise."""
        self.do_GET()

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _run(self, body: bytes) -> None:
        address = urlsplit(self.path)
        folder = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
        variables = {
            "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self._git.root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "git",
            "PATH_INFO": address.path, "QUERY_STRING": address.query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        run = subprocess.run([f"{folder}/{_BACKEND}"], input=body, env=variables, capture_output=True, check=False)
        head, _, answer = run.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, answer)


@contextmanager
def git_server(root: Path, folder: Path) -> Iterator[GitServer]:
    """Serve the repositories below *root*, with a certificate of its own in the new *folder*."""
    folder.mkdir()
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            need_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(key), "-out", str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    state = GitServer(root, certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, state))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
