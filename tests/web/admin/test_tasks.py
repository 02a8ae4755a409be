"""A task's page: its history, and the two moves with who may make them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from statehub.models import Source, StatusChange, Task, Workstream
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows

NEW = ("old", "new", "who", "source", "reopen", "reason")


def page(task: Task) -> str:
    return f"/admin/statehub/task/{task.pk}/change/"


def act(client: Client, task: Task, what: str, **data: str) -> str:
    """Post a status change; return the messages at the top of the page."""
    answer = client.post(f"/admin/statehub/task/{task.pk}/{what}/", data, follow=True)
    assert answer.redirect_chain == [(page(task), 302)]
    (message,) = answer.context["messages"]
    return str(message)


def newest(task: Task) -> tuple[object, ...]:
    change = task.changes.first()
    assert change is not None
    return tuple(getattr(change, name) for name in NEW)


def test_advance_is_recorded_with_the_user(rows: Rows, operator: Client) -> None:
    task = rows.repo()
    assert act(operator, task, "advance", status="done") == "WP-1-T01: in_progress → done"
    task.refresh_from_db()
    assert task.status == "done"
    assert newest(task) == ("in_progress", "done", "operator", Source.ADMIN, False, "")
    assert Workstream.objects.get().version == 2


def test_reopen_is_recorded_with_user_and_reason(rows: Rows, operator: Client) -> None:
    task = rows.repo()
    assert act(operator, task, "reopen", status="todo", reason=" not\0 yet ") == "WP-1-T01: in_progress → todo"
    assert newest(task) == ("in_progress", "todo", "operator", Source.ADMIN, True, "not\\x00 yet")
    html = body(operator, page(task))
    assert "reopened" in html
    assert "not\\x00 yet" in html


@pytest.mark.parametrize(
    ("what", "data", "words"),
    [
        ("advance", {"status": "todo"}, "would move it backwards"),
        ("advance", {"status": "<b>"}, "unknown status"),
        ("advance", {}, "unknown status"),
        ("reopen", {"status": "todo"}, "needs a reason"),
        ("reopen", {"status": "todo", "reason": "  "}, "needs a reason"),
        ("advance", {"status": "in_progress"}, "is in_progress already"),
    ],
)
def test_moves_that_do_not_happen(what: str, data: dict[str, str], words: str, rows: Rows, operator: Client) -> None:
    task = rows.repo()
    assert words in act(operator, task, what, **data)
    assert StatusChange.objects.count() == 1


@pytest.mark.parametrize("what", ["advance", "reopen"])
def test_viewer_neither_sees_nor_may(what: str, rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    assert viewer.post(f"/admin/statehub/task/{task.pk}/{what}/", {"status": "done", "reason": "x"}).status_code == 403
    assert f"/{what}/" not in body(viewer, page(task))


@pytest.mark.parametrize("what", ["advance", "reopen"])
def test_moves_are_posted(what: str, rows: Rows, operator: Client) -> None:
    assert operator.get(f"/admin/statehub/task/{rows.repo().pk}/{what}/").status_code == 405


def test_moves_need_the_csrf_token(rows: Rows, operator: Client) -> None:
    task = rows.repo()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(f"/admin/statehub/task/{task.pk}/advance/", {"status": "done"}).status_code == 403


def test_unknown_task_is_404(operator: Client) -> None:
    url = "/admin/statehub/task/00000000-0000-0000-0000-000000000000/advance/"
    assert operator.post(url, {"status": "done"}).status_code == 404


@pytest.mark.parametrize(
    ("status", "advance", "reopen"),
    [("todo", True, False), ("in_progress", True, True), ("done", True, True)],
)
def test_page_offers_the_moves_that_there_are(
    status: str, advance: bool, reopen: bool, rows: Rows, operator: Client
) -> None:
    task = rows.repo()
    Task.objects.update(status=status)
    html = body(operator, page(task))
    assert ("/advance/" in html, "/reopen/" in html) == (advance, reopen)


def test_task_that_never_moved_says_where_it_began(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    StatusChange.objects.all().delete()
    assert "Created in the hub as" in body(viewer, page(task))


def test_history_says_by_whom_and_from_where(rows: Rows, viewer: Client) -> None:
    html = body(viewer, page(rows.repo(title="anna")))
    for part in ("by anna (file)", "on elsewhere", "c" * 10):
        assert part in html


def test_long_history_is_cut_and_says_so(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    changes = [StatusChange(task=task, old="todo", new="todo", source="api") for _ in range(205)]
    StatusChange.objects.bulk_create(changes)
    assert "Only the newest 200 changes are shown." in body(viewer, page(task))


def test_page_says_who_has_the_task_and_what_it_depends_on(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    html = body(viewer, page(task))
    assert [name in html for name in ("Owner", "Who has it", "Depends on")] == [True, False, False]
    Task.objects.update(owner="ben", taken_by="ada", taken_at=START, depends="WP-1-T02\nother/T1")
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", body(viewer, page(task)), re.DOTALL)
    found = {name: re.sub(r"<[^>]*>", "", value) for name, value in facts}
    wanted = {"Owner": "ben", "Who has it": "ada since 2026-03-01 12:00", "Depends on": "WP-1-T02, other/T1"}
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("model", ["task", "workstream"])
def test_only_delete_permission_deletes(model: str, rows: Rows, client_of: Callable[[str], Client]) -> None:
    task = rows.repo()
    pk = task.pk if model == "task" else task.workstream_id
    url = f"/admin/statehub/{model}/{pk}/delete/"
    assert client_of("operator").post(url, {"post": "yes"}).status_code == 403
    superuser = client_of("super")
    assert url in body(superuser, url.replace("delete", "change"))
    assert superuser.post(url, {"post": "yes"}).status_code == 302
    assert not Task.objects.exists()


def test_deleted_task_is_new_to_the_next_run(rows: Rows, client_of: Callable[[str], Client]) -> None:
    task = rows.repo()
    superuser = client_of("super")
    superuser.post(f"/admin/statehub/task/{task.pk}/delete/", {"post": "yes"})
    assert (Task.objects.count(), Workstream.objects.get().version) == (0, 2)


def test_workstream_page_links_its_tasks(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    html = body(viewer, f"/admin/statehub/workstream/{task.workstream_id}/change/")
    assert page(task) in html
    assert "Tasks by status" in html


def test_workstream_without_tasks(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    Task.objects.all().delete()
    assert "0 / 0" in body(viewer, "/admin/statehub/workstream/")
    assert "Tasks by status" not in body(viewer, f"/admin/statehub/workstream/{task.workstream_id}/change/")
