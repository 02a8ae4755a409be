"""Answers messages of the Model Context Protocol, each on its own: no session, no state.

Two revisions are served. A message of 2026-07-28 names its revision and the client in `_meta`, and over HTTP its method
in headers as well. A client of 2025-11-25 begins with `initialize`, which promises nothing that a later message needs.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from consistency.mcp.tools import TOOLS, Caller, call_tool, tools_of
from consistency.reports.json_text import to_compact_json
from statehub import __version__
from statehub.errors import StateHubError

STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
REVISIONS = (STATELESS, HANDSHAKE)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

ACCEPTED = 202
"""HTTP status of a message that has no answer."""

_HTTP_STATUSES = {METHOD_NOT_FOUND: 404, INTERNAL_ERROR: 500}
"""HTTP statuses of errors; all others are 400."""

_META = "io.modelcontextprotocol/"
VERSION_KEY, CAPABILITIES_KEY, SERVER_KEY = (
    f"{_META}protocolVersion",
    f"{_META}clientCapabilities",
    f"{_META}serverInfo",
)

VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"

LIST_SECONDS = 300
"""How long a client may keep the list of tools."""

SERVER = {"name": "state-hub", "title": "State Hub", "version": __version__}

INSTRUCTIONS = (
    "State Hub mirrors the task blocks of workplans (Markdown files in git repositories). Begin with next_tasks, "
    "take_task before you work on a task, and report_status when it is blocked, done or cancelled, with the commit. "
    "The hub writes statuses into the files; a status in a file never moves back except by reopen_task."
)

_NO_MESSAGE = "Invalid request: send one JSON-RPC 2.0 request or notification"

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


class ProtocolError(StateHubError):
    """A message that cannot be answered with a result."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


class Reply(NamedTuple):
    """The answer to a message, None if it gets none, and its HTTP status."""

    body: dict[str, Any] | None
    status: int = 200

    @property
    def text(self) -> str:
        """The answer as JSON in printable ASCII, on one line."""
        return json.dumps(self.body, separators=(",", ":")).replace("\x7f", r"\u007f")


class _Request(NamedTuple):
    method: str
    params: Mapping[str, Any]
    caller: Caller


