"""The settings of production, for tests that talk to the web pages in this process."""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import Any

ENVIRONMENT = {"DEBUG": "false", "SECRET_KEY": "of-these-tests-alone", "ALLOWED_HOSTS": "testserver,hub.example.org"}
"""The variables that an administrator sets; the settings module derives the rest."""

PROXY = {"HTTP_X_FORWARDED_PROTO": "https"}
"""The header that a proxy on this machine adds to each request that it received over TLS."""


def pin() -> None:
    """Set this process's environment like a server's, on top of `testing.environment`."""
    os.environ.update(ENVIRONMENT)
    Path(os.environ["STATEHUB_VAR"], "static").mkdir(parents=True)  # `collectstatic` would have made it


def send_clients_through_proxy() -> None:
    """Let all test clients of Django that are created from now on use https, through a proxy on this machine."""
    from django.test import Client

    plain = Client.__init__

    @wraps(plain)
    def through_proxy(self: Client, *args: Any, **defaults: Any) -> None:
        plain(self, *args, **{**PROXY, **defaults})

    Client.__init__ = through_proxy  # type: ignore[method-assign]  # for this whole process
