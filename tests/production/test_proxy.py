"""A proxy's headers count from trusted addresses only."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from tests.web.api.helpers import Api
from web.middleware.proxy import TrustedProxies
from web.models import FailedAuthAttempts

PROXY, CLIENT = "10.0.0.5", "203.0.113.7"


@pytest.fixture(autouse=True)
def trusted(settings: Any) -> None:
    settings.STATEHUB_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/30"), ipaddress.ip_network(PROXY)]
    settings.ALLOWED_HOSTS = ["hub.example.org", "testserver"]


def seen(peer: str, **headers: str) -> tuple[str, str, str]:
    """Client address, scheme and host as the pages see them, of a request that came from *peer* with *headers*."""
    found: list[HttpRequest] = []

    def page(request: HttpRequest) -> HttpResponse:
        found.append(request)
        return HttpResponse()

    named = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    TrustedProxies(page)(RequestFactory(headers=named, REMOTE_ADDR=peer).get("/"))
    request = found[0]
    return request.META["REMOTE_ADDR"], request.scheme or "", request.get_host()


def test_all_three_from_a_trusted_one() -> None:
    told = seen(PROXY, For=CLIENT, Proto="https", Host="hub.example.org")
    assert told == (CLIENT, "https", "hub.example.org")


@pytest.mark.parametrize("peer", ["10.0.0.4", CLIENT, "127.0.0.1", "::1", "", "unknown"])
def test_none_from_another(peer: str) -> None:
    assert seen(peer, For="1.2.3.4", Proto="https", Host="hub.example.org") == (peer, "http", "testserver")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (f"1.2.3.4, {CLIENT}", CLIENT),  # the client's own claim comes first
        (f"1.2.3.4, {CLIENT}, 10.0.0.2", CLIENT),  # two proxies
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, unknown", PROXY),
        ("", PROXY),
        ("10.0.0.1", "10.0.0.1"),
        ("1.2.3.4, _hidden, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_client_is_the_last_that_is_no_proxy(chain: str, client: str) -> None:
    assert seen(PROXY, For=chain)[0] == client


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("https, http", "http"),
        ("http, https", "https"),
        ("x", "http"),
        ("", "http"),
    ],
)
def test_scheme_is_what_the_proxy_added(value: str, scheme: str) -> None:
    assert seen(PROXY, Proto=value)[1] == scheme


def test_mapped_address_of_a_proxy_is_trusted() -> None:
    assert seen(f"::ffff:{PROXY}", For=CLIENT)[0] == CLIENT


def test_unix_socket_is_trusted_if_named(settings: Any) -> None:
    settings.STATEHUB_TRUSTED_PROXIES = ["unix"]
    assert seen("", For=CLIENT)[0] == CLIENT
    assert seen("127.0.0.1", For=CLIENT)[0] == "127.0.0.1"


def test_forwarded_host_must_be_allowed_all_the_same(db: None) -> None:
    for host, status in (("hub.example.org", 302), ("evil.example.org", 400)):
        answer = Client(REMOTE_ADDR=PROXY).get("/admin/", headers={"X-Forwarded-Host": host})
        assert answer.status_code == status


def test_refused_tokens_count_for_the_client_behind_the_proxy(db: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False  # so that plain http gets a response, too
    stranger = Api("wrong", Client(REMOTE_ADDR=PROXY))
    for client in (CLIENT, CLIENT, "203.0.113.8"):
        assert stranger.get("tasks/", X_Forwarded_For=client).status == 401
    spoofing = Api("wrong", Client(REMOTE_ADDR="198.51.100.1"))
    assert spoofing.get("tasks/", X_Forwarded_For=CLIENT).status == 401
    rows = FailedAuthAttempts.objects.values_list("address", "count")
    counts = dict.fromkeys((CLIENT, "203.0.113.8", "198.51.100.1"), 0)
    for address, count in rows:  # a minute may have ended in between
        counts[address] += count
    assert counts == {CLIENT: 2, "203.0.113.8": 1, "198.51.100.1": 1}
