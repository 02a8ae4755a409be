"""The examples for nginx and Caddy in deploy/, run for real before a hub that is served for real."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from rehearsal.page import blocks_of
from rehearsal.stage import NAME, ROOT, Addresses, Machine, make_certificate
from rehearsal.visitor import Visitor
from testing.hub import Hub
from testing.programs import need_program
from testing.server import PRODUCTION, serving
from tests.web.hooks.helpers import headers_of, new_webhook
from web.api import tokens
from web.hooks.views import MAX_BODY_BYTES
from web.models import FailedAuthAttempts

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Site:
    """A served hub behind a proxy."""

    port: int
    http_port: int
    certificate: Path

    def visitor(self) -> Visitor:
        return Visitor(self.port, self.certificate)


@pytest.fixture(params=["nginx", "caddy"])
def site(request: pytest.FixtureRequest, hub: Hub, tmp_path: Path) -> Iterator[Site]:
    need_program(request.param)
    need_program("openssl")
    need_program("curl")
    settings = {**PRODUCTION, "DATABASE_URL": hub.url, "ALLOWED_HOSTS": NAME, "SECURE_SSL_REDIRECT": "true"}
    (tmp_path / "tls").mkdir()
    make_certificate(tmp_path / "tls")
    with serving(settings, tmp_path) as server:
        addresses = replace(Addresses.free(), web=server.port)
        machine = Machine(tmp_path, "hub", addresses)
        (machine.root / f"etc/ssl/{NAME}").parent.mkdir(parents=True)
        (machine.root / f"etc/ssl/{NAME}").symlink_to(tmp_path / "tls")
        (machine.root / "srv/statehub").mkdir()
        (machine.root / "srv/statehub/deploy").symlink_to(ROOT / "deploy")
        try:
            assert [machine.do(block) for block in blocks_of("hub", request.param)] == ["", "ready\n"]
            yield Site(addresses.https, addresses.http, tmp_path / "tls/fullchain.pem")
        finally:
            machine.stop()


def test_example_carries_people_and_reports(site: Site) -> None:
    User.objects.create_superuser("ada", password=PASSWORD)
    ada = site.visitor()
    status, headers, html = ada.get("/admin/login/")
    assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    for file in set(re.findall(r'(?:src|href)="(/static/[^"?]+)', html)):
        assert ada.get(file)[0] == 200
    ada.log_in("ada", PASSWORD)  # with the CSRF field, and an Origin that is the hub's by scheme, name and port
    assert ada.get("/admin/")[0] == 200
    bearer = {"Authorization": f"Bearer {tokens.create('laptop')[1]}"}
    assert ada.get("/api/tasks/", **bearer)[::2] == (200, "[]")
    assert ada.get("/metrics", **bearer)[0] == 200

    # Headers of the client are replaced.
    claims = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example.org"}
    assert ada.get("/api/tasks/", Authorization="Bearer wrong", **claims)[0] == 401
    assert set(FailedAuthAttempts.objects.values_list("address", flat=True)) == {"127.0.0.1"}
    assert ada.get("/admin/", **claims)[0] == 200

    # The API itself refuses a report that is too large.
    status, headers, _ = ada.send(
        "PATCH", "/api/tasks/T01/", "x" * 1_500_000, {**bearer, "Content-Type": "application/json"}
    )
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")

    # Deliveries of forges may be larger.
    webhook, delivery = new_webhook(), "x" * MAX_BODY_BYTES
    signed = headers_of("github", webhook.secret, delivery.encode())
    assert ada.send("POST", f"/hooks/{webhook.pk}", delivery, signed)[0] == 202

    with socket.create_connection(("127.0.0.1", site.http_port), 30) as plain:
        plain.sendall(f"GET /admin/ HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        answer = plain.makefile("rb").read().decode()
    assert re.match(r"HTTP/1\.[01] 30[18] ", answer)
    assert re.search(rf"^Location: https://{NAME}(?::\d+)?/admin/\r$", answer, re.MULTILINE)


def test_visitor_wants_the_hubs_certificate(site: Site, tmp_path: Path) -> None:
    make_certificate(tmp_path / "foreign")
    with pytest.raises(ssl.SSLError):
        Visitor(site.port, tmp_path / "foreign/fullchain.pem").get("/healthz")
