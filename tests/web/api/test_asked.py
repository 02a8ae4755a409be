"""Each parameter and condition of a call is applied or refused; some calls may be tried again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection

from statehub import transitions
from statehub.models import StatusChange, Task
from statehub.transitions import ConflictError, ReasonMissingError, TransitionError
from tests.web.api.helpers import Api, Said, as_json, new_task, problem
from web.api import task_reports
from web.api.app import api as document_of
from web.models import IdempotencyRecord

AGAIN = "busy: come again"


def operations() -> list[tuple[str, str]]:
    paths = document_of.get_openapi_schema()["paths"]
    return [
        (method.upper(), re.sub(r"\{[^}]*\}", "T01", path)) for path, methods in paths.items() for method in methods
    ]


@pytest.mark.parametrize(("method", "path"), operations())
def test_unknown_parameter_is_refused_by_every_call(api: Api, method: str, path: str) -> None:
    new_task()
    body = '[{"task": "T01", "status": "done"}]' if path.endswith("/tasks/") else '{"status": "done"}'
    answer = api.call(method, f"{path}?reopen=true", body if method == "PATCH" else b"")
    assert (answer.status, answer.json["detail"]) == (422, "query 'reopen': unknown parameter")
    assert not StatusChange.objects.exists()


@pytest.mark.parametrize(
    ("path", "header", "detail"),
    [
        ("tasks/T01/", "If-None-Match", "only If-Match is supported"),
        ("tasks/T01/", "If-Unmodified-Since", "only If-Match is supported"),
        ("tasks/", "If-None-Match", "only If-Match is supported"),
        ("tasks/", "If-Match", 'in a list each item takes a "version" of its own'),
    ],
)
def test_condition_that_nobody_looks_at_is_refused(api: Api, path: str, header: str, detail: str) -> None:
    new_task()
    body: Any = {"status": "done"} if path != "tasks/" else [{"task": "T01", "status": "done"}]
    answer = api.patch(path, body, **{header: '"x"'})
    errors = [{"in": "header", "where": header, "detail": detail}]
    said = f"header {header}: {detail}"
    assert answer == Said(422, problem("invalid", 422, "The request is not valid", said, errors=errors), {})
    assert not StatusChange.objects.exists()


class TestTryAgain:
    """Change the status at the same moment, as only a writer without a lock can."""

    @pytest.fixture
    def busy(self, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        def refuse(*_args: object) -> None:
            raise ConflictError(AGAIN)

        monkeypatch.setattr(transitions, "_write", refuse)
        return monkeypatch

    @pytest.mark.parametrize("path", ["tasks/T01/", "tasks/"])
    def test_answer_says_when_and_is_not_kept(self, api: Api, busy: pytest.MonkeyPatch, path: str) -> None:
        task = new_task()
        body: Any = {"status": "done"} if path != "tasks/" else [{"task": "T01", "status": "done"}]
        answer = api.patch(path, body, Idempotency_Key="k")
        assert answer == Said(409, problem("busy", 409, "Conflict with a concurrent change", AGAIN), {})
        assert (answer.headers["Retry-After"], IdempotencyRecord.objects.count()) == ("1", 0)
        busy.undo()
        again = api.patch(path, body, Idempotency_Key="k")
        expected = as_json(task, status="done")
        assert (again.status, again.json) == (200, expected if path != "tasks/" else [expected])

    @pytest.mark.parametrize("path", ["tasks/T01/", "tasks/"])
    def test_report_that_loses_a_race_says_so(self, api: Api, path: str) -> None:
        """The condition in the database is on the exact old status: the history must not say another."""
        new_task()

        def overtake(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith('UPDATE "statehub_task"') and params[0] == "done":
                execute('UPDATE "statehub_task" SET "status" = %s', ("in_progress",), many, context)
            return execute(sql, params, many, context)

        body: Any = {"status": "done"} if path != "tasks/" else [{"task": "T01", "status": "done"}]
        with connection.execute_wrapper(overtake):
            answer = api.patch(path, body)
        detail = "task 'T01' was changed by someone else at the same time; try again"
        assert answer == Said(409, problem("busy", 409, "Conflict with a concurrent change", detail), {})
        assert answer.headers["Retry-After"] == "1"
        assert (Task.objects.get().status, StatusChange.objects.count()) == ("todo", 0)


@pytest.mark.parametrize(
    ("error", "status", "kind", "where"),
    [
        (ConflictError("a reason in a body, without a status"), 409, "busy", None),
        (ReasonMissingError(), 422, "invalid", "/reason"),
        (TransitionError("unknown status 'x'"), 422, "invalid", "/status"),
    ],
)
def test_status_of_a_refusal_does_not_depend_on_its_words(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: TransitionError, status: int, kind: str, where: str | None
) -> None:
    def refuse(*_args: object) -> None:
        raise error

    new_task()
    monkeypatch.setattr(task_reports, "make_transition", refuse)
    answer = api.patch("tasks/T01/", {"status": "done"})
    assert (answer.status, answer.json["type"], answer.json["detail"]) == (status, f"/api/problems/#{kind}", str(error))
    assert [each["where"] for each in answer.json.get("errors", [])] == ([where] if where else [])
