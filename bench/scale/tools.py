"""The tools of assistants that only read: the server's time of a call at the MCP endpoint, and its queries."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.scale.pages import Page, measure_page

if TYPE_CHECKING:
    from django.test import Client

ENDPOINT = "/mcp"

REPO = {"repo": "repo-00001"}
CALLS: dict[str, tuple[dict[str, Any], ...]] = {
    "next_tasks": ({}, REPO, {"limit": 100}),
    "list_tasks": ({}, REPO, {"status": "blocked"}, {"workplan": "WP-000007"}, {"owner": "person-007"},
                   {**REPO, "status": "todo", "owner": "person-007"}, {"status": "done", "limit": 100}),
    "get_task": ({"task": "WP-000007-T05"},),
    "list_findings": ({}, REPO, {"state": "resolved"}),
    "what_changed": ({}, {"since": "7d"}, {"since": "90d"}, {**REPO, "since": "90d"}),
}  # fmt: skip
"""The arguments of the calls of each tool."""


def measure(repeat: int, limit: float) -> list[Page]:
    """Make every call *repeat* times; one whose median is above *limit* ms gets its plans."""
    from django.test import Client

    from web.api.tokens import create

    client = Client(headers={"Authorization": f"Bearer {create('bench of tools', read_only=True)[1]}"})
    return [
        measure_page(_name(tool, arguments), partial(_call, client, tool, arguments), repeat, limit)
        for tool, calls in CALLS.items()
        for arguments in calls
    ]


def _name(tool: str, arguments: dict[str, Any]) -> str:
    return " ".join((tool, *(f"{name}={value}" for name, value in arguments.items())))


def _call(client: Client, tool: str, arguments: dict[str, Any]) -> Any:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = client.post(ENDPOINT, json.dumps(message), "application/json")
    assert not answer.json()["result"].get("isError"), (tool, answer.content)
    return answer
