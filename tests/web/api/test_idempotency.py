"""Idempotency keys: the first answer again, and nothing done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from statehub.models import StatusChange, Task
from tests.web.api.helpers import Api, Said, as_json, changes, new_api, new_task, problem
from web.api.idempotency import REPLAYED, purge_expired
from web.models import IdempotencyRecord

DONE = {"status": "done"}
REUSED = problem(
    "key-reused", 422, "The Idempotency-Key was used for another request",
    "this Idempotency-Key was used for another request; use a new one for each request",
)  # fmt: skip


def test_repeated_report_answers_as_the_first_did(api: Api) -> None:
    task = new_task()
    first = api.patch("tasks/T01/", DONE, Idempotency_Key="k1")
    api.patch("tasks/T01/", {"status": "todo", "reopen": True, "reason": "so"})
    again = api.patch("tasks/T01/", DONE, Idempotency_Key="k1")
    assert first == again
    assert first.status == 200
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert first.headers["ETag"] == again.headers["ETag"] != f'"{as_json(task)["version"]}"'
    assert changes() == [("T01", "todo", "done"), ("T01", "done", "todo")]


def test_refusal_is_repeated_even_where_it_would_pass_by_now(api: Api) -> None:
    new_task(status="done")
    first = api.patch("tasks/T01/", {"status": "blocked"}, Idempotency_Key="k1")
    Task.objects.update(status="todo")
    again = api.patch("tasks/T01/", {"status": "blocked"}, Idempotency_Key="k1")
    assert first == again
    assert (again.status, again.json["task"]["status"], changes()) == (409, "done", [])


def test_unknown_task_and_version_are_repeated_too(api: Api) -> None:
    for number, (path, headers) in enumerate([("tasks/T01/", {}), ("tasks/T02/", {"If_Match": "x"})]):
        new_task(key="T02") if number else None
        first = api.patch(path, DONE, Idempotency_Key=f"k{number}", **headers)
        assert first == api.patch(path, DONE, Idempotency_Key=f"k{number}", **headers)
        assert first.status == (412 if number else 404)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("tasks/T01/", {"status": "blocked"}, {}),
        ("tasks/T01/", {"status": "done", "host": "a"}, {}),
        ("tasks/T02/", DONE, {}),
        ("tasks/T01/", DONE, {"If_Match": "*"}),
        ("tasks/", [{"task": "T01", "status": "done"}], {}),
    ],
)
def test_key_for_another_request_is_refused(api: Api, path: str, body: object, headers: dict[str, str]) -> None:
    new_task()
    new_task(key="T02")
    first = api.patch("tasks/T01/", DONE, Idempotency_Key="k1")
    assert api.patch(path, body, Idempotency_Key="k1", **headers) == Said(422, REUSED, {})
    assert api.patch("tasks/T01/", DONE, Idempotency_Key="k1") == first
    assert changes() == [("T01", "todo", "done")]


def test_list_is_repeated_whole(api: Api) -> None:
    new_task()
    new_task(key="T02", status="done")
    moves = [{"task": "T01", "status": "done"}, {"task": "T02", "status": "cancelled"}]
    first = api.patch("tasks/", moves, Idempotency_Key="k1")
    assert first.status == 200
    assert api.patch("tasks/", moves, Idempotency_Key="k1") == first
    back = [{"task": "T01", "status": "done"}, {"task": "T02", "status": "todo"}]
    first = api.patch("tasks/", back, Idempotency_Key="k2")
    assert first.status == 409
    assert api.patch("tasks/", back, Idempotency_Key="k2") == first
    assert StatusChange.objects.count() == 2


def test_keys_belong_to_their_token(api: Api) -> None:
    task = new_task()
    api.patch("tasks/T01/", DONE, Idempotency_Key="k1")
    assert new_api("other").patch("tasks/T01/", {"status": "cancelled"}, Idempotency_Key="k1") == Said(
        200, as_json(task, status="cancelled"), {}
    )


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
def test_key_that_is_none(api: Api, key: str) -> None:
    new_task()
    answer = api.patch("tasks/T01/", DONE, Idempotency_Key=key)
    assert (answer.status, [fault["where"] for fault in answer.json["errors"]]) == (422, ["Idempotency-Key"])
    assert changes() == []


def test_what_never_was_a_request_of_ours_is_not_kept(api: Api) -> None:
    new_task()
    assert api.patch("tasks/T01/", {"status": "finished"}, Idempotency_Key="k1").status == 422
    assert api.patch("tasks/T01/", "{", Idempotency_Key="k1").status == 400
    assert api.patch("tasks/T01/", DONE, Idempotency_Key="k1").status == 200


def test_old_answers_are_swept(api: Api) -> None:
    new_task()
    for key in ("k1", "k2"):
        api.patch("tasks/T01/", DONE, Idempotency_Key=key)
    IdempotencyRecord.objects.filter(key="k1").update(at=timezone.now() - timedelta(days=8))
    purge_expired()
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["k2"]
