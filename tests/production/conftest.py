"""A hub with the settings of production."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from testing.manage import ROOT

PRODUCTION = {"DEBUG": "false", "SECRET_KEY": "of-these-tests-alone", "ALLOWED_HOSTS": "hub.example.org"}
NAMES = [
    "ALLOWED_HOSTS",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_REDIRECT_EXEMPT",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "WHITENOISE_AUTOREFRESH",
]


@pytest.fixture(scope="session")
def production_settings() -> dict[str, Any]:
    """Return the settings in the environment of production."""
    code = f"from django.conf import settings as s; print({{name: getattr(s, name) for name in {NAMES}}})"
    env = {**os.environ, **PRODUCTION, "DATABASE_URL": "sqlite://:memory:"}
    ended = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = ast.literal_eval(ended.stdout)
    return found


@pytest.fixture
def production(production_settings: dict[str, Any], settings: Any, tmp_path: Path) -> None:
    """This test runs with the settings of production."""
    settings.STATIC_ROOT = tmp_path  # `collectstatic` would have made it
    for name, value in production_settings.items():
        setattr(settings, name, value)


@pytest.fixture
def https(production: None) -> Callable[[], Client]:
    """New clients that come over https, through a proxy on this machine."""
    return lambda: Client(
        headers={"Host": "hub.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    )
