"""Clients of the API: in this process, and over real HTTP from a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testing.hub import Hub
from testing.server import PRODUCTION, Server
from testing.server import serving as server_of

if TYPE_CHECKING:
    from tests.web.api.helpers import Api


@contextmanager
def serving(hub: Hub, folder: Path, **env: str) -> Iterator[Server]:
    """A server of *hub* with two worker processes."""
    settings = {**PRODUCTION, "DATABASE_URL": hub.url, "STATEHUB_REFUSED_PER_MINUTE": "1000000", **env}
    with server_of(settings, folder) as running:
        yield running


@pytest.fixture
def server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's hub."""
    with serving(hub, tmp_path) as running:
        yield running


@pytest.fixture
def api(db: None) -> Api:
    """A client whose token may write."""
    from tests.web.api.helpers import new_api  # models: only once Django is set up, which is after this file is loaded

    return new_api()
