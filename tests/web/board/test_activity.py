"""The activity: what moved, by day, and what belongs to each move."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from consistency.models import Finding, Run
from statehub.models import Repo, Source, StatusChange, Task
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, START, Rows
from web.board import activity

PAGE = "/admin/activity/"


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def days(html: str) -> dict[str, list[str]]:
    """The moves of each day, as text."""
    found = {}
    for section in re.findall(r'<section class="sh-card">.*?</section>', html, re.DOTALL):
        (name,) = re.findall(r"<h2>(.*?)</h2>", section)
        found[name] = [plain(row) for row in re.findall(r'<li class="sh-.*?</li>', section, re.DOTALL)]
    return found


def moves(client: Client, query: str = "") -> list[str]:
    return [move for rows in days(body(client, PAGE + query)).values() for move in rows]


def move(task: Task, at: datetime, **fields: object) -> StatusChange:
    values = {"old": "todo", "new": "in_progress", "source": Source.API, "who": "ada", "at": at}
    return StatusChange.objects.create(task=task, **{**values, **fields})


def test_moves_by_day_with_who_and_from_where(rows: Rows, viewer: Client) -> None:
    task = rows.repo(title="Send the receipt")
    Finding.objects.all().delete()
    late = START.replace(hour=23, minute=59)
    reopened = {"old": "done", "new": "todo", "source": Source.ADMIN, "reopen": True, "reason": "too early"}
    move(task, late, who="", host="", **reopened)
    move(task, late + timedelta(minutes=2), who="ben", old="in_progress", new="blocked", host="kestrel")
    name = "Send the receipt"
    assert days(body(viewer, PAGE)) == {
        "Monday, 2 March 2026": [f"00:01 {name} in progress → blocked by ben (api) on kestrel · repo-001 · WP-1"],
        "Sunday, 1 March 2026": [
            f"23:59 {name} done → todo reopened by unknown (admin) · repo-001 · WP-1 Reason: too early",
            f"12:00 {name} todo → in progress by {name} (file) on elsewhere at {'c' * 10} · repo-001 · WP-1",
        ],
    }


def test_links_of_a_move(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    Repo.objects.update(forge="github")
    html = body(viewer, PAGE)
    assert f'href="/admin/statehub/task/{task.pk}/change/"' in html
    assert 'href="/admin/workplan/repo-001/WP-1/"' in html
    assert f'href="https://git.example.org/repo-1/commit/{"c" * 40}"' in html


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["three", "two", "one"]),
        ("?repo=repo-001", ["one"]),
        ("?workplan=WP-3", ["two"]),
        ("?who=two", ["two"]),
        ("?who=two&repo=repo-001", []),
        ("?until=2026-03-02", ["two", "one"]),
        ("?until=2026-02-28", []),
        ("?until=9999-12-31", ["three", "two", "one"]),
        ("?until=2026-02-31", ["three", "two", "one"]),
        ("?who=%00&repo=%ed%a0%80", []),
        ("?before=nonsense", ["three", "two", "one"]),
        ("?before=99999999999999999999", ["three", "two", "one"]),
        ("?before=12345", ["three", "two", "one"]),
    ],
)
def test_filters(query: str, wanted: list[str], rows: Rows, viewer: Client) -> None:
    for number, title in enumerate(("one", "two", "three")):
        rows.repo(title=title).changes.update(at=START + timedelta(days=number))
    assert [re.sub(r".*? by (\w+) .*", r"\1", each) for each in moves(viewer, query)] == wanted


def test_form_keeps_the_filters(rows: Rows, viewer: Client) -> None:
    rows.repo()
    html = body(viewer, f"{PAGE}?repo=repo-001&who=A+task&until=2026-03-05")
    for part in ('name="repo" value="repo-001"', 'name="who" value="A task"', 'name="until" value="2026-03-05"'):
        assert part in html
    assert '<option value="A task"></option>' in html


def test_pages(rows: Rows, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "PAGE_SIZE", 2)
    task = rows.repo()
    StatusChange.objects.all().delete()
    # Three of five at the same time: the one that was recorded last comes first.
    for number, hour in enumerate((1, 2, 2, 2, 3)):
        move(task, START + timedelta(hours=hour), who=f"no-{number}")
    address, seen = f"{PAGE}?repo=repo-001", []
    while address:
        html = body(viewer, address)
        seen.append(re.findall(r"by (no-\d)", html))
        older = re.search(r'href="(.*?)">Older<', html)
        address = older[1].replace("&amp;", "&") if older else ""
        assert ('href="/admin/activity/?repo=repo-001">Newest<' in html) is (len(seen) > 1)
    assert seen == [["no-4", "no-3"], ["no-2", "no-1"], ["no-0"]]


def test_nothing_moved(rows: Rows, viewer: Client) -> None:
    assert "Every change of a task&#x27;s status will be here." in body(viewer, PAGE).replace("'", "&#x27;")
    rows.repo()
    assert "No move matches these filters." in body(viewer, f"{PAGE}?repo=none")


def test_same_number_of_queries_for_any_number_of_moves(rows: Rows, viewer: Client) -> None:
    rows.repo()
    one = queries(viewer, PAGE)
    for number in range(9):
        move(rows.repo(title=f"{number}"), START, commit="d" * 40)
    assert queries(viewer, PAGE) == one <= 8


def test_hostile_text_is_shown_as_text(rows: Rows, viewer: Client) -> None:
    task = rows.repo(title=HOSTILE)
    move(task, START, host=HOSTILE, reason=HOSTILE)
    html = body(viewer, f"{PAGE}?repo=repo-001")
    assert "<script>alert" not in html
    html = re.sub(r'value="[^"]*"', "", html)  # a suggestion is the value itself
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)
    assert "\\u202eevil" in html


def test_who_may_see(rows: Rows, viewer: Client, client_of: Callable[[str], Client]) -> None:
    rows.repo()
    assert client_of("nobody").get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405


def test_findings_are_for_those_who_may_see_findings(rows: Rows, client_of: Callable[[str], Client]) -> None:
    from django.contrib.auth.models import Permission, User

    task = rows.repo()
    StatusChange.objects.update(source=Source.API)
    Finding.objects.update(db_status="in_progress")
    client = client_of("nobody")
    names = ("view_task", "view_statuschange")
    User.objects.get(username="nobody").user_permissions.set(Permission.objects.filter(codename__in=names))
    assert "C-13" not in body(client, PAGE)
    assert task.key
    assert "C-13" in body(client_of("viewer"), PAGE)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def ahead(first: float, last: float, **fields: object) -> dict[str, object]:
    """Return a finding that the hub is ahead, seen from the minute *first* to *last*."""
    return {"code": "C-13", "db_status": "in_progress", "first_seen": at(first), "last_seen": at(last), **fields}


@pytest.mark.parametrize(
    ("change", "findings", "wanted"),
    [
        pytest.param(
            {"source": "file"},
            [{"code": "C-11", "file_status": "in_progress", "first_seen": at(-60), "resolved_at": at(0.1)}],
            "C-11",
            id="taken from the file by the run that resolved it",
        ),
        pytest.param(
            {"source": "file"},
            [
                {"code": "C-11", "file_status": "done", "resolved_at": at(0.1)},
                {"code": "C-11", "file_status": "in_progress", "resolved_at": at(-1)},
                {"code": "C-11", "file_status": "in_progress", "resolved_at": at(600)},
                {"code": "C-11", "file_status": "in_progress"},
                {"code": "C-13", "db_status": "in_progress", "file_status": "in_progress", "resolved_at": at(0.1)},
            ],
            "",
            id="other findings of the file",
        ),
        pytest.param(
            {"source": "api"},
            [ahead(5, 9)],
            "C-13",
            id="the hub is ahead since then",
        ),
        pytest.param(
            {"source": "command"},
            [
                ahead(5, 5),
                ahead(7, 7, code="C-15", resolved_at=at(7), resolution="written_back", commit="b" * 40),
                ahead(8, 8, resolved_at=at(8), resolution="written_back", commit="f" * 40),
            ],
            f"C-15 written back in {'b' * 10}",
            id="the first writeback comes first",
        ),
        pytest.param(
            {"source": "admin"},
            [ahead(5, 5, resolved_at=at(6), resolution="written_back")],
            "C-13 written back",
            id="written back without a commit on record",
        ),
        pytest.param(
            {"source": "api"},
            [
                ahead(5, 5, db_status="done"),
                ahead(-9, -9),
                ahead(-9, 9, resolved_at=at(-5)),
                ahead(5, 5, task="WP-1-T02"),
                ahead(5, 5, workplan="WP-2"),
                ahead(5, 5, code="C-12"),
                ahead(8 * 24 * 60, 8 * 24 * 60),
                ahead(-8 * 24 * 60, 9),
            ],
            "",
            id="other findings of the hub",
        ),
    ],
)
def test_finding_of_a_move(
    change: dict[str, str], findings: list[dict[str, object]], wanted: str, rows: Rows, viewer: Client
) -> None:
    task = rows.repo()
    rows.repo()
    StatusChange.objects.all().delete()
    Finding.objects.all().delete()
    move(task, START, **change)
    run = Run.objects.get(checkout__repo=task.workstream.repo)
    for each in findings:
        values = {"workplan": "WP-1", "task": "WP-1-T01", "first_seen": START, "last_seen": at(1), **each}
        rows.finding(run, code=str(values.pop("code")), **values)
    (shown,) = moves(viewer)
    assert shown.partition("· repo-001 · WP-1")[2].removeprefix(" · ") == wanted


def test_finding_of_another_repo_is_not_shown(rows: Rows, viewer: Client) -> None:
    task = rows.repo()
    Finding.objects.all().delete()
    StatusChange.objects.update(source=Source.API, at=datetime(2026, 3, 1, tzinfo=UTC))
    other = rows.repo()
    Task.objects.filter(pk=other.pk).update(key=task.key)
    Finding.objects.update(task=task.key, db_status="in_progress")
    other.changes.all().delete()
    assert ["C-13" in each for each in moves(viewer)] == [False]
