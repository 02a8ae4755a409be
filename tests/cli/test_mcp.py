"""manage.py mcp: messages on stdin, one a line, and answers on stdout."""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone
from testing.samples import T01
from tests.cli.helpers import mirrored

MAX_LINE_BYTES = 1024 * 1024


def message(method: str, id: int = 1, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + "\n"


def call(tool: str, id: int = 1, **arguments: Any) -> str:
    return message("tools/call", id, name=tool, arguments=arguments)


def talk(hub: Hub, *lines: str, options: tuple[str, ...] = (), env: Any = None) -> list[Any]:
    """Return the answers to *lines*; nothing else may be on stdout, and nothing on stderr."""
    ended = hub.manage("mcp", *options, input="".join(lines), env=env)
    assert (ended.exit, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_messages_are_answered_until_stdin_ends(hub: Hub) -> None:
    assert hub.manage("mcp") == Ended(0, "", "")
    notification = '{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'
    answers = talk(hub, message("ping", 1), "\n", notification, "{\n", message("ping", 2))
    assert answers == [
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {
            "jsonrpc": "2.0",
            "id": None,
            "error": {"code": -32700, "message": "Parse error: the message is not JSON in UTF-8"},
        },
        {"jsonrpc": "2.0", "id": 2, "result": {}},
    ]


@pytest.mark.parametrize(("env", "who"), [({"STATEHUB_USER": "ada"}, "ada"), ({"STATEHUB_USER": None}, None)])
def test_task_is_taken_under_the_users_name(hub: Hub, clone: Clone, env: Any, who: str | None) -> None:
    mirrored(clone)
    name = who or getpass.getuser()
    (answer,) = talk(hub, call("take_task", task=T01), env=env)
    assert answer["result"]["structuredContent"]["task"]["taken_by"] == name
    assert Task.objects.get(key=T01).taken_by == name
    assert StatusChange.objects.values_list("who", "source", "host", "new").get() == (
        name, "command", "test-host", "in_progress",
    )  # fmt: skip


def test_read_only(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    listed, taken = talk(hub, message("tools/list"), call("take_task", task=T01), options=("--read-only",))
    reading = ["next_tasks", "list_tasks", "get_task", "list_findings", "what_changed"]
    assert [tool["name"] for tool in listed["result"]["tools"]] == reading
    assert (taken["result"]["isError"], Task.objects.get(key=T01).taken_by) == (True, "")


def test_message_that_is_too_long(hub: Hub) -> None:
    refusal = {"code": -32600, "message": f"a message has at most {MAX_LINE_BYTES} bytes"}
    longest = message("ping").rstrip("\n").ljust(MAX_LINE_BYTES - 1) + "\n"
    answers = talk(hub, " " * 3 * MAX_LINE_BYTES + "\n", longest, " " + longest, message("ping", 4))
    assert [answer.get("error", answer["id"]) for answer in answers] == [refusal, 1, refusal, 4]


def test_hub_that_cannot_be_reached(hub: Hub) -> None:
    ended = hub.manage("mcp", input=message("ping"), env={"DATABASE_URL": "postgresql://127.0.0.1:1/none"})
    assert (ended.exit, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
