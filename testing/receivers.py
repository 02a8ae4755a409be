"""Receivers of notifications on 127.0.0.1: a real SMTP server, and an HTTP server that keeps what it was sent."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Mailbox:
    """An SMTP server; `url` is its EMAIL_URL. It answers mails with `answer`, if that is set, and takes none then."""

    url: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd
        """Take one mail, or refuse it."""
        if self.answer:
            return self.answer
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Take any login, and keep it."""
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    def texts(self) -> list[str]:
        """Return the text of each mail."""
        return [mail.get_content() for mail in self.mails]


@contextmanager
def receiving_mail(tls: SSLContext | None = None, *, starttls: bool = False) -> Iterator[Mailbox]:
    """Run an SMTP server on a free port, with *tls* from the start or, with *starttls*, on request."""
    mailbox = Mailbox()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    controller = Controller(
        mailbox,
        "127.0.0.1",
        port,
        authenticator=mailbox.login,
        auth_require_tls=False,
        ready_timeout=30,
        ssl_context=None if starttls else tls,
        tls_context=tls if starttls else None,
    )
    controller.start()
    scheme = "smtp" if tls is None else "smtp+tls" if starttls else "smtp+ssl"
    mailbox.url = f"{scheme}://hub:hunter2@127.0.0.1:{port}"
    try:
        yield mailbox
    finally:
        controller.stop()


@dataclass
class Request:
    """One request as it came; the names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """An HTTP server; it answers with *status*, and with *location* if that is set."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    status: int = 204
    location: str = ""
    goes_on: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False


@contextmanager
def receiving_http(tls: SSLContext | None = None) -> Iterator[Endpoint]:
    """Run an HTTP server on a free port, with *tls* one for https."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.requests.append(
                Request(self.path, {name.lower(): self.headers[name] for name in self.headers}, body)
            )
            if endpoint.hangs:
                endpoint.goes_on.wait(30)
            self.send_response(endpoint.status)
            if endpoint.location:
                self.send_header("Location", endpoint.location)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    endpoint.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
