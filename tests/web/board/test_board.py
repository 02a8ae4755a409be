"""The board: its columns and cards, its filters, and the moves that lead back to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from statehub.models import StatusChange, Task
from statehub.statuses import TASK_STATUSES
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, Rows
from web.board import board

PAGE = "/admin/board/"


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def column(html: str, status: str) -> str:
    """The column of *status*, as HTML."""
    found = re.search(rf'<section class="sb-column sb-{status} .*?</section>', html, re.DOTALL)
    assert found is not None
    return found[0]


def titles(html: str) -> list[str]:
    return [plain(title) for title in re.findall(r"<h3>(.*?)</h3>", html, re.DOTALL)]


def columns(client: Client, query: str = "") -> dict[str, list[str]]:
    """The titles of the cards by column, without empty columns."""
    html = body(client, PAGE + query)
    if "sb-board" not in html:
        return {}
    found = {status: titles(column(html, status)) for status in TASK_STATUSES}
    return {status: cards for status, cards in found.items() if cards}


def number(html: str, status: str) -> str:
    found = re.search(r"<h2.*?</h2>", column(html, status), re.DOTALL)
    assert found is not None
    return plain(found[0])


def new_tasks(task: Task, number: int, **fields: object) -> list[Task]:
    """Tasks in the workplan of *task*, called `extra 0`, `extra 1` and so on."""
    return Task.objects.bulk_create(
        Task(
            **{
                "workstream": task.workstream,
                "key": f"X-{each:04}",
                "title": f"extra {each}",
                "position": each,
                **fields,
            }
        )
        for each in range(number)
    )


@pytest.fixture
def five(rows: Rows) -> list[Task]:
    """A task of each status, each in a repo of its own."""
    tasks = [rows.repo(title=f"is {status}") for status in TASK_STATUSES]
    for task, status in zip(tasks, TASK_STATUSES, strict=True):
        Task.objects.filter(pk=task.pk).update(status=status)
    return tasks


def test_columns_by_status(five: list[Task], viewer: Client) -> None:
    assert columns(viewer) == {status: [f"is {status}"] for status in TASK_STATUSES}
    html = body(viewer, PAGE)
    names = ["To do 1 tasks", "In progress 1 tasks", "Blocked 1 tasks", "Done 1 tasks", "Cancelled 1 tasks"]
    assert [number(html, status) for status in TASK_STATUSES] == names


def test_todo_is_in_the_order_of_what_is_next_and_says_what_it_waits_for(rows: Rows, viewer: Client) -> None:
    first = rows.repo(title="being done")
    new_tasks(first, 4, status="todo")
    Task.objects.filter(key="X-0002").update(priority="critical", depends=f"X-0001\n{first.key}")
    Task.objects.filter(key="X-0003").update(priority="high", depends="nowhere/T1\na\nb\nc\nd")
    html = column(body(viewer, PAGE), "todo")
    assert titles(html) == ["extra 2", "extra 3", "extra 0", "extra 1"]
    waits = [plain(line) for line in re.findall(r'<p class="sb-line sb-waits">(.*?)</p>', html)]
    assert waits == [f"waits for X-0001 , {first.key}", "waits for nowhere/T1 , a , b and 2 more"]


def test_other_columns_begin_with_the_task_that_moved_last(rows: Rows, viewer: Client) -> None:
    now = timezone.now()
    for task in new_tasks(rows.repo(), 3, status="done"):
        Task.objects.filter(pk=task.pk).update(status_changed_at=now - timedelta(hours=task.position))
    assert columns(viewer)["done"] == ["extra 0", "extra 1", "extra 2"]


def test_card_says_who_has_the_task_and_since_when(rows: Rows, viewer: Client) -> None:
    task = rows.repo(title="Send the receipt")
    taken_at = datetime(2025, 11, 3, 14, 5, tzinfo=UTC)
    Task.objects.update(taken_by="ada", taken_at=taken_at, owner="ben", priority="high")
    text = plain(column(body(viewer, PAGE), "in_progress"))
    assert text == (
        "In progress 1 tasks Send the receipt WP-1-T01 high repo-001 · WP-1 owner: ben ada since 3 Nov 2025"
    )
    html = body(viewer, PAGE)
    assert f"/admin/statehub/task/{task.pk}/change/" in html
    assert 'href="/admin/workplan/repo-001/WP-1/"' in html
    assert 'title="2025-11-03 14:05:00 UTC"' in html


def test_owner_who_has_the_task_is_named_once(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Task.objects.update(taken_by="ada", owner="ada")
    assert "owner:" not in plain(column(body(viewer, PAGE), "in_progress"))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?repo=repo-001", ["one"]),
        ("?workplan=WP-3", ["two"]),
        ("?repo=repo-001&workplan=WP-3", []),
        ("?owner=ada", ["one", "two"]),
        ("?taken_by=ben", ["two"]),
        ("?priority=high", ["one"]),
        ("?priority=high&owner=ada&taken_by=&repo=", ["one"]),
        ("?priority=urgent", []),
        ("?repo=%00%0a%ed%a0%80", []),
        ("?owner=" + "a" * 3000, []),
    ],
)
def test_filters(query: str, wanted: list[str], rows: Rows, viewer: Client) -> None:
    one, two, _ = rows.repo(title="one"), rows.repo(title="two"), rows.repo(title="three")
    Task.objects.filter(pk__in=(one.pk, two.pk)).update(owner="ada")
    Task.objects.filter(pk=one.pk).update(priority="high")
    Task.objects.filter(pk=two.pk).update(taken_by="ben")
    assert sorted(columns(viewer, query).get("in_progress", [])) == wanted


def test_form_keeps_the_filters_and_suggests(rows: Rows, viewer: Client) -> None:
    rows.repo(title="Receipts")
    Task.objects.update(owner="ada", taken_by="ben")
    html = body(viewer, f"{PAGE}?repo=repo-001&priority=high&owner=%22%3E%3Cb%3E")
    assert 'name="repo" value="repo-001"' in html
    assert 'name="owner" value="&quot;&gt;&lt;b&gt;"' in html
    assert '<option value="high" selected>' in html
    assert '<option value="WP-1">Plan: Receipts</option>' in html
    assert 'href="/admin/board/"' in html
    html = body(viewer, PAGE)
    assert '<option value="ada"></option><option value="ben"></option>' in html
    assert 'href="/admin/board/?taken_by=viewer"' in html


def test_nothing_matches(rows: Rows, viewer: Client) -> None:
    rows.repo()
    html = body(viewer, f"{PAGE}?repo=none")
    assert "No task matches these filters." in html
    assert "sb-column" not in html


def test_empty_hub_says_where_tasks_come_from(viewer: Client) -> None:
    assert "run: manage.py fix_consistency --all" in body(viewer, PAGE)


def test_long_column_is_cut_and_leads_to_the_list(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    new_tasks(task, 25, status="done")
    html = column(body(viewer, PAGE), "done")
    assert len(titles(html)) == board.FINISHED_LIMIT == 10
    assert plain(html).startswith("Done 25 tasks")
    assert "15 not shown – the whole list of tasks: Done" in plain(html)
    assert 'href="/admin/statehub/task/?status=done"' in html
    query = "?repo=repo-001&workplan=WP-1"
    html = column(body(viewer, PAGE + query), "done")
    url = f"/admin/statehub/task/?workstream__id__exact={task.workstream_id}&amp;status=done"
    assert f'href="{url}"' in html
    assert body(viewer, url.replace("&amp;", "&")).count('class="data-row') == 25


@pytest.mark.parametrize(
    "query", ["?repo=repo-001", "?owner=ada&priority=high&taken_by=ben", "?repo=repo-001&owner=ada"]
)
def test_list_of_a_column_has_the_same_tasks(query: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    new_tasks(rows.repo(), 5, status="blocked")
    task = Task.objects.get(key="WP-1-T01")
    fields = {"owner": "ada", "priority": "high", "taken_by": "ben", "status": "blocked"}
    Task.objects.bulk_create(Task(workstream=task.workstream, key=f"Y{each}", title="", **fields) for each in range(30))
    html = column(body(viewer, PAGE + query), "blocked")
    (url,) = re.findall(r'class="sb-rest">.*?href="(.*?)"', html)
    assert body(viewer, url.replace("&amp;", "&")).count('class="data-row') == 30


def test_column_of_a_workplan_id_that_two_repos_have_leads_nowhere(rows: Rows, viewer: Client) -> None:
    for task in (rows.repo(), rows.repo()):
        new_tasks(task, 12, status="done")
        task.workstream.key = "SAME"
        task.workstream.save()
    html = column(body(viewer, f"{PAGE}?workplan=SAME"), "done")
    assert "14 not shown" in plain(html)
    assert "statehub/task/?" not in html


def test_large_column_is_not_counted_to_its_end(rows: Rows, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "COUNT_LIMIT", 20)
    new_tasks(rows.repo(), 21, status="done")
    html = column(body(viewer, PAGE), "done")
    assert plain(html).startswith("Done more than 20 tasks")
    assert "more than 10 not shown" in html


def test_same_number_of_queries_for_any_number_of_tasks(rows: Rows, operator: Client) -> None:
    task = rows.repo()
    Task.objects.update(depends="X-0000")
    new_tasks(task, 1, status="todo", depends=task.key)
    one = queries(operator, PAGE)
    for each in range(9):
        rows.repo(title=f"{each}")
    Task.objects.exclude(key="X-0000").update(status="todo", depends="X-0000")
    assert queries(operator, PAGE) == one <= 13


def test_names_of_people_are_looked_up_once(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Task.objects.update(owner="ada", taken_by="ben")
    assert queries(viewer, f"{PAGE}?owner=ada&taken_by=ben") <= queries(viewer, PAGE) + 2


def test_hostile_text_is_shown_as_text(rows: Rows, operator: Client) -> None:
    rows.repo(title=HOSTILE)
    Task.objects.update(owner=HOSTILE, taken_by=f"{HOSTILE} 2", depends=HOSTILE, status="todo", key="T <i>")
    Task.objects.update(taken_by="")
    html = body(operator, f"{PAGE}?repo=repo-001")
    assert "<script>alert" not in html
    assert "<i>" not in html
    html = re.sub(r'value="[^"]*"', "", html)  # a suggestion is the value itself
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)
    assert "\\u202eevil" in html


def test_who_may_see_and_move(rows: Rows, viewer: Client, client_of: Callable[[str], Client]) -> None:
    rows.repo()
    assert "sb-move" not in body(viewer, PAGE)
    nobody = client_of("nobody")
    assert nobody.get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405


@pytest.mark.parametrize(
    ("status", "forward", "back"),
    [
        ("todo", ["In progress", "Blocked", "Done", "Cancelled"], []),
        ("in_progress", ["Blocked", "Done", "Cancelled"], ["To do"]),
        ("done", ["Cancelled"], ["To do", "In progress", "Blocked"]),
    ],
)
def test_card_offers_the_two_actions(
    status: str, forward: list[str], back: list[str], rows: Rows, operator: Client
) -> None:
    task = rows.repo()
    Task.objects.update(status=status)
    forms = re.findall(r'<form method="post" action="(.*?)">(.*?)</form>', body(operator, PAGE), re.DOTALL)
    choice = r'<(?:button type="submit" name="status"|option) value="\w+">(.*?)</'
    found = {action: re.findall(choice, form) for action, form in forms if "/task/" in action}
    urls = {f"/admin/statehub/task/{task.pk}/{name}/": each for name, each in (("advance", forward), ("reopen", back))}
    assert found == {url: each for url, each in urls.items() if each}
    html = body(operator, PAGE)
    assert ('<option value=""></option>' in html) is (len(back) > 1)  # the Enter key must not choose
    assert html.count('name="reason" required') == bool(back)


def test_moves_lead_back_to_the_board_with_its_filters(rows: Rows, operator: Client) -> None:
    task = rows.repo()
    html = body(operator, f"{PAGE}?repo=repo-001&owner=")
    (page,) = set(re.findall(r'name="next" value="(.*?)"', html))
    assert page == f"/admin/board/?repo=repo-001#task-{task.pk}"
    assert f'id="task-{task.pk}"' in html
    url = f"/admin/statehub/task/{task.pk}/advance/"
    answer = operator.post(url, {"status": "done", "next": page})
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    change = StatusChange.objects.latest("id")
    assert (change.old, change.new, change.who, change.source) == ("in_progress", "done", "operator", "admin")
    answer = operator.post(
        url.replace("advance", "reopen"), {"status": "todo", "reason": "too early", "next": page}, follow=True
    )
    messages = [str(message) for message in answer.context["messages"]]
    assert messages == ["WP-1-T01: in_progress → done", "WP-1-T01: done → todo"]
    assert columns(operator) == {"todo": ["A task"]}


@pytest.mark.parametrize(
    "page",
    ["https://example.org/", "//example.org", "/\\example.org", "\\\\example.org", "javascript:alert(1)", "board/", ""],
)
def test_move_leads_to_no_other_server(page: str, rows: Rows, operator: Client) -> None:
    task = rows.repo()
    answer = operator.post(f"/admin/statehub/task/{task.pk}/advance/", {"status": "done", "next": page})
    assert answer.headers["Location"] == f"/admin/statehub/task/{task.pk}/change/"


def test_workplan_whose_names_do_not_fit_into_a_path(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    for key in ("A/B", "..", "."):
        task.workstream.key = key
        task.workstream.save()
        assert f'href="/admin/statehub/workstream/{task.workstream_id}/change/"' in body(viewer, PAGE)


def test_sidebar_leads_there(viewer: Client) -> None:
    html = body(viewer, "/admin/")
    assert [f'href="{url}"' in html for url in (PAGE, "/admin/activity/")] == [True, True]


def test_cards_alone_are_loaded(rows: Rows, viewer: Client) -> None:
    new_tasks(rows.repo(), 300, status="done")
    with CaptureQueriesContext(connection) as captured:
        body(viewer, PAGE)
    selects = [query["sql"] for query in captured.captured_queries if 'FROM "statehub_task"' in query["sql"]]
    assert [sql for sql in selects if "LIMIT" not in sql] == []


def test_page_of_a_repo_leads_there(rows: Rows, viewer: Client) -> None:
    repo = rows.repo().workstream.repo
    html = body(viewer, f"/admin/statehub/repo/{repo.pk}/change/")
    assert [f'href="{url}?repo=repo-001"' in html for url in (PAGE, "/admin/activity/")] == [True, True]
