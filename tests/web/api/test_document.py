"""The OpenAPI document holds: what it allows is taken, and every answer is as it says, to bad requests, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from testing.hub import Hub
from testing.server import UNLIMITED, Server
from tests.web.api.helpers import new_task
from tests.web.api.test_lists import fill
from web.api import tokens
from web.api.app import api

OPERATIONS = [
    (path, method.upper())
    for path, methods in api.get_openapi_schema(path_prefix="/api/")["paths"].items()
    for method in methods
]
ANSWERS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
]  # fmt: skip
EXAMPLES = 25


def test_every_operation_is_there() -> None:
    assert OPERATIONS == [
        ("/api/repos/", "GET"), ("/api/workstreams/", "GET"), ("/api/findings/", "GET"), ("/api/runs/", "GET"),
        ("/api/tasks/", "GET"), ("/api/tasks/", "PATCH"), ("/api/tasks/{ref}/history/", "GET"),
        ("/api/changes/", "GET"),
        ("/api/tasks/{ref}/", "GET"), ("/api/tasks/{ref}/", "PATCH"),
    ]  # fmt: skip


@pytest.fixture
def served(hub: Hub, tmp_path: Path) -> Any:
    fill(3)
    new_task(key="T-1")
    with hub.serve(tmp_path, env=UNLIMITED) as server:
        yield server, tokens.create("tester")[1]


@pytest.mark.proof
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_answers_are_as_the_document_says(served: tuple[Server, str], mode: GenerationMode) -> None:
    server, secret = served
    document = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    operations: list[Any] = [cast("Any", result).ok() for result in document.get_all_operations()]
    statuses = {f"{each.method.upper()} {each.path}": exercise(each, mode, secret) for each in operations}
    if mode.is_positive:
        assert [name for name, seen in statuses.items() if 200 not in seen] == []
    else:
        assert [name for name, seen in statuses.items() if not seen & {400, 404, 415, 422}] == []


def exercise(operation: Any, mode: GenerationMode, secret: str) -> set[int]:
    """Call one operation with generated requests, each answer checked; returns the statuses that came."""
    # What breaks the document's types may be valid by the time it is an address (`repo=false` is a text): whether bad
    # requests are refused is for tests that know what they send.
    checks: Any = CHECKS.get_by_names([*ANSWERS, *(["positive_data_acceptance"] if mode.is_positive else [])])
    seen = set[int]()

    # The same requests in every run: a failure here is one everywhere.
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def call(case: Any, known: bool) -> None:
        if mode.is_positive:
            _make_meaningful(case, known)
        response = case.call(headers={"Authorization": f"Bearer {secret}"})
        seen.add(response.status_code)
        case.validate_response(response, checks=checks)

    call()
    return seen


def _make_meaningful(case: Any, known: bool) -> None:
    """Of what the document cannot say: names of tasks that are there, marks that lead somewhere, fresh keys."""
    if known and "ref" in case.path_parameters:
        case.path_parameters["ref"] = "T-1"
    if known and isinstance(case.body, list):
        case.body = [{**case.body[0], "task": "T-1"}]
        case.body[0].pop("version", None)
    case.query.pop("after", None)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    case.headers.pop("If-Match", None)
