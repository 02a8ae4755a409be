"""The official client of the protocol, for tests that are not asynchronous: on a server, or on `manage.py mcp`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import TextContent, Tool

from testing.hub import Hub
from testing.manage import ROOT

REVISIONS = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}
"""The ways in which a client connects, each with the revision that comes of it."""


@dataclass(frozen=True)
class Assistant:
    """A connected client, which runs in a thread of its own."""

    client: Client
    portal: BlockingPortal

    @property
    def tools(self) -> list[Tool]:
        """The tools that the server lists, on one page."""
        listed = self.portal.call(self.client.list_tools)
        assert listed.next_cursor is None
        return listed.tools

    def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call *tool*, which must do what is asked, and return its answer."""
        is_refusal, answer = self._call(tool, arguments)
        assert not is_refusal, answer
        return answer

    def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call *tool*, which must refuse, and return its answer."""
        is_refusal, answer = self._call(tool, arguments)
        assert is_refusal, answer
        return answer

    def attempt(self, tool: str, **arguments: Any) -> tuple[bool, dict[str, Any]]:
        """Call *tool* and return whether it did what was asked, and its answer."""
        is_refusal, answer = self._call(tool, arguments)
        return not is_refusal, answer

    def _call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        result = self.portal.call(self.client.call_tool, tool, dict(arguments))
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert json.loads(content.text) == result.structured_content
        return result.is_error, result.structured_content


@contextmanager
def over_http(url: str, secret: str, mode: str = "auto") -> Iterator[Assistant]:
    """Connect to the server at *url* with the token *secret*."""
    with _connected(partial(_http_client, f"{url}/mcp", secret, mode)) as assistant:
        yield assistant


@contextmanager
def over_stdio(hub: Hub, mode: str = "auto", env: Mapping[str, str] | None = None) -> Iterator[Assistant]:
    """Start `manage.py mcp` on *hub* and connect to it."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = StdioServerParameters(
        command=sys.executable,
        args=[str(ROOT / "manage.py"), "mcp"],
        env={**environment, "DATABASE_URL": hub.url, **(env or {})},
    )
    with _connected(lambda: Client(stdio_client(command), mode=mode)) as assistant:
        yield assistant


@asynccontextmanager
async def _http_client(url: str, secret: str, mode: str) -> Any:
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {secret}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@contextmanager
def _connected(connect: Any) -> Iterator[Assistant]:
    with start_blocking_portal() as portal:
        manager: AbstractAsyncContextManager[Client] = connect()
        with portal.wrap_async_context_manager(manager) as client:
            yield Assistant(client, portal)
