"""Delivery to real servers: what they get, and what is said of those that do not take it."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from pytest_django import Settings
from standardwebhooks import Webhook

from consistency.notify.delivery import Delivery, deliver, sign
from consistency.notify.messages import Message, Row, make_message
from consistency.notify.receivers import parse_address
from testing.receivers import Endpoint, Mailbox

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
TITLE = "<!channel> @here &lt; *x*\r\nBcc: eve@example.org\x1b[31m"
AT = datetime(2030, 1, 2, 12, tzinfo=UTC)


def message(repo: str = "clone", text: str = "unknown task status") -> Message:
    return make_message("hash", [Row("finding:1", "FAIL", repo, AT, code="C-05", message=text)])


def send(address: str, what: Message | None = None, seconds: float = 20) -> str:
    """Deliver one message; return why it was not taken, or ''."""
    return deliver([Delivery(parse_address(address), (SECRET,), what or message())], seconds)[0]


def test_signature_is_that_of_the_scheme() -> None:
    body = json.dumps({"text": "ü"}).encode()
    headers = sign([SECRET], "msg_1", int(time.time()), body)
    assert Webhook(SECRET).verify(body, headers) == {"text": "ü"}


def test_webhook_as_its_receiver_verifies_it(endpoint: Endpoint) -> None:
    assert send(f"{endpoint.url}/hook?x=1") == ""
    [request] = endpoint.requests
    taken = Webhook(SECRET).verify(request.body, request.headers)
    assert (request.path, taken["type"], taken["data"]["more"]) == ("/hook?x=1", "statehub.episodes", 0)
    assert taken["data"]["opened"] == [
        {
            "episode": "finding:1", "kind": "FAIL", "repo": "clone", "since": "2030-01-02T12:00:00Z", "ended_at": None,
            "code": "C-05", "message": "unknown task status", "host": None, "path": None, "file": None, "line": None,
            "workplan": None, "task": None, "url": None,
        }
    ]  # fmt: skip
    assert request.headers["webhook-id"] == message().id


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500])
def test_answer_that_is_no_success(endpoint: Endpoint, status: int) -> None:
    endpoint.status = status
    assert send(f"{endpoint.url}/secret") == f"it answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(endpoint: Endpoint, status: int) -> None:
    endpoint.status, endpoint.location = status, f"{endpoint.url}/elsewhere"
    assert send(f"{endpoint.url}/hook") == f"it answered {status}"
    assert [request.path for request in endpoint.requests] == ["/hook"]


def test_receiver_that_hangs_holds_no_other_back(endpoint: Endpoint, mailbox: Mailbox) -> None:
    endpoint.hangs = True
    addresses = [f"{endpoint.url}/hook", "mailto:ada@example.org", f"slack+{endpoint.url}/slack"]
    begun = time.monotonic()
    results = deliver([Delivery(parse_address(each), (SECRET,), message()) for each in addresses], 1)
    assert results == ["no answer within 1 seconds", "", "no answer within 1 seconds"]
    assert time.monotonic() - begun < 10


def test_answer_that_drips() -> None:
    """Each byte is in time, and their whole is not."""
    ended = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ended.wait(0.05):
                    connection.sendall(b"X: x\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/secret"
            assert send(url, seconds=0.5) == "no answer within 0.5 seconds"
        finally:
            ended.set()
            thread.join()


def test_nobody_listens(settings: Settings) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = taken.getsockname()
        for address in (f"http://127.0.0.1:{settings.EMAIL_PORT}/secret", "mailto:ada@example.org"):
            assert send(address) == "Connection refused"


def test_mail_that_is_refused(mailbox: Mailbox) -> None:
    mailbox.answer = "554 no such user\r\n"
    assert send("mailto:ada@example.org") == "the mail server refused it: 554 no such user"
    mailbox.answer = "451 later"
    assert send("mailto:ada@example.org") == "the mail server refused it: 451 later"
    assert mailbox.mails == []


def test_login_to_the_mail_server(mailbox: Mailbox, settings: Settings) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "hub", "hunter2"
    assert send("mailto:ada@example.org") == ""
    assert mailbox.logins == [("hub", "hunter2")]


def test_mail_server_without_starttls(mailbox: Mailbox, settings: Settings) -> None:
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, "hub", "hunter2"
    said = send("mailto:ada@example.org")
    assert said == "the mail server refused it: STARTTLS extension not supported by server."
    assert (mailbox.logins, mailbox.mails) == ([], [])


def test_mail_has_an_id_of_its_message(mailbox: Mailbox, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Hub <hub@example.org>"
    assert send("mailto:ada@example.org") == ""
    assert mailbox.mails[0]["Message-ID"] == f"<{message().id}@example.org>"


def test_text_of_workplans_adds_no_header(mailbox: Mailbox) -> None:
    assert send("mailto:ada@example.org", message(repo=TITLE, text=TITLE)) == ""
    [mail] = mailbox.mails
    assert sorted(mail.keys()) == [
        "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID",
        "Subject", "To",
    ]  # fmt: skip
    assert mailbox.envelopes == [("state-hub@localhost", ["ada@example.org"])]
    shown = r"<!channel> @here &lt; *x*\r\nBcc: eve@example.org\x1b[31m"
    assert mail.get_content().strip() == f"FAIL C-05 {shown}: {shown}"


def test_text_of_workplans_is_text_in_slack(endpoint: Endpoint) -> None:
    assert send(f"slack+{endpoint.url}/x", message(text=TITLE)) == ""
    text = json.loads(endpoint.requests[0].body)["text"]
    shown = "&lt;!channel&gt; @\u200bhere &amp;lt; *x*\\r\\nBcc: eve@example.org\\x1b[31m"
    assert text == f"FAIL C-05 clone: {shown}"


def test_proxy_of_the_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", endpoint.url)
    assert send("http://hook.example.org/x") == ""
    assert [request.path for request in endpoint.requests] == ["http://hook.example.org/x"]
