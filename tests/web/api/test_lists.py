"""The lists: whole values, filters, pages, and a constant number of queries."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consistency.cli.retiring import retire
from consistency.models import Finding, Proposal, Run
from statehub.models import Checkout, Repo, Source, StatusChange, Task
from statehub.transitions import Actor, advance, reopen
from testing.environment import HOST
from tests.cli.helpers import run
from tests.web.api.helpers import NOON, NOON_TEXT, Api, Json, as_json, new_task, problem
from web.api import pagination, schemas

LISTS = ["repos/", "workstreams/", "tasks/", "findings/", "runs/"]
MORE_LISTS = ["tasks/?order=priority", "tasks/?next=true", "changes/"]


def new_run(checkout: Checkout, **fields: Any) -> Run:
    values = {
        "mode": "fix", "outcome": "ok", "started_at": NOON, "finished_at": NOON, "freshness": "fresh", "head": "c0ffee",
        "counts": {"C-13": 1}, "seconds": {"read": 0.5}, "user": "me", "version": "1", "fetch": "ok", **fields,
    }  # fmt: skip
    return Run.objects.create(checkout=checkout, **values)


def new_finding(run: Run, fingerprint: str = "a", **fields: Any) -> Finding:
    values = {
        "code": "C-13", "severity": "WARN", "message": "ahead", "file": "workplans/a.md", "line": 4, "task": "T01",
        "workplan": "WP-1", "db_status": "done", "file_status": "todo", "first_seen": NOON, "last_seen": NOON,
        "opened_by": run, **fields,
    }  # fmt: skip
    return Finding.objects.create(checkout=run.checkout, fingerprint=fingerprint, **values)


def new_checkout(slug: str = "net", host: str = HOST, path: str = "/srv/net") -> Checkout:
    return Checkout.objects.create(repo=Repo.objects.get_or_create(slug=slug)[0], host=host, path=path)


def keys(answer: Any, name: str = "key") -> list[str]:
    return [row[name] for row in answer.json]


def repo(slug: str, host: str = HOST, *paths: str) -> Json:
    return {
        "slug": slug, "host": host, "local_path": paths[0] if paths else None, "local_paths": list(paths),
        "workplans": "workplans/**/*.md", "proposal": None,
    }  # fmt: skip


def test_repos_tell_their_paths_on_a_host(api: Api) -> None:
    new_checkout("net")
    new_checkout("net", path="/home/me/net")
    new_checkout("net", "laptop", "/work/net")
    new_checkout("other", "laptop", "/work/other")
    assert api.get("repos/").json == [repo("net", HOST, "/home/me/net", "/srv/net"), repo("other")]
    assert api.get("repos/?host=laptop&slug=net").json == [repo("net", "laptop", "/work/net")]
    assert api.get("repos/?host=nowhere").json == [repo("net", "nowhere"), repo("other", "nowhere")]
    assert keys(api.get("repos/?slug=net&slug=other"), "slug") == ["net", "other"]
    assert api.get("repos/?slug=none").json == []


def test_paths_of_a_page_and_of_repos_that_do_not_follow_each_other(api: Api) -> None:
    for slug in ("Net", "a.b", "a-b", "net"):
        new_checkout(slug, path=f"/srv/{slug}")
    everything = {row["slug"]: row["local_paths"] for row in api.get("repos/").json}
    first = api.get("repos/?limit=3").json
    chosen = [everything[slug] for slug in ("Net", "net")]
    assert everything == {slug: [f"/srv/{slug}"] for slug in ("Net", "a.b", "a-b", "net")}
    assert [row["local_paths"] for row in first] == [everything[row["slug"]] for row in first]
    assert sorted(row["local_paths"] for row in api.get("repos/?slug=net&slug=Net").json) == sorted(chosen)


def test_retired_checkouts_have_no_path(api: Api) -> None:
    retire([new_checkout("net")])
    new_checkout("net", path="/home/me/net")
    assert api.get("repos/").json == [repo("net", HOST, "/home/me/net")]


def test_repo_with_a_proposal_that_waits(api: Api) -> None:
    page = "https://github.com/acme/net/compare/main...statehub/main?expand=1"
    repos = [new_checkout(slug, path=f"/srv/{slug}").repo for slug in ("net", "off", "other")]
    Proposal.objects.create(repo=repos[0], branch="statehub/main", commit="c0ffee", base="beef", page=page)
    Proposal.objects.create(repo=repos[1], branch="statehub/main")
    found = {row["slug"]: row["proposal"] for row in api.get("repos/").json}
    assert found == {"net": page, "off": None, "other": None}


def test_workstream_with_its_progress(api: Api) -> None:
    one = new_task("net", "T01", "done")
    new_task("net", "T02")
    new_task("net", "T03")
    assert api.get("workstreams/").json == [
        {
            "id": str(one.workstream_id), "repo": "net", "key": "WP-1", "title": "Work", "status": "active",
            "status_changed_at": NOON_TEXT, "path": "workplans/WP-1.md", "version": 1, "domain": None, "owner": None,
            "topic_slug": None, "created": None, "updated": None, "tasks": {"done": 1, "todo": 2},
        }
    ]  # fmt: skip


def test_workstreams_are_filtered(api: Api) -> None:
    new_task("net", "T01", workstream="WP-1")
    new_task("net", "T02", workstream="WP-2")
    new_task("other", "T03", workstream="WP-3")
    assert keys(api.get("workstreams/?repo=net")) == ["WP-1", "WP-2"]
    assert keys(api.get("workstreams/?key=WP-2&key=WP-3")) == ["WP-2", "WP-3"]
    assert keys(api.get("workstreams/?status=done")) == []


def test_task_with_its_version(api: Api) -> None:
    task = new_task()
    answer = api.get("tasks/")
    assert answer.json == [as_json(task, version=answer.json[0]["version"])]
    for ref in ("T01", "net/T01", str(task.pk)):
        one = api.get(f"tasks/{ref}/")
        assert (one.status, one.json, one.headers["ETag"]) == (200, as_json(task), f'"{as_json(task)["version"]}"')


def test_tasks_are_filtered(api: Api) -> None:
    new_task("net", "T01", "done")
    new_task("net", "T02", "blocked")
    new_task("other", "T03", workstream="WP-2")
    Task.objects.filter(key="T01").update(owner="ada")
    Task.objects.filter(key="T02").update(owner="bob", taken_by="bob")
    Task.objects.filter(key="T03").update(priority="high", status_changed_at=NOON + timedelta(days=1))
    cases = {
        "repo=net": {"T01", "T02"}, "workstream=WP-2": {"T03"}, "key=T01&key=T03": {"T01", "T03"},
        "status=done&status=blocked": {"T01", "T02"}, "priority=high": {"T03"},
        "changed_since=2026-01-02T13:00:00Z": {"T03"},
        "changed_since=2026-01-02T13:00:00%2B01:00": {"T01", "T02", "T03"},
        "repo=net&status=todo": set(), "owner=ada": {"T01"}, "owner=ada&owner=bob": {"T01", "T02"},
        "taken_by=bob": {"T02"}, "taken_by=ada": set(), "changed_since=2026-01-03": {"T03"},
        "changed_since=2026-01-02": {"T01", "T02", "T03"}, "changed_since=7d": set(), "changed_since=12h": set(),
        "next=false&repo=other": {"T03"},
    }  # fmt: skip
    assert {query: set(keys(api.get(f"tasks/?{query}"))) for query in cases} == cases


def test_history_is_the_moves_newest_first(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    task = new_task()
    with monkeypatch.context() as clock:
        clock.setattr(timezone, "now", lambda: NOON)
        advance(task, "done", Actor("me", Source.COMMAND))
        clock.setattr(timezone, "now", lambda: NOON + timedelta(hours=1))
        reopen(task, "todo", "not yet", Actor("you", Source.ADMIN, "laptop", "c0ffee1"))
    assert api.get("tasks/net/T01/history/").json == [
        {
            "at": "2026-01-02T13:00:00Z", "old": "done", "new": "todo", "who": "you", "source": "admin",
            "host": "laptop", "commit": "c0ffee1", "reopen": True, "reason": "not yet",
        },
        {
            "at": NOON_TEXT, "old": "todo", "new": "done", "who": "me", "source": "command", "host": None,
            "commit": None, "reopen": False, "reason": None,
        },
    ]  # fmt: skip


def test_tasks_by_priority_and_place(api: Api) -> None:
    for key, priority, position in (("A", "low", 0), ("B", "high", 2), ("C", "high", 1), ("D", "critical", 9)):
        new_task("net", key)
        Task.objects.filter(key=key).update(priority=priority, position=position)
    assert keys(api.get("tasks/?order=priority")) == keys(api.get("tasks/?next=true")) == ["D", "C", "B", "A"]
    assert keys(api.get("tasks/?order=priority&priority=high")) == ["C", "B"]


def test_next_tasks_are_todo_free_and_wait_for_no_other(api: Api) -> None:
    new_task("net", "done", "done")
    new_task("net", "blocked", "blocked")
    new_task("net", "free")
    for key, depends in (("ready", "done"), ("waits", "done\nfree"), ("unknown", "none"), ("far", "net/done")):
        new_task("other", key, workstream="WP-2")
        Task.objects.filter(key=key).update(depends=depends)
    Task.objects.filter(key="ready").update(depends="net/done", priority="high")
    new_task("net", "taken")
    Task.objects.filter(key="taken").update(taken_by="ada")
    answer = api.get("tasks/?next=true")
    ready = Task.objects.get(key="ready")
    assert answer.json[0] == as_json(ready)
    assert keys(answer)[0] == "ready"
    assert set(keys(answer)) == {"ready", "free", "far"}
    assert keys(api.get("tasks/?next=true&repo=net")) == ["free"]
    assert keys(api.get("tasks/?next=true&status=done")) == []


def test_pages_of_next_tasks_among_many_that_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MIN_BATCH", 2)
    monkeypatch.setattr(pagination, "MAX_SELECTED", 4)
    for number in range(12):
        new_task("net", f"T{number:02}")
        depends = "" if number in {5, 11} else "none"
        Task.objects.filter(key=f"T{number:02}").update(position=number, depends=depends)
    pages, url = [], "/api/tasks/?next=true&limit=1"
    while url:
        page = api.get(url)
        pages.append(keys(page))
        url = page.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    assert pages == [[], ["T05"], ["T11"], []]


def test_number_of_queries_for_next_tasks_is_limited(api: Api) -> None:
    task = new_task("net", "T")
    later = {"workstream": task.workstream, "title": "T", "status": "todo", "depends": "x", "position": 1}
    Task.objects.bulk_create(Task(key=f"T{n}", **later) for n in range(2_100))
    api.get("repos/")  # stamps the token
    with CaptureQueriesContext(connection) as queries:
        page = api.get("tasks/?next=true&limit=2")
    assert (keys(page), "Link" in page.headers, len(queries)) == (["T"], True, 1 + 2 * 10)


def test_feed_of_changes_of_all_tasks_newest_first(api: Api) -> None:
    one, two = new_task("net", "T01", "done"), new_task("other", "T02", "todo", "WP-2")
    old = StatusChange.objects.create(
        task=one, old="todo", new="done", who="ada", source="file", commit="c0ffee1", at=NOON
    )
    later = NOON + timedelta(hours=1)
    new = StatusChange.objects.create(
        task=two, old="done", new="todo", source="admin", host="laptop", reopen=True, reason="not yet", at=later
    )
    first = {
        "at": NOON_TEXT, "old": "todo", "new": "done", "who": "ada", "source": "file", "host": None,
        "commit": "c0ffee1", "reopen": False, "reason": None, "id": old.pk, "repo": "net", "workstream": "WP-1",
        "task": "T01", "task_id": str(one.pk), "title": "Title of T01",
    }  # fmt: skip
    second = {
        "at": "2026-01-02T13:00:00Z", "old": "done", "new": "todo", "who": None, "source": "admin", "host": "laptop",
        "commit": None, "reopen": True, "reason": "not yet", "id": new.pk, "repo": "other", "workstream": "WP-2",
        "task": "T02", "task_id": str(two.pk), "title": "Title of T02",
    }  # fmt: skip
    assert api.get("changes/").json == [second, first]
    cases = {
        "repo=net": [first], "repo=net&repo=other": [second, first], "who=ada": [first], "who=bob": [],
        "since=2026-01-02": [second, first], "since=2026-01-03": [], "since=2026-01-02T12:30:00Z": [second],
        "since=7d": [], "since=36500d&who=ada": [first],
    }  # fmt: skip
    assert {query: api.get(f"changes/?{query}").json for query in cases} == cases


def test_commands_list_the_same_rows(api: Api) -> None:
    new_task("net", "T01")
    advance(Task.objects.get(), "in_progress", Actor("ada", Source.COMMAND, "laptop", "c0ffee1"))
    Task.objects.update(owner="bob", depends="a\nb")
    tasks, changes = run("tasks", "--format", "json"), run("changes", "--format", "json")
    assert json.loads(tasks.stdout) == api.get("tasks/").json
    assert json.loads(changes.stdout) == api.get("changes/").json
    assert [list(row) for row in json.loads(tasks.stdout)] == [list(schemas.Task.model_fields)]
    assert [list(row) for row in json.loads(changes.stdout)] == [list(schemas.TaskChange.model_fields)]


def test_finding_open_and_resolved(api: Api) -> None:
    run = new_run(new_checkout())
    one = new_finding(run)
    two = new_finding(run, "b", code="C-01", severity="FAIL", file="", line=None, workplan="", task="", db_status="",
                      file_status="", resolved_by=run, resolved_at=NOON, resolution="gone")  # fmt: skip
    open_one = {
        "id": one.pk, "repo": "net", "host": HOST, "path": "/srv/net", "code": "C-13", "severity": "WARN",
        "message": "ahead", "file": "workplans/a.md", "line": 4, "workplan": "WP-1", "task": "T01", "db_status": "done",
        "file_status": "todo", "action": "none", "state": "open", "first_seen": NOON_TEXT, "last_seen": NOON_TEXT,
        "times_seen": 1, "opened_by": str(run.pk), "resolved_by": None, "resolved_at": None, "resolution": None,
        "commit": None,
    }  # fmt: skip
    resolved = {
        **open_one, "id": two.pk, "code": "C-01", "severity": "FAIL", "file": None, "line": None, "workplan": None,
        "task": None, "db_status": None, "file_status": None, "state": "resolved", "resolved_by": str(run.pk),
        "resolved_at": NOON_TEXT, "resolution": "gone",
    }  # fmt: skip
    assert api.get("findings/").json == [resolved, open_one]
    both = [resolved["id"], open_one["id"]]
    cases = {
        "state=open": both[1:], "state=resolved": both[:1], "code=C-13": both[1:], "severity=FAIL": both[:1],
        "repo=net": both, "repo=x": [], f"host={HOST}": both, "workplan=WP-1&task=T01": both[1:],
        "seen_since=2026-01-02": both, "seen_since=2026-01-03": [], "seen_since=7d": [],
        "seen_since=2026-01-02T12:00:00Z": both, "seen_since=2026-01-02T12:00:01Z": [],
    }  # fmt: skip
    assert {query: [row["id"] for row in api.get(f"findings/?{query}").json] for query in cases} == cases


def test_runs_newest_first(api: Api) -> None:
    old = new_run(new_checkout())
    new = new_run(new_checkout("other", "laptop"), mode="check", outcome="error", error="no git", finished_at=None,
                  started_at=NOON + timedelta(hours=1), ahead=2, behind=1)  # fmt: skip
    first = {
        "id": str(old.pk), "repo": "net", "host": HOST, "path": "/srv/net", "mode": "fix", "dry_run": False,
        "trigger": "command", "user": "me", "version": "1", "outcome": "ok", "converged": False, "error": None,
        "freshness": "fresh", "fetch": "ok", "head": "c0ffee", "branch": None, "upstream": None, "ahead": None,
        "behind": None, "writeback_commit": None, "tip": None, "push": None, "counts": {"C-13": 1},
            "seconds": {"read": 0.5},
        "started_at": NOON_TEXT, "finished_at": NOON_TEXT,
    }  # fmt: skip
    second = {
        **first, "id": str(new.pk), "repo": "other", "host": "laptop", "mode": "check", "outcome": "error",
        "error": "no git", "ahead": 2, "behind": 1, "started_at": "2026-01-02T13:00:00Z", "finished_at": None,
    }  # fmt: skip
    assert api.get("runs/").json == [second, first]
    cases = {
        "repo=net": [first], "host=laptop": [second], "mode=check": [second], "outcome=ok": [first],
        "outcome=ok&outcome=error": [second, first], "since=2026-01-02T12:30:00Z": [second],
        "since=2026-01-02": [second, first], "since=7d": [],
    }  # fmt: skip
    assert {query: api.get(f"runs/?{query}").json for query in cases} == cases


def fill(number: int) -> None:
    for index in range(number):
        task = new_task(f"repo-{index:02}", f"T{index:02}", workstream=f"WP-{index % 7}-{index:02}")
        run = new_run(
            new_checkout(f"repo-{index:02}", path=f"/srv/{index}"), started_at=NOON + timedelta(days=index % 3)
        )
        new_finding(run)
        StatusChange.objects.create(task=task, old="todo", new="todo", source="api")


@pytest.mark.parametrize("path", [*LISTS, *MORE_LISTS])
def test_list_takes_as_many_queries_for_30_rows_as_for_1(api: Api, path: str) -> None:
    api.get(path)  # stamps the token
    fill(1)
    with CaptureQueriesContext(
        connection,
    ) as one:
        assert len(api.get(path).json) == 1
    Repo.objects.all().delete()
    fill(30)
    with CaptureQueriesContext(connection) as thirty:
        assert len(api.get(path).json) == 30
    assert len(thirty) == len(one) == {"repos/": 3, "workstreams/": 3}.get(path, 2)


@pytest.mark.parametrize("path", [*LISTS, *MORE_LISTS])
def test_pages_make_the_whole_list(api: Api, path: str) -> None:
    fill(11)
    whole = api.get(path)
    assert len(whole.json) == 11
    assert "Link" not in whole.headers
    for size in (1, 4, 11):
        rows, url, pages = [], f"/api/{path}{'&' if '?' in path else '?'}limit={size}", 0
        while url:
            page = api.get(url)
            rows += page.json
            pages += 1
            url = page.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
        assert (rows, pages) == (whole.json, -(-11 // size))


def test_pages_keep_the_filters(api: Api) -> None:
    for number in range(3):
        new_task("net", f"T{number}")
    page = api.get("tasks/?limit=1&repo=net&status=todo&status=done")
    assert page.headers["Link"].startswith("</api/tasks/?limit=1&repo=net&status=todo&status=done&after=")


@pytest.mark.parametrize(
    ("query", "where", "detail", "allowed"),
    [
        ("limit=0", "limit", "Input should be greater than or equal to 1", None),
        ("limit=501", "limit", "Input should be less than or equal to 500", None),
        *((f"limit={text}", "limit", "must be a whole number", None)
          for text in ("1_0", "%2B5", "5.0", "%D9%A3", "-1", "%205", "many", "")),
        ("status=finished", "status", "Input should be 'todo', 'in_progress', 'blocked', 'done' or 'cancelled'",
         ["todo", "in_progress", "blocked", "done", "cancelled"]),
        ("staus=done", "staus", "unknown parameter",
         ["limit", "after", "repo", "workstream", "key", "status", "priority", "owner", "taken_by", "changed_since",
          "next", "order"]),
        ("limit=1&limit=2", "limit", "given more than once", None),
        ("key=a%00", "key", "must not contain NUL", None),
        ("changed_since=2026-01-01T00:00:00", "changed_since", "Input should have timezone info", None),
        *((f"changed_since={text}", "changed_since",
           "must be a time with its zone (2026-11-01T12:00:00Z), a date (2026-11-01, midnight UTC) or an age (7d, 12h)",
           None) for text in ("2026-13-01", "36501d")),
        *((f"next={text}", "next", "Input should be a valid boolean, unable to interpret input", None)
          for text in ("1", "yes", "True", "")),
        ("order=title", "order", "Input should be 'priority'", ["priority"]),
        ("owner=", "owner", "String should have at least 1 character", None),
        *((f"after={mark}", "after", "not a value from a Link header", None)
          for mark in ("zzz", "W10", "WzEsMl0", "W10x", "bnVsbA", "WyIxIl0", "A")),
    ],
)  # fmt: skip
def test_wrong_parameter_is_refused(api: Api, query: str, where: str, detail: str, allowed: list[str] | None) -> None:
    fault = {"in": "query", "where": where, "detail": detail} | ({"allowed": allowed} if allowed else {})
    answer = api.get(f"tasks/?{query}")
    assert answer.status == 422
    assert answer.json["errors"] == [fault]


def test_ambiguous_and_unknown_names_are_not_found(api: Api) -> None:
    one, two = new_task("net", "T01"), new_task("other", "T01")
    names = ", ".join(
        f"{task.workstream.repo.slug}/T01 ({task.pk})"
        for task in Task.objects.filter(pk__in=[one.pk, two.pk]).select_related("workstream__repo")
    )
    said = f"'T01' names more than one task: {names}; give SLUG/ID or the UUID"
    assert api.get("tasks/T01/").json == problem("unknown-task", 404, "Task not found or ambiguous", said)
    said = "no task 'net/T02' in the hub"
    assert api.get("tasks/net/T02/history/").json == problem("unknown-task", 404, "Task not found or ambiguous", said)
    assert api.get("tasks/%00/").status == 404