def answer(data: bytes, caller: Caller, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer the message in *data*; *headers* are those of HTTP, None on stdio."""
    message: dict[str, Any] | None = None
    is_stateless = True
    try:
        message = _parse(data)
        method, params = _read_message(message)
        meta = params.get("_meta")
        is_stateless = _is_stateless(method, meta, headers)
        if "id" not in message:
            return Reply(None, ACCEPTED)
        if is_stateless:
            _check_stateless(method, params, meta, headers)
        handlers = _STATELESS if is_stateless else _HANDSHAKE
        if method not in handlers:
            raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {method!a}", {"allowed": list(handlers)})
        result = handlers[method](_Request(method, params, caller))
    except ProtocolError as error:
        return refuse(error, message, is_stateless=is_stateless)
    if is_stateless:
        result = {"resultType": "complete", **result, "_meta": {SERVER_KEY: SERVER}}
    return Reply({"jsonrpc": "2.0", "id": message["id"], "result": result})


def refuse(error: ProtocolError, message: Mapping[str, Any] | None = None, *, is_stateless: bool = True) -> Reply:
    """Return *error* as the answer to *message*, if its id is known."""
    found = message.get("id") if message is not None else None
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    status = _HTTP_STATUSES.get(error.code, 400) if is_stateless or not _is_id(found) else 200
    return Reply({"jsonrpc": "2.0", "id": found if _is_id(found) else None, "error": body}, status)


def _parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object in *data*. Raises ProtocolError."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(PARSE_ERROR, "Parse error: the message is not JSON in UTF-8") from error
    if not isinstance(message, dict):
        raise ProtocolError(INVALID_REQUEST, _NO_MESSAGE)
    return message


def _read_message(message: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return method and parameters of a request or notification. Raises ProtocolError."""
    if message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        raise ProtocolError(INVALID_REQUEST, _NO_MESSAGE)
    if "id" in message and not _is_id(message["id"]):
        raise ProtocolError(INVALID_REQUEST, "Invalid request: the id must be text or a whole number")
    params = message.get("params")
    if params is not None and not isinstance(params, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: params must be an object")
    return message["method"], params or {}


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_stateless(method: str, meta: object, headers: Mapping[str, str] | None) -> bool:
    """Return whether a message is of the stateless revision. Raises ProtocolError for an unknown one."""
    if isinstance(meta, dict) and VERSION_KEY in meta:
        return True
    # The handshake comes before both sides agree on a revision. A client that names none has made one.
    named = None if headers is None or method == "initialize" else headers.get(VERSION_HEADER)
    if named not in (None, *REVISIONS):
        raise _unsupported(named)
    return named == STATELESS


def _check_stateless(method: str, params: Mapping[str, Any], meta: object, headers: Mapping[str, str] | None) -> None:
    """Raise ProtocolError unless the message names its revision, and headers and body say the same."""
    meta = meta if isinstance(meta, dict) else {}
    if missing := [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: _meta needs {' and '.join(missing)}")
    version = meta[VERSION_KEY]
    if headers is not None:
        named = {VERSION_HEADER: version, METHOD_HEADER: method}
        if method == "tools/call" and params.get("name") is not None:
            named[NAME_HEADER] = params["name"]
        for header, value in named.items():
            if _decode(headers.get(header)) != value:
                raise ProtocolError(HEADER_MISMATCH, f"Header mismatch: {header} is missing or not that of the body")
    if not isinstance(version, str):
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {VERSION_KEY} must be text")
    if version != STATELESS:
        raise _unsupported(version)


def _unsupported(version: object) -> ProtocolError:
    data = {"supported": list(REVISIONS), "requested": version}
    return ProtocolError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def _decode(value: str | None) -> str | None:
    """Return a header's value. One that is encoded (transports, "Value Encoding") is decoded; None if it cannot be."""
    encoded = _ENCODED.fullmatch(value or "")
    if encoded is None:
        return value
    try:
        return base64.b64decode(encoded[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _initialize(request: _Request) -> dict[str, Any]:
    if not isinstance(request.params.get("protocolVersion"), str):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: protocolVersion is required")
    # The only revision with a handshake, whichever was asked for: the client decides whether it goes on.
    return {
        "protocolVersion": HANDSHAKE,
        "capabilities": {"tools": {}},
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


def _discover(_request: _Request) -> dict[str, Any]:
    return {
        "supportedVersions": list(REVISIONS),
        "capabilities": {"tools": {}},
        "instructions": INSTRUCTIONS,
        **_CACHING,
    }


def _ping(_request: _Request) -> dict[str, Any]:
    return {}


def _list_tools(request: _Request) -> dict[str, Any]:
    if request.params.get("cursor") is not None:
        raise ProtocolError(INVALID_PARAMS, "Invalid params: there is one page only, so no cursor is valid")
    return {"tools": [tool.definition for tool in tools_of(request.caller)]}


def _list_tools_cached(request: _Request) -> dict[str, Any]:
    return {**_list_tools(request), **_CACHING}


def _call_tool(request: _Request) -> dict[str, Any]:
    name, arguments = request.params.get("name"), request.params.get("arguments")
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        allowed = [each.name for each in tools_of(request.caller)]
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool: {name!a}", {"allowed": allowed})
    if arguments is not None and not isinstance(arguments, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: arguments must be an object")
    result = call_tool(tool, arguments or {}, request.caller)
    return {
        "content": [{"type": "text", "text": to_compact_json(result.content)}],
        "structuredContent": result.content,
        "isError": result.is_refusal,
    }


_CACHING = {"ttlMs": LIST_SECONDS * 1000, "cacheScope": "private"}

_Handlers = Mapping[str, Callable[[_Request], dict[str, Any]]]

_HANDSHAKE: _Handlers = {
    "initialize": _initialize,
    "ping": _ping,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
}
_STATELESS: _Handlers = {
    "server/discover": _discover,
    "tools/list": _list_tools_cached,
    "tools/call": _call_tool,
}
