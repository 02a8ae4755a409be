"""The settings of production, for tests that talk to the web pages in this process."""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import Any

ENVIRONMENT = {"DEBUG": "false", "SECRET_KEY": "of-these-tests-alone", "ALLOWED_HOSTS": "testserver,hub.example.org"}
"""What an administrator sets; the settings module makes the rest of it."""

PROXY = {"HTTP_X_FORWARDED_PROTO": "https"}
"""What a proxy on this machine says of each request that came to it over TLS."""


def pin() -> None:
    """Set this process's environment as a server's is; it is that of `testing.environment` already."""
    os.environ.update(ENVIRONMENT)
    Path(os.environ["STATEHUB_VAR"], "static").mkdir(parents=True)  # `collectstatic` would have made it


def send_clients_through_proxy() -> None:
    """Let each of Django's test clients that is made from now on come over https, through a proxy on this machine."""
    from django.test import Client

    plain = Client.__init__

    @wraps(plain)
    def through_proxy(self: Client, *args: Any, **defaults: Any) -> None:
        plain(self, *args, **{**PROXY, **defaults})

    Client.__init__ = through_proxy  # type: ignore[method-assign]  # for this whole process
