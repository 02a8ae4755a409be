"""The MCP endpoint: tokens, methods, origins, bodies, and what is asked for an OAuth server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from statehub.models import StatusChange
from tests.web.api.helpers import new_task, problem
from web.api import tokens

pytestmark = pytest.mark.django_db

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
PONG = {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.fixture
def secret() -> str:
    return tokens.create("laptop")[1]


def post(secret: str, message: Any = PING, path: str = "/mcp", type: str = "application/json", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if secret:
        named["Authorization"] = f"Bearer {secret}"
    body = message if isinstance(message, bytes) else json.dumps(message)
    return Client(enforce_csrf_checks=True).post(path, body, content_type=type, headers=named)


def said(response: Any) -> tuple[int, Any]:
    """The status and the JSON of a response, which is a problem document if the message was not read."""
    document = json.loads(response.content)
    kind = "application/json" if "jsonrpc" in document else "application/problem+json"
    assert (response["Content-Type"], response["Cache-Control"]) == (kind, "no-store")
    return response.status_code, document


def call(secret: str, tool: str, **arguments: Any) -> Any:
    params = {"name": tool, "arguments": arguments}
    response = post(secret, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    return said(response)[1]["result"]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_post_is_answered_without_a_redirect(secret: str, path: str) -> None:
    response = post(secret, path=path)
    assert said(response) == (200, PONG)
    assert "Mcp-Session-Id" not in response


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_other_methods(path: str, method: str) -> None:
    response = Client().generic(method, path)
    assert response["Allow"] == "POST"
    detail = f"{method} is not allowed here; POST is"
    assert said(response) == (405, problem("wrong-method", 405, "Method not allowed", detail, allowed=["POST"]))


def test_notification_has_no_answer(secret: str) -> None:
    response = post(secret, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (response.status_code, response.content) == (202, b"")


def test_tokens_are_those_of_the_api(secret: str) -> None:
    response = post("")
    detail = "send 'Authorization: Bearer TOKEN'"
    assert said(response) == (401, problem("no-token", 401, "A token is needed", detail))
    assert response["WWW-Authenticate"] == 'Bearer realm="State Hub"'
    response = post(secret[:-1])
    detail = "the token is unknown, expired or revoked"
    assert said(response) == (401, problem("bad-token", 401, "Invalid token", detail))
    assert response["WWW-Authenticate"] == 'Bearer realm="State Hub", error="invalid_token"'


def test_task_is_taken_under_the_name_of_the_token(secret: str) -> None:
    new_task("net", "T01")
    assert call(secret, "take_task", task="T01")["structuredContent"]["task"]["taken_by"] == "laptop"
    other = tokens.create("desk")[1]
    refusal = call(other, "take_task", task="T01")
    assert refusal["isError"]
    assert refusal["structuredContent"]["error"].startswith("task 'T01' is taken: laptop has it since 2")
    assert StatusChange.objects.values_list("who", "source", "host", "new").get() == (
        "laptop", "api", "", "in_progress",
    )  # fmt: skip


def test_read_only_token_changes_nothing() -> None:
    new_task("net", "T01")
    secret = tokens.create("grafana", read_only=True)[1]
    for tool, arguments in (
        ("take_task", {"task": "T01"}),
        ("report_status", {"task": "T01", "status": "done"}),
        ("reopen_task", {"task": "T01", "status": "todo", "reason": "again"}),
    ):
        refusal = call(secret, tool, **arguments)
        assert refusal["isError"]
        assert refusal["structuredContent"]["error"] == "grafana has read-only access"
    assert not StatusChange.objects.exists()
    assert call(secret, "get_task", task="T01")["structuredContent"]["status"] == "todo"


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://testserver.example.org", ""])
def test_page_of_another_origin(secret: str, origin: str) -> None:
    detail = "a page of another origin may not call; CSRF_TRUSTED_ORIGINS allows origins"
    assert said(post(secret, Origin=origin)) == (
        403,
        problem("wrong-origin", 403, "The page is of another origin", detail),
    )


def test_pages_that_may_call(secret: str, settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://tools.example.org"]
    assert said(post(secret, Origin="https://tools.example.org")) == (200, PONG)
    assert said(post(secret, Origin="http://testserver", Host="testserver")) == (200, PONG)


def test_bodies(secret: str) -> None:
    status, refusal = said(post(secret, type="text/plain"))
    assert (status, refusal["type"], refusal["allowed"]) == (
        415, "/api/problems/#wrong-type", ["application/json"],
    )  # fmt: skip
    response = post(secret, b" " * (1024 * 1024 + 1))
    assert (response.status_code, response.json()["type"]) == (413, "/api/problems/#too-large")
    status, refusal = said(post(secret, b"{"))
    assert (status, refusal["error"]["code"]) == (400, -32700)


def test_error_of_the_protocol_has_its_status(secret: str) -> None:
    status, refusal = said(post(secret, MCP_Protocol_Version="1900-01-01"))
    assert (status, refusal["error"]["code"]) == (400, -32022)
    status, refusal = said(post(secret, {"jsonrpc": "2.0", "id": 1, "method": "resources/list"}))
    assert (status, refusal["error"]["code"]) == (200, -32601)


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    ],
)
def test_there_is_no_oauth_server(path: str) -> None:
    response = Client().get(path)
    detail = f"there is no {path}: State Hub takes API tokens, not OAuth"
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()) == (404, problem("not-found", 404, "Not found", detail))


def test_database_that_is_gone(secret: str) -> None:
    def gone(*_args: Any) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(gone):
        response = post(secret)
    assert response["Retry-After"] == "5"
    expected = problem("unavailable", 503, "The database is unavailable", "try again in a moment")
    assert (response.status_code, response.json()) == (503, expected)
