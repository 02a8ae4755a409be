"""A report of the status of a task without a file gets an answer that says so."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consistency.db.fileless import find_tasks_without_file
from consistency.models import Finding
from statehub.models import Task
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, edit, fix, mirrored, publish, run, statuses
from tests.web.api.helpers import new_api

pytestmark = pytest.mark.usefixtures("hub")

T01, T02, OTHER = "WP-1-T01", "WP-1-T02", "WP-2-T01"
FILES = {FILE: TEXT, "workplans/b.md": workplan("WP-2", [("T01", "todo")])}
BLOCK = TEXT[TEXT.index("### Task WP-1-T02") :]


def said(task: str, why: str) -> str:
    return f"the hub has the status of task '{task}', but no file will say it: {why}"


def today() -> str:
    return f"{timezone.now():%Y-%m-%d}"


def plan_is_gone(clone: Clone) -> str:
    mirrored(clone, FILES)
    (clone.path / FILE).unlink()
    publish(clone)
    fix("clone")
    return f"its workplan 'WP-1' is gone from test-host:{clone.path} (C-08 since {today()})"


def found(*keys: str) -> dict[str, str]:
    tasks = list(Task.objects.select_related("workstream__repo").filter(key__in=keys))
    names = {task.pk: task.key for task in tasks}
    return {names[pk]: words for pk, words in find_tasks_without_file(tasks).items()}


def test_workplan_that_is_gone(clone: Clone) -> None:
    why = plan_is_gone(clone)
    assert found(T01, T02, OTHER) == {T01: said(T01, why), T02: said(T02, why)}


def test_block_that_is_gone(clone: Clone) -> None:
    mirrored(clone, FILES)
    edit(clone, BLOCK, "")
    fix("clone")
    why = f"its block is gone from its workplan in test-host:{clone.path} (C-10 since {today()})"
    assert found(T01, T02, OTHER) == {T02: said(T02, why)}


def test_workplan_that_is_gone_and_no_finding_stands(clone: Clone) -> None:
    plan_is_gone(clone)
    Finding.objects.all().delete()
    why = f"its workplan 'WP-1' ({FILE}) is no longer in any checkout"
    assert found(T01, T02, OTHER) == {T01: said(T01, why), T02: said(T02, why)}


def test_file_that_is_back(clone: Clone) -> None:
    plan_is_gone(clone)
    clone.write(FILE, TEXT)
    publish(clone)
    assert fix("clone").exit == 0
    assert found(T01, T02, OTHER) == {}


def test_other_checkout_that_still_has_the_file(origin: Origin, clone: Clone) -> None:
    mirrored(clone, FILES)
    other = origin.clone("other")
    fix("--path", other.path)
    (clone.path / FILE).unlink()
    publish(clone)
    fix("--path", clone.path)
    assert set(found(T01)) == {T01}
    Finding.objects.all().delete()
    assert found(T01) == {}


def test_task_of_the_same_id_in_another_repo(new_origin: Callable[[str], Origin], clone: Clone) -> None:
    other = new_origin("other").clone("other")
    mirrored(other, FILES)
    plan_is_gone(clone)
    tasks = Task.objects.select_related("workstream__repo").filter(key=T01)
    without = find_tasks_without_file(list(tasks))
    assert [task.workstream.repo.slug for task in tasks if task.pk in without] == ["clone"]


def test_two_queries_for_any_number(clone: Clone) -> None:
    plan_is_gone(clone)
    tasks = list(Task.objects.select_related("workstream__repo"))
    for some in (tasks[:1], tasks):
        with CaptureQueriesContext(connection) as queries:
            find_tasks_without_file(some)
        assert len(queries) <= 2
    with CaptureQueriesContext(connection) as queries:
        assert find_tasks_without_file([]) == {}
    assert len(queries) == 0


def test_commands_say_it_on_stderr_and_do_it(clone: Clone) -> None:
    words = said(T01, plan_is_gone(clone)) + "\n"
    assert run("set_task_status", T01, "done") == Ended(0, f"{T01}: todo → done\n", words)
    assert run("set_task_status", T01, "done") == Ended(0, f"{T01}: is done already\n", words)
    assert run("reopen_task", T01, "todo", "--reason", "again") == Ended(0, f"{T01}: done → todo\n", words)
    assert run("set_task_status", OTHER, "done") == Ended(0, f"{OTHER}: todo → done\n", "")
    assert statuses() == {T01: "todo", T02: "in_progress", OTHER: "done"}


def test_api_says_it_in_a_field_of_its_own(clone: Clone) -> None:
    words, api = said(T01, plan_is_gone(clone)), new_api()
    answer = api.patch(f"tasks/{T01}/", {"status": "done"}, Idempotency_Key="k")
    assert (answer.status, answer.json["status"], answer.json["warning"]) == (200, "done", words)
    assert api.patch(f"tasks/{T01}/", {"status": "done"}, Idempotency_Key="k").json == answer.json
    both = api.patch("tasks/", [{"task": T01, "status": "cancelled"}, {"task": OTHER, "status": "done"}])
    assert (both.status, [each.get("warning") for each in both.json]) == (200, [words, None])
    assert "warning" not in both.json[1]
    assert "warning" not in api.get(f"tasks/{T01}/").json


def test_document_of_the_api_has_the_field() -> None:
    document = json.loads(Client().get("/api/openapi.json").content)
    schemas = document["components"]["schemas"]
    assert schemas["ReportedTask"]["properties"].keys() - schemas["Task"]["properties"].keys() == {"warning"}
    assert "warning" not in schemas["ReportedTask"]["required"]


def test_admin_says_it_with_the_move(clone: Clone) -> None:
    words = said(T01, plan_is_gone(clone))
    user = get_user_model().objects.create_superuser("anna")
    client = Client()
    client.force_login(user)
    task = Task.objects.get(key=T01)
    page = client.post(f"/admin/statehub/task/{task.pk}/advance/", {"status": "done"}, follow=True)
    assert [(each.level_tag, each.message) for each in page.context["messages"]] == [
        ("success", f"{T01}: todo → done"), ("warning", words),
    ]  # fmt: skip
