"""Reports of one task's status: forward, equal, back, reopened, by version."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from statehub.models import StatusChange, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress
from tests.web.api.helpers import Api, Said, as_json, changes, new_api, new_task, problem

STEP_BACK = '; {} would move it backwards; to do that deliberately send "reopen": true and a "reason"'


@pytest.mark.parametrize(("old", "new"), list(itertools.product(TASK_STATUSES, repeat=2)))
def test_every_move_but_a_regress_is_taken(api: Api, old: str, new: str) -> None:
    task = new_task(status=old)
    answer = api.patch("tasks/T01/", {"status": new})
    if is_regress(old, new):
        onward = [status for status in TASK_STATUSES if not is_regress(old, status)]
        said = f"task 'T01' is {old}" + STEP_BACK.format(new)
        expected = problem(
            "would-regress", 409, "The status would go backwards", said, allowed=onward, task=as_json(task)
        )
        assert answer == Said(409, expected, {})
    else:
        assert answer == Said(200, as_json(task, status=new), {})
    assert answer.headers["ETag"] == f'"{as_json(task)["version"]}"'
    moved = old != new and not is_regress(old, new)
    assert changes() == ([("T01", old, new)] if moved else [])


@pytest.mark.parametrize("name", ["T01", "net/T01", "uuid"])
def test_report_leaves_a_whole_record(api: Api, name: str) -> None:
    task = new_task()
    ref = str(task.pk) if name == "uuid" else name
    body = {"status": "done", "host": "laptop-2", "commit": "c0ffee1"}
    assert api.patch(f"tasks/{ref}/", body) == Said(200, as_json(task, status="done"), {})
    change, at = StatusChange.objects.values().get(), Task.objects.get().status_changed_at
    assert change == {
        "id": change["id"], "task_id": task.pk, "old": "todo", "new": "done", "at": at,
        "who": "laptop", "source": "api", "host": "laptop-2", "commit": "c0ffee1", "authored": None, "digest": "",
        "known_heads": [], "reopen": False, "reason": "",
    }  # fmt: skip
    assert Workstream.objects.get().version == 2


def test_id_with_slashes_is_percent_decoded(api: Api) -> None:
    task = new_task(key="a/b c")
    for path in ("tasks/a/b%20c/", "tasks/a%2Fb%20c/", "tasks/net%2Fa%2Fb%20c/"):
        assert api.get(path).json == as_json(task)


def test_reopen_goes_back_with_a_reason(api: Api) -> None:
    task = new_task(status="done")
    answer = api.patch("tasks/T01/", {"status": "todo", "reopen": True, "reason": " half is missing "})
    assert answer == Said(200, as_json(task, status="todo"), {})
    assert StatusChange.objects.values_list("old", "new", "reopen", "reason").get() == (
        "done", "todo", True, "half is missing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "where", "detail", "allowed"),
    [
        ({}, "/status", "is required", None),
        ({"status": "finished"}, "/status", "Input should be 'todo', 'in_progress', 'blocked', 'done' or 'cancelled'",
         list(TASK_STATUSES)),
        ({"status": "done", "priority": "high"}, "/priority", "unknown field", ["status", "reopen", "host", "commit"]),
        ({"status": "todo", "reason": "so"}, "/reason", 'a reason goes only with "reopen": true',
         ["status", "reopen", "host", "commit"]),
        ({"status": "todo", "reopen": True}, "/reason", "is required", None),
        ({"status": "todo", "reopen": True, "reason": " \n"}, "/reason", "must not be blank or contain NUL", None),
        ({"status": "todo", "reopen": True, "reason": "\x1c"}, "/reason", "a reopen needs a reason", None),
        ({"status": "done", "reopen": "yes"}, "/reopen", "Input should be False", None),
        ({"status": "done", "host": "a\0"}, "/host", "must not contain NUL", None),
        ({"status": "done", "host": "\ud800"}, "/host", "is not valid text: it contains an unpaired surrogate", None),
        ({"status": "done", "commit": "HEAD"}, "/commit", "must match ^[0-9a-f]{7,64}$", None),
        ([], "", "must be an object", None),
        (5, "", "must be an object", None),
        (None, "", "must be an object", None),
    ],
)  # fmt: skip
def test_invalid_body_is_refused(api: Api, body: Any, where: str, detail: str, allowed: list[str] | None) -> None:
    new_task(status="done")
    fault = {"in": "body", "where": where, "detail": detail} | ({"allowed": allowed} if allowed else {})
    answer = api.patch("tasks/T01/", body)
    assert (answer.status, answer.json["errors"]) == (422, [fault])
    assert changes() == []


class TestIfMatch:
    @pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"other", "{}"', "*"])
    def test_known_version_passes(self, api: Api, form: str) -> None:
        task = new_task()
        answer = api.patch("tasks/T01/", {"status": "done"}, If_Match=form.format(as_json(task)["version"]))
        assert answer == Said(200, as_json(task, status="done"), {})

    @pytest.mark.parametrize("header", ['"other"', "other", "", '"', "1"])
    def test_other_version_is_refused_with_the_task(self, api: Api, header: str) -> None:
        task = new_task()
        version = as_json(task)["version"]
        said = f"task 'T01' is todo now (version {version})"
        answer = api.patch("tasks/T01/", {"status": "done"}, If_Match=header)
        assert answer == Said(
            412, problem("moved-on", 412, "The task has changed since that version", said, task=as_json(task)), {}
        )
        assert (answer.headers["ETag"], changes()) == (f'"{version}"', [])

    def test_version_differs_after_there_and_back(self, api: Api) -> None:
        new_task()
        before = api.get("tasks/T01/").headers["ETag"]
        api.patch("tasks/T01/", {"status": "done"})
        api.patch("tasks/T01/", {"status": "todo", "reopen": True, "reason": "so"})
        assert api.patch("tasks/T01/", {"status": "done"}, If_Match=before).status == 412

    def test_a_siblings_move_is_none(self, api: Api) -> None:
        new_task()
        new_task(key="T02")
        before = api.get("tasks/T01/").headers["ETag"]
        api.patch("tasks/T02/", {"status": "done"})
        assert api.patch("tasks/T01/", {"status": "done"}, If_Match=before).status == 200


def test_unknown_task(api: Api) -> None:
    said = "no task 'T09' in the hub"
    expected = problem("unknown-task", 404, "Task not found or ambiguous", said)
    assert api.patch("tasks/T09/", {"status": "done"}) == Said(404, expected, {})


def test_read_only_token_may_not_report(db: None) -> None:
    new_task()
    reader = new_api("reader", read_only=True)
    expected = problem("read-only", 403, "The token may only read", "the token 'reader' has read-only access")
    assert reader.patch("tasks/T01/", {"status": "done"}) == Said(403, expected, {})
    assert reader.patch("tasks/", [{"task": "T01", "status": "done"}]) == Said(403, expected, {})
    assert reader.get("tasks/T01/").status == 200
    assert changes() == []
