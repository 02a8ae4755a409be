"""The official client as the judge of both transports, in both revisions of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from testing.hub import Hub
from testing.server import PRODUCTION, Server, serving
from tests.mcp.sdk import REVISIONS, Assistant, over_http, over_stdio
from tests.web.api.helpers import new_task
from web.api import tokens

TOOLS = [
    "next_tasks", "list_tasks", "get_task", "take_task", "report_status", "reopen_task", "list_findings",
    "what_changed",
]  # fmt: skip
READING = ["next_tasks", "list_tasks", "get_task", "list_findings", "what_changed"]


@pytest.fixture
def server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's hub."""
    with serving({**PRODUCTION, "DATABASE_URL": hub.url}, tmp_path) as running:
        yield running


def connect(transport: str, hub: Hub, server: Server, mode: str) -> AbstractContextManager[Assistant]:
    if transport == "http":
        return over_http(server.url, tokens.create("laptop")[1], mode)
    return over_stdio(hub, mode, {"STATEHUB_USER": "laptop"})


@pytest.mark.parametrize("mode", REVISIONS)
@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_client_lists_and_calls(hub: Hub, server: Server, transport: str, mode: str) -> None:
    new_task("net", "T01")
    with connect(transport, hub, server, mode) as assistant:
        assert assistant.client.protocol_version == REVISIONS[mode]
        assert [tool.name for tool in assistant.tools] == TOOLS
        taken = assistant("take_task", task="T01")["task"]
        assert (taken["taken_by"], taken["status"]) == ("laptop", "in_progress")
        done = assistant("report_status", task="T01", status="done", commit="0123abc", note="ok")
        assert (done["changed"], done["task"]["status"]) == (True, "done")
        assert assistant.refused("report_status", task="T01", status="todo")["allowed"] == ["done", "cancelled"]


def test_read_only_token_sees_the_tools_that_read(server: Server) -> None:
    new_task("net", "T01")
    with over_http(server.url, tokens.create("grafana", read_only=True)[1]) as assistant:
        assert [tool.name for tool in assistant.tools] == READING
        assert assistant.refused("take_task", task="T01") == {
            "error": "grafana has read-only access",
            "allowed": READING,
        }
