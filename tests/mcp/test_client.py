"""The official client as the judge of both transports, in both revisions of the protocol."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.server import Server
from tests.mcp.sdk import REVISIONS, Assistant, over_http, over_stdio
from tests.web.api.helpers import new_task
from web.api import tokens

TOOLS = [
    "next_tasks", "list_tasks", "get_task", "take_task", "report_status", "reopen_task", "list_findings",
    "what_changed",
]  # fmt: skip
READING = ["next_tasks", "list_tasks", "get_task", "list_findings", "what_changed"]


def check(assistant: Assistant, mode: str, key: str) -> None:
    """Check what a client sees, and work on the task *key*."""
    assert assistant.client.protocol_version == REVISIONS[mode]
    info = assistant.client.server_info  # A client that chooses its revision itself does not ask.
    assert (info and (info.name, info.title)) == (None if mode in REVISIONS.values() else ("state-hub", "State Hub"))
    assert [tool.name for tool in assistant.tools] == TOOLS
    assert [task["key"] for task in assistant("next_tasks")["tasks"]] == [key]
    taken = assistant("take_task", task=key)["task"]
    assert (taken["taken_by"], taken["status"]) == ("laptop", "in_progress")
    done = assistant("report_status", task=key, status="done", commit="0123abc", note="ok")
    assert (done["changed"], done["task"]["status"]) == (True, "done")
    assert assistant.refused("report_status", task=key, status="todo")["allowed"] == ["done", "cancelled"]
    assert assistant("get_task", task=key)["history"][0]["commit"] == "0123abc"


def test_over_http(server: Server) -> None:
    secret = tokens.create("laptop")[1]
    for mode in REVISIONS:
        new_task("net", mode)
        with over_http(server.url, secret, mode) as assistant:
            check(assistant, mode, mode)
    with over_http(server.url, tokens.create("grafana", read_only=True)[1]) as assistant:
        assert [tool.name for tool in assistant.tools] == READING
        assert assistant.refused("take_task", task="auto") == {
            "error": "grafana has read-only access",
            "allowed": READING,
        }


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_on_stdio(hub: Hub, mode: str) -> None:
    new_task("net", "T01")
    with over_stdio(hub, mode, {"STATEHUB_USER": "laptop"}) as assistant:
        check(assistant, mode, "T01")


def test_one_of_many_gets_the_task(server: Server) -> None:
    for number in range(3):
        new_task("net", f"T{number}")
    names = [f"w{number}" for number in range(6)]
    secrets = [tokens.create(name)[1] for name in names]
    barrier = threading.Barrier(len(names))

    def take_all(secret: str) -> list[Any]:
        barrier.wait(60)
        return [take(server, secret, f"T{number}") for number in range(3)]

    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(take_all, secrets))
    for number in range(3):
        task = Task.objects.get(key=f"T{number}")
        for name, of_one in zip(names, answers, strict=True):
            result = of_one[number]
            assert result["isError"] == (name != task.taken_by)
            assert result["structuredContent"]["task"]["taken_by"] == task.taken_by
    assert StatusChange.objects.count() == 3


def take(server: Server, secret: str, key: str) -> Any:
    """Take a task without the client, which is too slow to meet others at the database."""
    params = {"name": "take_task", "arguments": {"task": key}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", "/mcp", json.dumps(message), headers)
        response = connection.getresponse()
        assert response.status == 200
        return json.loads(response.read())["result"]
    finally:
        connection.close()
