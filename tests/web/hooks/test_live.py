"""Over real HTTP, from a server of one process: giant and truncated bodies, storms, and the server's memory."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from statehub.models import Repo
from statehub.standard_webhooks import make_secret
from testing.hub import Hub
from testing.server import UNLIMITED, Server
from tests.web.hooks.helpers import headers_of, list_jobs, new_webhook, payload_of, sign
from web.hooks.views import MAX_BODY_BYTES
from web.models import Webhook

GROWTH_BYTES = 10 * 1024 * 1024
"""Bytes that a process may need more for four bodies of 25 MB at once: less than half of one."""


@pytest.fixture
def new_server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    """A server that has answered nothing yet: its memory is that of this test."""
    with hub.serve(tmp_path, env=UNLIMITED, workers=1) as running:
        yield running


def post(server: Server, webhook: Webhook, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    client = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        client.request("POST", f"/hooks/{webhook.pk}", body, headers)
        response = client.getresponse()
        return response.status, json.loads(response.read())
    finally:
        client.close()


def pids_of(server: Server) -> list[int]:
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", server.log.read_text())]


def peak_memory(pid: int) -> int:
    """The most memory that the process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


@pytest.mark.parametrize(
    "is_forged", [pytest.param(False, id="valid", marks=pytest.mark.proof), pytest.param(True, id="forged")]
)
def test_giant_bodies_are_read_in_constant_memory(new_server: Server, is_forged: bool) -> None:
    webhook = new_webhook()
    secret = make_secret() if is_forged else webhook.secret

    def post_at_once(size: int) -> list[int]:
        body = os.urandom(size)
        headers = headers_of("github", secret, body)
        with ThreadPoolExecutor(4) as pool:
            return [status for status, _ in pool.map(lambda _: post(new_server, webhook, body, headers), range(4))]

    expected = [401 if is_forged else 202] * 4
    # Each thread of the server gets its connection to the database, and gunicorn its buffers.
    assert post_at_once(MAX_BODY_BYTES // 5) == expected
    (pid,) = pids_of(new_server)
    before = peak_memory(pid)
    assert post_at_once(MAX_BODY_BYTES) == expected
    assert peak_memory(pid) - before < GROWTH_BYTES


def test_body_beyond_the_limit_is_not_waited_for(server: Server) -> None:
    webhook = new_webhook()
    head = [f"POST /hooks/{webhook.pk} HTTP/1.1", "Host: localhost", f"Content-Length: {MAX_BODY_BYTES + 1}", "", "{"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall("\r\n".join(head).encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert Webhook.objects.get().refused_reason == "the body has 26214401 bytes; 26214400 are allowed"


def test_truncated_body_is_refused(server: Server) -> None:
    """The client closes in the middle; what has come is signed."""
    webhook = new_webhook()
    body = payload_of("github")
    head = [
        f"POST /hooks/{webhook.pk} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body) + 100}",
        f"X-Hub-Signature-256: sha256={sign(webhook.secret, body)}",
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode() + body)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    refused = Webhook.objects.get()
    assert (refused.refused_reason, refused.delivered_at) == (
        f"the body ends after {len(body)} of {len(body) + 100} bytes", None,
    )  # fmt: skip


def test_client_that_is_reset_leaves_a_refusal(server: Server) -> None:
    webhook = new_webhook()
    head = [f"POST /hooks/{webhook.pk} HTTP/1.1", "Host: localhost", "Content-Length: 1000", "", "{"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall("\r\n".join(head).encode())
        time.sleep(0.2)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    deadline = time.monotonic() + 30
    while not (reason := Webhook.objects.get().refused_reason) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert re.fullmatch("the body ends after [01] of 1000 bytes", reason)  # the server may have the byte in its buffer
    assert post(server, webhook, b"{}", headers_of("github", webhook.secret, b"{}"))[0] == 202


def test_body_of_unknown_length_is_refused(server: Server) -> None:
    webhook = new_webhook()
    client = HTTPConnection("127.0.0.1", server.port, timeout=30)
    client.request("POST", f"/hooks/{webhook.pk}", iter([b"{", b"}"]), encode_chunked=True)
    assert client.getresponse().status == 411
    client.close()


def test_storm_ends_in_one_run(server: Server) -> None:
    webhook = new_webhook()
    body = payload_of("github")
    headers = headers_of("github", webhook.secret, body)
    barrier = Barrier(8)

    def work(_: int) -> list[tuple[int, Any]]:
        barrier.wait(30)
        return [post(server, webhook, body, headers) for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for some in pool.map(work, range(8)) for answer in some]
    assert [status for status, _ in answers] == [202] * 80
    queued = int(connection.vendor == "postgresql")
    assert sum(answer["queued"] for _, answer in answers) == queued
    checkout = Repo.objects.get().checkouts.get()
    assert list_jobs() == [("hub", {"checkout": checkout.pk, "trigger": "webhook"}, "todo")] * queued


def test_log_has_no_secret(server: Server) -> None:
    webhook, forged = new_webhook("gitlab"), make_secret()
    for secret in (webhook.secret, forged):
        post(server, webhook, b"{}", headers_of("gitlab", secret, b"{}"))
    log = server.log.read_text()
    assert f"refused a delivery from 127.0.0.1 for /hooks/{webhook.pk}: wrong signature" in log
    assert webhook.secret not in log
    assert forged not in log
