"""Messages and their answers, as whole values, in both revisions of the protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consistency.mcp.protocol import INSTRUCTIONS, SERVER, Reply, answer
from consistency.mcp.tools import TOOLS, Caller
from statehub.models import Source

ADA = Caller("ada", Source.API)
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
OURS = {"io.modelcontextprotocol/serverInfo": SERVER}
OLD = {"MCP-Protocol-Version": "2025-11-25"}
NAMES = list(TOOLS)


def new(method: str = "tools/list", name: str = "") -> dict[str, str]:
    """The headers of a message of the new revision."""
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    return {**headers, "Mcp-Name": name} if name else headers


def send(method: str = "tools/list", params: Any = None, headers: Any = None, **members: Any) -> Reply:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, **members}
    return answer(json.dumps(message if params is None else {**message, "params": params}).encode(), ADA, headers)


def result(value: dict[str, Any], id: Any = 1) -> Reply:
    return Reply({"jsonrpc": "2.0", "id": id, "result": value})


def error(code: int, message: str, data: Any = None, *, id: Any = 1, status: int = 400) -> Reply:
    body = {"code": code, "message": message, **({} if data is None else {"data": data})}
    return Reply({"jsonrpc": "2.0", "id": id, "error": body}, status)


def unsupported(version: object) -> Reply:
    supported = {"supported": ["2026-07-28", "2025-11-25"], "requested": version}
    return error(-32022, "Unsupported protocol version", supported)


class TestHandshake:
    @pytest.mark.parametrize("asked", ["2025-11-25", "2025-06-18", "2099-01-01"])
    @pytest.mark.parametrize("headers", [None, {}, {"MCP-Protocol-Version": "2025-06-18"}])
    def test_initialize(self, asked: str, headers: Any) -> None:
        assert send("initialize", {"protocolVersion": asked, "capabilities": {}}, headers) == result(
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": SERVER,
                "instructions": INSTRUCTIONS,
            }
        )

    def test_initialize_without_a_version(self) -> None:
        assert send("initialize", {}, {}) == error(-32602, "Invalid params: protocolVersion is required", status=200)

    @pytest.mark.parametrize("headers", [None, {}, OLD])
    def test_afterwards(self, headers: Any) -> None:
        assert send("ping", None, headers) == result({})
        assert send("tools/list", {}, headers) == result({"tools": [tool.definition for tool in TOOLS.values()]})
        allowed = {"allowed": ["initialize", "ping", "tools/list", "tools/call"]}
        for method in ("server/discover", "resources/list", "notifications/none"):
            assert send(method, None, headers) == error(-32601, f"Method not found: '{method}'", allowed, status=200)

    @pytest.mark.parametrize("headers", [None, {}, OLD, new("notifications/cancelled")])
    def test_notification_gets_no_answer(self, headers: Any) -> None:
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert answer(json.dumps(message).encode(), ADA, headers) == Reply(None, 202)

    @pytest.mark.parametrize("version", ["2025-06-18", "1900-01-01", ""])
    def test_unknown_revision(self, version: str) -> None:
        assert send("tools/list", None, {"MCP-Protocol-Version": version}) == unsupported(version)


class TestStateless:
    @pytest.mark.parametrize("headers", [None, new("server/discover")])
    def test_discover(self, headers: Any) -> None:
        assert send("server/discover", {"_meta": META}, headers) == result(
            {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28", "2025-11-25"],
                "capabilities": {"tools": {}},
                "instructions": INSTRUCTIONS,
                "ttlMs": 300_000,
                "cacheScope": "private",
                "_meta": OURS,
            }
        )

    @pytest.mark.parametrize("headers", [None, new()])
    def test_list(self, headers: Any) -> None:
        assert send("tools/list", {"_meta": META}, headers) == result(
            {
                "resultType": "complete",
                "tools": [tool.definition for tool in TOOLS.values()],
                "ttlMs": 300_000,
                "cacheScope": "private",
                "_meta": OURS,
            }
        )

    @pytest.mark.parametrize("method", ["initialize", "ping", "subscriptions/listen"])
    def test_unknown_method(self, method: str) -> None:
        allowed = {"allowed": ["server/discover", "tools/list", "tools/call"]}
        assert send(method, {"_meta": META}, new(method)) == error(
            -32601, f"Method not found: '{method}'", allowed, status=404
        )

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Mcp-Method": "tools/call", "Mcp-Name": "get_task"},
            {**new("tools/call", "get_task"), "MCP-Protocol-Version": "2025-11-25"},
            new("tools/list", "get_task"),
            new("tools/call"),
            new("tools/call", "take_task"),
            new("tools/call", "=?base64?dGFrZV90YXNr?="),
            new("tools/call", "=?base64?!?="),
            new("tools/call", "=?base64?/w==?="),
        ],
    )
    def test_headers_that_differ_from_the_body(self, headers: dict[str, str]) -> None:
        reply = send("tools/call", {"_meta": META, "name": "get_task", "arguments": {"task": "T"}}, headers)
        assert reply.body is not None
        assert (reply.status, reply.body["error"]["code"]) == (400, -32020)

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", ["what_changed", "=?base64?d2hhdF9jaGFuZ2Vk?="])
    def test_call(self, name: str) -> None:
        reply = send("tools/call", {"_meta": META, "name": "what_changed"}, new("tools/call", name))
        assert reply == result(
            {
                "resultType": "complete",
                "content": [{"type": "text", "text": '{"changes":[]}'}],
                "structuredContent": {"changes": []},
                "isError": False,
                "_meta": OURS,
            }
        )

    def test_meta_that_lacks_a_key(self) -> None:
        version, capabilities = META
        for meta, missing in (
            ({}, f"{version} and {capabilities}"),
            ({version: "2026-07-28"}, capabilities),
            ({capabilities: {}}, version),
            ([], f"{version} and {capabilities}"),
        ):
            assert send("tools/list", {"_meta": meta}, new()) == error(-32602, f"Invalid params: _meta needs {missing}")

    def test_unknown_revision(self) -> None:
        version, _ = META
        for wanted in ("2025-11-25", "2030-01-01"):
            headers = {**new(), "MCP-Protocol-Version": wanted}
            assert send("tools/list", {"_meta": {**META, version: wanted}}, headers) == unsupported(wanted)
        assert send("tools/list", {"_meta": {**META, version: 1}}) == error(
            -32602, f"Invalid params: {version} must be text"
        )


class TestCalls:
    @pytest.mark.django_db
    def test_refusal_is_a_result(self) -> None:
        content = {"error": "unknown argument 'name'", "allowed": ["task"]}
        assert send("tools/call", {"name": "get_task", "arguments": {"name": "é"}}, OLD) == result(
            {
                "content": [{"type": "text", "text": json.dumps(content, separators=(",", ":"))}],
                "structuredContent": content,
                "isError": True,
            }
        )

    @pytest.mark.parametrize("name", ["get_tasks", "", None, ["get_task"]])
    def test_unknown_tool(self, name: Any) -> None:
        assert send("tools/call", {"name": name}, OLD) == error(
            -32602, f"Unknown tool: {name!a}", {"allowed": NAMES}, status=200
        )

    @pytest.mark.parametrize("arguments", [[], "task", 1, False])
    def test_arguments_are_an_object(self, arguments: Any) -> None:
        assert send("tools/call", {"name": "get_task", "arguments": arguments}, OLD) == error(
            -32602, "Invalid params: arguments must be an object", status=200
        )

    def test_no_cursor_is_valid(self) -> None:
        message = "Invalid params: there is one page only, so no cursor is valid"
        assert send("tools/list", {"cursor": "x"}, OLD) == error(-32602, message, status=200)


class TestMessages:
    @pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5_000])
    def test_not_json(self, data: bytes) -> None:
        message = "Parse error: the message is not JSON in UTF-8"
        assert answer(data, ADA, {}) == error(-32700, message, id=None)

    @pytest.mark.parametrize(
        "message",
        [
            [], [{"jsonrpc": "2.0", "id": 1, "method": "ping"}], None, 1, "ping", {},
            {"id": 1, "method": "ping"}, {"jsonrpc": "2.0", "id": 1}, {"jsonrpc": "2.0", "id": 1, "result": {}},
            {"jsonrpc": "2.0", "id": 1, "method": None},
        ],
    )  # fmt: skip
    def test_not_a_request(self, message: Any) -> None:
        text = "Invalid request: send one JSON-RPC 2.0 request or notification"
        id = message.get("id") if isinstance(message, dict) else None
        assert answer(json.dumps(message).encode(), ADA, {}) == error(-32600, text, id=id)

    @pytest.mark.parametrize("id", [None, True, 1.5, [], {}])
    def test_id_that_is_not_valid(self, id: Any) -> None:
        text = "Invalid request: the id must be text or a whole number"
        assert send("ping", id=id) == error(-32600, text, id=None)

    @pytest.mark.parametrize("id", [0, -1, "", "a"])
    def test_id_comes_back(self, id: Any) -> None:
        assert send("ping", id=id) == result({}, id)

    @pytest.mark.parametrize("params", [[], "x", 1])
    def test_params_are_an_object(self, params: Any) -> None:
        assert send("ping", params) == error(-32602, "Invalid params: params must be an object")

    def test_answer_is_one_line_of_ascii(self) -> None:
        reply = send("é\n", headers={})
        assert reply.text.isascii()
        assert "\n" not in reply.text
        assert json.loads(reply.text) == reply.body
