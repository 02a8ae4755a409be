"""Many reports at once: all or nothing."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from statehub.models import Checkout, StatusChange, Task, Workstream
from tests.web.api.helpers import Api, Said, as_json, changes, new_task


def faults(answer: Said) -> list[tuple[str, int, str]]:
    return [(fault["where"], fault["status"], fault["detail"]) for fault in answer.json["errors"]]


def test_all_are_moved_and_answered_in_order(api: Api) -> None:
    one, two, three = (
        new_task("net", "T01"),
        new_task("net", "T02", "done"),
        new_task("other", "T03", workstream="WP-2"),
    )
    answer = api.patch(
        "tasks/",
        [
            {"task": "net/T02", "status": "todo", "reopen": True, "reason": "again ", "host": "laptop-2"},
            {"task": str(three.pk).upper(), "status": "done", "commit": "c0ffee1"},
            {"task": "T01", "status": "todo"},
        ],
    )
    assert answer == Said(200, [as_json(two, status="todo"), as_json(three, status="done"), as_json(one)], {})
    rows = StatusChange.objects.order_by("pk").values_list(
        "task__key", "old", "new", "who", "source", "host", "commit", "reopen", "reason"
    )
    assert list(rows) == [
        ("T02", "done", "todo", "laptop", "api", "laptop-2", "", True, "again"),
        ("T03", "todo", "done", "laptop", "api", "", "c0ffee1", False, ""),
    ]
    assert list(Workstream.objects.order_by("key").values_list("key", "version")) == [("WP-1", 2), ("WP-2", 2)]


def test_one_regress_stops_all(api: Api) -> None:
    new_task("net", "T01")
    new_task("net", "T02", "done")
    new_task("net", "T03", "cancelled")
    moves = [{"task": key, "status": "in_progress"} for key in ("T01", "T02", "T03")]
    answer = api.patch("tasks/", moves)
    back = '; in_progress would move it backwards; to do that deliberately send "reopen": true and a "reason"'
    assert (answer.status, answer.json["type"]) == (409, "/api/problems/#would-regress")
    assert answer.json["detail"] == f"/1/status: task 'T02' is done{back} (and 1 more); nothing was changed"
    assert faults(answer) == [
        ("/1/status", 409, f"task 'T02' is done{back}"), ("/2/status", 409, f"task 'T03' is cancelled{back}"),
    ]  # fmt: skip
    assert (changes(), Task.objects.get(key="T01").status, Workstream.objects.get().version) == ([], "todo", 1)


def test_one_that_moved_on_stops_all(api: Api) -> None:
    one, two = new_task("net", "T01"), new_task("net", "T02")
    version = as_json(one)["version"]
    known = {"task": "T01", "status": "done", "version": version}
    answer = api.patch("tasks/", [known, {"task": "T02", "status": "done", "version": version}])
    said = f"task 'T02' is todo now (version {as_json(two)['version']})"
    assert (answer.status, faults(answer), changes()) == (412, [("/1/version", 412, said)], [])
    assert api.patch("tasks/", [known]) == Said(200, [as_json(one, status="done")], {})


def test_names_that_are_none_stop_all(api: Api) -> None:
    one, two = new_task("net", "T01"), new_task("net", "T02")
    other = new_task("other", "T02", workstream="WP-2")
    several = f"net/T02 ({two.pk}), other/T02 ({other.pk})"
    names = ["T01", "T02", "net/T01", "nowhere/T01", "00000000-0000-0000-0000-000000000000", f"{one.pk}", "other/T02"]
    answer = api.patch("tasks/", [{"task": name, "status": "done"} for name in names])
    assert (answer.status, faults(answer), changes()) == (
        404,
        [
            ("/1/task", 404, f"'T02' names more than one task: {several}; give SLUG/ID or the UUID"),
            ("/2/task", 422, "the same task as in /0"),
            ("/3/task", 404, "no task 'nowhere/T01' in the hub"),
            ("/4/task", 404, "no task '00000000-0000-0000-0000-000000000000' in the hub"),
            ("/5/task", 422, "the same task as in /0"),
        ],
        [],
    )


def test_reopen_whose_reason_is_blank_to_the_hub_stops_all(api: Api) -> None:
    new_task("net", "T01")
    new_task("net", "T02", "done")
    reopen = {"task": "T02", "status": "todo", "reopen": True, "reason": "\x1c"}
    answer = api.patch("tasks/", [{"task": "T01", "status": "done"}, reopen])
    assert (answer.status, faults(answer), changes()) == (422, [("/1/reason", 422, "a reopen needs a reason")], [])
    assert answer.json["detail"] == "/1/reason: a reopen needs a reason; nothing was changed"


@pytest.mark.parametrize(
    ("body", "where", "detail"),
    [
        ([], "", "List should have at least 1 item after validation, not 0"),
        ([{"task": "T01", "status": "done"}] * 501, "", "List should have at most 500 items after validation, not 501"),
        ({"task": "T01", "status": "done"}, "", "must be an array"),
        ([{"status": "done"}], "/0/task", "is required"),
        ([{"task": "T01", "status": "done"}, 1], "/1", "must be an object"),
        ([{"task": "T01", "status": "done", "x/~": 1}], "/0/x~1~0", "unknown field"),
    ],
)
def test_invalid_list_is_refused(api: Api, body: object, where: str, detail: str) -> None:
    new_task()
    answer = api.patch("tasks/", body)
    found = [(fault["where"], fault["detail"]) for fault in answer.json["errors"]]
    assert (answer.status, found, changes()) == (422, [(where, detail)], [])


def test_reopens_keep_what_the_hub_had_taken(api: Api) -> None:
    one, two = new_task("net", "T01", "done"), new_task("other", "T02", "done", workstream="WP-2")
    for task, head in ((one, "h1"), (two, "h2")):
        Checkout.objects.create(repo=task.workstream.repo, host="a", path=f"/{head}", head=head, tip="t")
    new_task("net", "T03")
    again = {"status": "todo", "reopen": True, "reason": "again"}
    moves = [{"task": "T01", **again}, {"task": "T02", **again}, {"task": "T03", "status": "done"}]
    assert api.patch("tasks/", moves).status == 200
    rows = StatusChange.objects.order_by("task__key").values_list("task__key", "known_heads")
    assert list(rows) == [("T01", ["h1", "t"]), ("T02", ["h2", "t"]), ("T03", [])]


def test_500_take_as_many_queries_as_2(api: Api) -> None:
    tasks = [new_task(f"repo-{number % 5}", f"T{number:03}", workstream=f"WP-{number % 5}") for number in range(502)]
    api.get("tasks/?limit=1")  # stamps the token
    counts = []
    for some in (tasks[:2], tasks[2:]):
        with CaptureQueriesContext(connection) as queries:
            assert api.patch("tasks/", [{"task": task.key, "status": "done"} for task in some]).status == 200
        inserts = sum("INSERT" in query["sql"] for query in queries)
        counts.append(len(queries) - inserts)  # SQLite takes a limited number of values in one INSERT
    assert counts[0] == counts[1]
    assert set(Task.objects.values_list("status", flat=True)) == {"done"}
    assert StatusChange.objects.count() == 502
