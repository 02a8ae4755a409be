"""A workplan's page: progress, who has what, what is next, and an address that can be sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from statehub.models import Repo, StatusChange, Task, WorkstreamMove
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import START, Rows
from web.board import workplan

PAGE = "/admin/workplan/repo-001/WP-1/"


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def section(html: str, title: str) -> str:
    found = re.search(rf"<h2>{re.escape(title)}</h2>(.*?)</section>", html, re.DOTALL)
    assert found is not None
    return found[1]


def facts(html: str) -> dict[str, str]:
    rows = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", section(html, "Now"), re.DOTALL)
    return {name: plain(value) for name, value in rows}


def table(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", section(html, "Tasks, in the order of the file"), re.DOTALL)
    return [[plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


@pytest.fixture
def task(rows: Rows) -> Task:
    """A task in a workplan with seven others."""
    task = rows.repo(title="First")
    tasks: tuple[tuple[str, dict[str, object]], ...] = (
        ("T02", {"status": "blocked", "taken_by": "ben", "taken_at": START + timedelta(days=1)}),
        ("T03", {"status": "todo", "priority": "low"}),
        ("T04", {"status": "todo", "priority": "high", "depends": "WP-1-T01"}),
        ("T05", {"status": "todo", "priority": "high", "owner": "cleo"}),
        ("T06", {"status": "todo"}),
        ("T07", {"status": "todo", "depends": "WP-1-T08"}),
        ("T08", {"status": "done"}),
    )
    for position, (key, fields) in enumerate(tasks, 1):
        values = {"title": f"Title of {key}", "status_changed_at": START, "position": position, **fields}
        Task.objects.create(workstream=task.workstream, key=f"WP-1-{key}", **values)
    Task.objects.filter(pk=task.pk).update(taken_by="ada", taken_at=START)
    return task


def test_now(task: Task, viewer: Client) -> None:
    assert facts(body(viewer, PAGE)) == {
        "Finished": "1 / 8",
        "Owner": "First",
        "In progress": "First – ada since 1 Mar",
        "Blocked": "Title of T02 – ben since 2 Mar",
        "Next": "Title of T05 high Title of T06 medium Title of T07 medium",
        "See also": "board · activity",
    }


def test_tasks_in_the_order_of_the_file(task: Task, viewer: Client) -> None:
    assert table(body(viewer, PAGE)) == [
        ["Task", "Status", "Priority", "Owner", "Who has it", "Waits for", "Status since"],
        ["First WP-1-T01", "in progress", "medium", "–", "ada", "–", "1 Mar"],
        ["Title of T02 WP-1-T02", "blocked", "medium", "–", "ben", "–", "1 Mar"],
        ["Title of T03 WP-1-T03", "todo", "low", "–", "–", "–", "1 Mar"],
        ["Title of T04 WP-1-T04", "todo", "high", "–", "–", "WP-1-T01", "1 Mar"],
        ["Title of T05 WP-1-T05", "todo", "high", "cleo", "–", "–", "1 Mar"],
        ["Title of T06 WP-1-T06", "todo", "medium", "–", "–", "–", "1 Mar"],
        ["Title of T07 WP-1-T07", "todo", "medium", "–", "–", "–", "1 Mar"],
        ["Title of T08 WP-1-T08", "done", "medium", "–", "–", "–", "1 Mar"],
    ]


def test_columns_without_values_are_left_out(rows: Rows, viewer: Client) -> None:
    rows.repo()
    assert table(body(viewer, PAGE))[0] == ["Task", "Status", "Priority", "Status since"]


def test_page_of_the_admin_is_the_same(task: Task, viewer: Client) -> None:
    other = body(viewer, f"/admin/statehub/workstream/{task.workstream_id}/change/")
    page = body(viewer, PAGE)
    assert (facts(page), table(page)) == (facts(other), table(other))
    assert "Tasks by status" in page


def test_links_to_board_and_activity(task: Task, viewer: Client) -> None:
    html = body(viewer, PAGE)
    for name in ("board", "activity"):
        assert f'href="/admin/{name}/?repo=repo-001&amp;workplan=WP-1"' in html


def test_what_moved_lately(task: Task, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplan, "CHANGES_SHOWN", 2)
    html = section(body(viewer, PAGE), "Moved lately (UTC)")
    assert plain(html) == "2026-03-01 12:00:00 todo → in progress First by First"
    other = Task.objects.get(key="WP-1-T02")
    for number in range(2):
        StatusChange.objects.create(
            task=other, old="todo", new="blocked", source="api", at=START + timedelta(hours=number + 1)
        )
    html = section(body(viewer, PAGE), "Moved lately (UTC)")
    assert plain(html) == (
        "2026-03-01 14:00:00 todo → blocked Title of T02 2026-03-01 13:00:00 todo → blocked Title of T02 all moves"
    )


def test_workplan_without_tasks_and_moves(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Task.objects.all().delete()
    html = body(viewer, PAGE)
    assert facts(html) == {"Finished": "0 / 0", "Owner": "A task", "See also": "board · activity"}
    assert "Moved lately" not in html


def test_many_tasks_are_cut(rows: Rows, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplan, "TASKS_SHOWN", 3)
    task = rows.repo()
    for number in range(4):
        Task.objects.create(workstream=task.workstream, key=f"X{number}", title="", status="todo")
    html = body(viewer, PAGE)
    assert len(table(html)) == 1 + 3
    assert "3 of 5 – show all" in plain(html)


def test_same_number_of_queries_for_any_number_of_tasks(task: Task, viewer: Client) -> None:
    many = queries(viewer, PAGE)
    Task.objects.exclude(key__in=("WP-1-T01", "WP-1-T04")).delete()
    assert queries(viewer, PAGE) == many


def test_workplan_that_has_moved_leads_to_its_repo(task: Task, viewer: Client) -> None:
    workstream, old = task.workstream, task.workstream.repo
    workstream.repo = Repo.objects.create(slug="new-home")
    workstream.save()
    WorkstreamMove.objects.create(workstream=workstream, from_repo=old, from_slug=old.slug, to_repo=workstream.repo)
    answer = viewer.get(PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/workplan/new-home/WP-1/")
    assert facts(body(viewer, "/admin/workplan/new-home/WP-1/"))["Finished"] == "1 / 8"


@pytest.mark.parametrize("address", ["none/WP-1/", "repo-001/none/", "repo-001/%00/", "a%00/b/"])
def test_unknown_workplan(address: str, task: Task, viewer: Client) -> None:
    assert viewer.get(f"/admin/workplan/{address}").status_code == 404


def test_names_with_unusual_characters(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    task.workstream.key = "Ä #?%2F&"
    task.workstream.save()
    (url,) = set(re.findall(r'href="(/admin/workplan/.*?)"', body(viewer, "/admin/board/")))
    assert "Task" in table(body(viewer, unescape(url)))[0]


def test_who_may_see(task: Task, viewer: Client, client_of: Callable[[str], Client]) -> None:
    assert client_of("nobody").get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405
