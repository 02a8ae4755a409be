"""In production, only clients on this machine, under a loopback name and without a proxy, may stay on http."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory
from pytest_django import Settings

from web.middleware.loopback import LoopbackMiddleware


@pytest.fixture
def ask(settings: Settings) -> Callable[..., HttpResponse]:
    """The answer to a request, past both middlewares: the scheme that the view sees, or the redirect."""
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["*"]
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS, settings.SECURE_HSTS_PRELOAD = (
        60,
        False,
        False,
    )

    def ask(**meta: str) -> HttpResponse:
        request = RequestFactory().get("/admin/")
        request.META.update(meta)

        def view(request: HttpRequest) -> HttpResponse:
            outer.process_view(request)
            return HttpResponse(str(request.scheme))

        outer = LoopbackMiddleware(cast("Callable[[HttpRequest], HttpResponse]", SecurityMiddleware(view)))
        answer = outer(request)
        assert isinstance(answer, HttpResponse)
        return answer

    return ask


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1:8000", "127.0.0.1"), ("localhost:8001", "127.0.0.1"), ("LOCALHOST", "::1"), ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
    ],
)  # fmt: skip
def test_call_through_a_tunnel_is_answered_as_plain_http(
    ask: Callable[..., HttpResponse], host: str, address: str
) -> None:
    answer = ask(HTTP_HOST=host, REMOTE_ADDR=address)
    assert (answer.status_code, answer.content, answer.headers.get("Strict-Transport-Security")) == (200, b"http", None)


@pytest.mark.parametrize(
    ("host", "address", "header"),
    [
        ("hub.example.org", "127.0.0.1", None),
        ("127.0.0.1.example.org", "127.0.0.1", None),
        ("localhost.example.org:8000", "127.0.0.1", None),
        ("127.0.0.1:8000", "192.0.2.7", None),
        ("localhost", "192.0.2.7", None),
        ("localhost", "", None),
        *(
            ("localhost", "127.0.0.1", name)
            for name in ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO")
        ),
    ],
)
def test_everybody_else_is_sent_to_https(
    ask: Callable[..., HttpResponse], host: str, address: str, header: str | None
) -> None:
    answer = ask(HTTP_HOST=host, REMOTE_ADDR=address, **({f"HTTP_{header}": "x"} if header else {}))
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{host}/admin/")


def test_https_stays_https(ask: Callable[..., HttpResponse]) -> None:
    answer = ask(HTTP_HOST="localhost", REMOTE_ADDR="127.0.0.1", **{"wsgi.url_scheme": "https"})
    assert (answer.content, answer.headers["Strict-Transport-Security"]) == (b"https", "max-age=60")
