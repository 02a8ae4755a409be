"""`--settings`: what the tests of the web pages run with, and how their clients come to the hub."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

NAMES = ("DEBUG", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
EXPECTED: dict[str, tuple[list[Any], str, int]] = {
    "development": ([False, False, False, False, 0], "http", 200),  # DEBUG itself is always off in Django's tests
    "production": ([False, True, True, True, 31_536_000], "https", 301),
}


def test_pages_have_the_settings_that_were_asked_for(db: None, pytestconfig: pytest.Config) -> None:
    answer = Client().get("/admin/login/")
    plain = Client(HTTP_X_FORWARDED_PROTO="http").get("/admin/login/")
    found = [getattr(settings, name) for name in NAMES], answer.wsgi_request.scheme, plain.status_code
    assert (found, answer.status_code) == (EXPECTED[pytestconfig.option.settings], 200)


def test_file_with_a_client_of_pages_is_of_the_web(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("web") is not None
