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


@pytest.fixture(scope="module")
def module_server(module_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the hub that the tests of a module have in common."""
    with serving(module_hub, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def server(module_server: Server, served_hub: Hub) -> Server:
    """A server whose hub has the rows of this test alone."""
    return module_server


@pytest.fixture
def api(db: None) -> Api:
    """A client whose token may write."""
    from tests.web.api.helpers import new_api  # models: only once Django is set up, which is after this file is loaded

    return new_api()
