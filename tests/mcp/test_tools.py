"""The tools: each answer as a whole value, and each refusal with what is allowed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from consistency.core.codes import CODES
from consistency.mcp.tools import MAX_CHANGES, MAX_FINDINGS, TOOLS, Answer, Caller, call_tool, tools_of
from consistency.models import Finding
from statehub.models import Checkout, Repo, Source, StatusChange, Task
from statehub.statuses import TASK_STATUSES
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance, take
from tests.web.api.helpers import NOON, new_task

pytestmark = pytest.mark.django_db

ADA, ANNA = Caller("ada", Source.API), Caller("anna", Source.COMMAND, "desk")
READER = Caller("grafana", Source.API, is_read_only=True)
READING = ["next_tasks", "list_tasks", "get_task", "list_findings", "what_changed"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def ask(tool: str, caller: Caller = ADA, **arguments: Any) -> dict[str, Any]:
    """Return the answer of a call that is not refused."""
    answer = call_tool(TOOLS[tool], arguments, caller)
    assert not answer.is_refusal, answer
    return answer.content


def refuse(tool: str, caller: Caller = ADA, **arguments: Any) -> dict[str, Any]:
    """Return the answer of a call that is refused."""
    answer = call_tool(TOOLS[tool], arguments, caller)
    assert answer.is_refusal, answer
    return answer.content


def row(key: str = "T01", status: str = "todo", **fields: Any) -> dict[str, Any]:
    """A task of `new_task` as the tools show it."""
    shown = {"key": key, "repo": "net", "workplan": "WP-1", "title": f"Title of {key}", "status": status}
    return {**shown, "priority": "medium", **fields}


def taken_at(key: str) -> str:
    at = Task.objects.get(key=key).taken_at
    assert at is not None
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_names_and_arguments() -> None:
    named = {name: [each.name for each in tool.parameters] for name, tool in TOOLS.items()}
    assert named == {
        "next_tasks": ["repo", "limit"],
        "list_tasks": ["repo", "status", "workplan", "owner", "limit"],
        "get_task": ["task"],
        "take_task": ["task"],
        "report_status": ["task", "status", "commit", "note"],
        "reopen_task": ["task", "status", "reason"],
        "list_findings": ["repo", "state"],
        "what_changed": ["since", "repo"],
    }
    required = {name: [each.name for each in tool.parameters if each.is_required] for name, tool in TOOLS.items()}
    assert {name: names for name, names in required.items() if names} == {
        "get_task": ["task"],
        "take_task": ["task"],
        "report_status": ["task", "status"],
        "reopen_task": ["task", "status", "reason"],
    }


class TestNextTasks:
    def test_by_priority_then_place(self) -> None:
        for position, (key, priority) in enumerate([("T01", "low"), ("T02", "high"), ("T03", "high"), ("T04", "low")]):
            task = new_task("net", key)
            Task.objects.filter(pk=task.pk).update(priority=priority, position=position)
        Task.objects.filter(key="T02").update(depends="T04")
        assert ask("next_tasks") == {
            "tasks": [row("T03", priority="high"), row("T01", priority="low"), row("T04", priority="low")]
        }
        assert ask("next_tasks", limit=1) == {
            "tasks": [row("T03", priority="high")],
            "more": "more than these 1; raise limit, at most 100",
        }

    def test_of_one_repo(self) -> None:
        new_task("net", "T01")
        new_task("app", "T01")
        assert ask("next_tasks", repo="net") == {"tasks": [row("T01")]}
        assert refuse("next_tasks", repo="other") == {"error": "no repo 'other' in the hub", "allowed": ["app", "net"]}

    def test_nothing_is_next(self) -> None:
        note = "nothing is next: all open tasks are taken, blocked, or depend on others; see list_tasks"
        assert ask("next_tasks") == {"tasks": [], "note": note}


class TestListTasks:
    def test_filters(self) -> None:
        new_task("net", "T01")
        new_task("net", "T02", "done")
        new_task("net", "T03", workstream="WP-2")
        Task.objects.filter(key="T03").update(owner="ada", depends="T01\nnet/T02")
        third = row("T03", workplan="WP-2", owner="ada", depends=["T01", "net/T02"])
        tasks = ask("list_tasks")["tasks"]
        assert sorted(tasks, key=lambda task: task["key"]) == [row("T01"), row("T02", "done"), third]
        assert ask("list_tasks", status="done") == {"tasks": [row("T02", "done")]}
        assert ask("list_tasks", workplan="WP-2", repo="net") == {"tasks": [third]}
        assert ask("list_tasks", owner="ada") == {"tasks": [third]}
        assert ask("list_tasks", owner="nobody") == {"tasks": []}
        assert refuse("list_tasks", workplan="WP-3") == {"error": "no workplan 'WP-3' in the hub"}
        assert refuse("list_tasks", workplan="WP-3", repo="net") == {"error": "no workplan 'WP-3' in the repo net"}
        assert refuse("list_tasks", status="open") == {
            "error": "status must be one of todo, in_progress, blocked, done, cancelled",
            "allowed": list(TASK_STATUSES),
        }

    def test_in_the_order_of_the_file_and_how_many_more(self) -> None:
        for number in range(5):
            task = new_task("net", f"T{number}")
            Task.objects.filter(pk=task.pk).update(position=4 - number)
        assert ask("list_tasks", limit=2) == {
            "tasks": [row("T4"), row("T3")],
            "more": "3 more; raise limit (at most 100), or add a filter",
        }

    def test_many_more_are_not_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("consistency.mcp.tools.MAX_COUNTED", 2)
        for number in range(4):
            new_task("net", f"T{number}")
        assert ask("list_tasks", limit=1)["more"] == "more than 2 more; raise limit (at most 100), or add a filter"


class TestGetTask:
    def test_all_of_it(self) -> None:
        task = new_task("net", "T01")
        Task.objects.filter(pk=task.pk).update(depends="T02")
        new_task("net", "T02")
        take(find_task("T01"), Actor("anna", Source.COMMAND, "desk"))
        answer = ask("get_task", task="net/T01")
        assert TIME.fullmatch(answer.pop("status_changed_at"))
        (change,) = answer.pop("history")
        assert TIME.fullmatch(change.pop("at"))
        assert change == {
            "old": "todo", "new": "in_progress", "who": "anna", "source": "command", "host": "desk",
        }  # fmt: skip
        assert answer == {
            **row("T01", "in_progress", depends=["T02"], taken_by="anna", taken_at=taken_at("T01")),
            "workplan_title": "Work",
            "file": "workplans/WP-1.md",
            "id": str(task.pk),
            "waits_for": ["T02"],
            "report_status_takes": ["in_progress", "blocked", "done", "cancelled"],
        }

    def test_history_is_cut(self) -> None:
        new_task("net", "T01")
        for status in ("in_progress", "blocked", "in_progress", "blocked", "in_progress", "blocked", "done"):
            advance(find_task("T01"), status, Actor("ada", Source.API))
        answer = ask("get_task", task="T01")
        assert [change["new"] for change in answer["history"]] == [
            "done", "blocked", "in_progress", "blocked", "in_progress",
        ]  # fmt: skip
        assert answer["more"] == "2 more; of its history"

    def test_unknown_and_ambiguous(self) -> None:
        first, second = new_task("app", "T01"), new_task("net", "T01")
        hint = "next_tasks and list_tasks have the ids"
        assert refuse("get_task", task="T09") == {"error": f"no task 'T09' in the hub; {hint}"}
        named = f"app/T01 ({first.pk}), net/T01 ({second.pk}); give SLUG/ID or the UUID"
        assert refuse("get_task", task="T01") == {"error": f"'T01' names more than one task: {named}; {hint}"}
        assert ask("get_task", task=str(first.pk))["repo"] == "app"


class TestTakeTask:
    def test_first_one_gets_it(self) -> None:
        new_task("net", "T01")
        answer = ask("take_task", task="T01")
        mine = row("T01", "in_progress", taken_by="ada", taken_at=taken_at("T01"))
        assert answer == {"taken": True, "task": mine}
        assert ask("take_task", task="T01") == answer
        since = datetime.strptime(taken_at("T01"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert refuse("take_task", ANNA, task="T01") == {
            "error": f"task 'T01' is taken: ada has it since {since:%Y-%m-%d %H:%MZ}; take another one of next_tasks",
            "taken": False,
            "task": mine,
        }
        assert StatusChange.objects.values_list("who", "source", "old", "new").get() == (
            "ada", "api", "todo", "in_progress",
        )  # fmt: skip

    def test_finished(self) -> None:
        new_task("net", "T01", "done")
        assert refuse("take_task", task="T01") == {
            "error": "task 'T01' is done already; to work on it again: reopen_task with a reason",
            "taken": False,
            "task": row("T01", "done"),
        }

    def test_what_it_waits_for(self) -> None:
        task = new_task("net", "T01")
        Task.objects.filter(pk=task.pk).update(depends="T02")
        assert ask("take_task", task="T01")["waits_for"] == ["T02"]


class TestReportStatus:
    def test_with_commit_and_note(self) -> None:
        new_task("net", "T01")
        answer = ask("report_status", ANNA, task="T01", status="blocked", commit="0123abc", note=" waits for Ada ")
        assert answer == {"changed": True, "task": row("T01", "blocked")}
        assert StatusChange.objects.values_list("who", "source", "host", "commit", "reopen", "reason").get() == (
            "anna", "command", "desk", "0123abc", False, "waits for Ada",
        )  # fmt: skip

    def test_same_status(self) -> None:
        new_task("net", "T01", "done")
        note = "the task is done already, so the note was not recorded"
        assert ask("report_status", task="T01", status="done") == {"changed": False, "task": row("T01", "done")}
        assert ask("report_status", task="T01", status="done", note="again") == {
            "changed": False,
            "task": row("T01", "done"),
            "note": note,
        }

    def test_step_back(self) -> None:
        new_task("net", "T01", "done")
        assert refuse("report_status", task="T01", status="todo") == {
            "error": "task 'T01' is done; todo would move it backwards; "
            "to do that on purpose: reopen_task with a reason",
            "allowed": ["done", "cancelled"],
            "task": row("T01", "done"),
        }

    def test_task_of_another(self) -> None:
        new_task("net", "T01")
        ask("take_task", ANNA, task="T01")
        answer = ask("report_status", task="T01", status="blocked")
        assert answer["warning"] == "anna has this task, not you: take_task before you work on one"
        assert ask("report_status", ANNA, task="T01", status="done") == {"changed": True, "task": row("T01", "done")}

    def test_task_without_a_file(self) -> None:
        task = new_task("net", "T01")
        checkout = Checkout.objects.create(repo=task.workstream.repo, host="desk", path="/net")
        new_finding(checkout, "C-10", workplan="WP-1", task="T01")
        assert ask("report_status", task="T01", status="done")["warning"] == (
            "the hub has the status of task 'T01', but no file will say it: its block is gone from its workplan in "
            "desk:/net (C-10 since 2026-01-02)"
        )


class TestReopenTask:
    def test_with_a_reason(self) -> None:
        new_task("net", "T01", "done")
        assert ask("reopen_task", task="T01", status="todo", reason="reverted") == {"changed": True, "task": row("T01")}
        assert StatusChange.objects.values_list("old", "new", "reopen", "reason").get() == (
            "done", "todo", True, "reverted",
        )  # fmt: skip

    def test_without_one(self) -> None:
        new_task("net", "T01", "done")
        assert refuse("reopen_task", task="T01", status="todo") == {
            "error": "reason is required",
            "allowed": ["task", "status", "reason"],
        }


def new_finding(checkout: Checkout, code: str = "C-05", number: int = 0, **fields: Any) -> Finding:
    return Finding.objects.create(
        checkout=checkout, code=code, fingerprint=f"{code}-{number}", severity=CODES[code].severity,
        message=f"message {number}", first_seen=NOON + timedelta(minutes=number), last_seen=NOON, **fields,
    )  # fmt: skip


class TestListFindings:
    def test_open_and_resolved(self) -> None:
        checkout = Checkout.objects.create(repo=Repo.objects.create(slug="net"), host="desk", path="/net")
        new_finding(checkout, "C-05", file="a.md", line=3, workplan="WP-1", task="T01")
        new_finding(checkout, "C-14", resolved_at=NOON, resolution="gone")
        shown = {"repo": "net", "host": "desk", "message": "message 0", "first_seen": "2026-01-02T12:00:00Z"}
        block = {"file": "a.md", "line": 3, "workplan": "WP-1", "task": "T01"}
        assert ask("list_findings") == {
            "findings": [{"code": "C-05", "severity": "FAIL", **shown, **block}],
            "remedies": {"C-05": CODES["C-05"].remedy},
        }
        gone = {"resolved_at": "2026-01-02T12:00:00Z", "resolution": "gone"}
        assert ask("list_findings", repo="net", state="resolved") == {
            "findings": [{"code": "C-14", "severity": "WARN", **shown, **gone}]
        }
        assert refuse("list_findings", repo="app") == {"error": "no repo 'app' in the hub", "allowed": ["net"]}

    def test_remedy_is_what_the_repo_allows(self) -> None:
        repo = Repo.objects.create(slug="net", writeback="propose")
        new_finding(Checkout.objects.create(repo=repo, host="desk", path="/net"), "C-13", workplan="WP-1", task="T01")
        assert ask("list_findings")["remedies"] == {
            "C-13": "With the writeback 'propose', a fix of the hub's own clone proposes the hub's status: merge the "
            "proposal that C-16 names there."
        }

    def test_newest_first_and_how_many_more(self) -> None:
        checkout = Checkout.objects.create(repo=Repo.objects.create(slug="net"), host="desk", path="/net")
        for number in range(MAX_FINDINGS + 3):
            new_finding(checkout, number=number)
        answer = ask("list_findings")
        assert [finding["message"] for finding in answer["findings"]][:2] == ["message 22", "message 21"]
        assert (len(answer["findings"]), answer["more"]) == (20, "3 more; older; name a repo")
        assert ask("list_findings", repo="net")["more"] == "3 more; older"


class TestWhatChanged:
    @pytest.fixture(autouse=True)
    def moves(self) -> None:
        new_task("net", "T01")
        new_task("app", "T02")
        advance(find_task("T01"), "in_progress", Actor("anna", Source.FILE, "desk", "0123abc"))
        advance(find_task("T02"), "done", Actor("ada", Source.API))
        StatusChange.objects.filter(task__key="T01").update(at=timezone.now() - timedelta(hours=30))

    def keys(self, **arguments: Any) -> list[str]:
        return [change["key"] for change in ask("what_changed", **arguments)["changes"]]

    def test_newest_first(self) -> None:
        changes = ask("what_changed", since="2d")["changes"]
        assert all(TIME.fullmatch(change.pop("at")) for change in changes)
        assert changes == [
            {
                "key": "T02", "repo": "app", "title": "Title of T02", "old": "todo", "new": "done", "who": "ada",
                "source": "api",
            },
            {
                "key": "T01", "repo": "net", "title": "Title of T01", "old": "todo", "new": "in_progress",
                "who": "anna", "source": "file", "host": "desk", "commit": "0123abc",
            },
        ]  # fmt: skip

    def test_since(self) -> None:
        now = timezone.now()
        assert self.keys() == self.keys(since="24h") == ["T02"]
        assert self.keys(since="31h") == self.keys(since=f"{now - timedelta(hours=31):%Y-%m-%d}") == ["T02", "T01"]
        assert self.keys(since=(now + timedelta(hours=1)).isoformat()) == []
        assert self.keys(since="7d", repo="net") == ["T01"]

    @pytest.mark.parametrize("since", ["yesterday", "7w", "-1d", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999999d"])
    def test_no_moment(self, since: str) -> None:
        assert refuse("what_changed", since=since) == {
            "error": "since must be a time with its zone (2026-11-01T12:00:00Z), a date (2026-11-01, midnight UTC) or "
            "an age (7d, 12h)"
        }

    def test_how_many_more(self) -> None:
        task = find_task("T02")
        change = StatusChange(task=task, old="done", new="done", source="api", at=timezone.now())
        StatusChange.objects.bulk_create(
            StatusChange(task=task, old=change.old, new=change.new, source="api", at=change.at)
            for _ in range(MAX_CHANGES)
        )
        assert ask("what_changed", repo="app")["more"] == "1 more; older; a later since"


def test_reader_may_only_read() -> None:
    new_task("net", "T01")
    assert [tool.name for tool in tools_of(READER)] == READING
    refusal = Answer({"error": "grafana has read-only access", "allowed": READING}, is_refusal=True)
    for tool in ("take_task", "report_status", "reopen_task"):
        assert call_tool(TOOLS[tool], {"task": "T01"}, READER) == refusal
    assert [task["key"] for task in ask("next_tasks", READER)["tasks"]] == ["T01"]
    assert not StatusChange.objects.exists()


def test_queries_are_few(django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        new_task("net", f"T{number:02}")
    calls: list[tuple[str, dict[str, Any], int]] = [
        ("next_tasks", {"repo": "net"}, 2),
        ("list_tasks", {"repo": "net", "workplan": "WP-1"}, 4),
        ("get_task", {"task": "T01"}, 5),
        ("take_task", {"task": "T01"}, 14),
        ("report_status", {"task": "T01", "status": "done"}, 13),
        ("what_changed", {}, 1),
        ("list_findings", {}, 1),
    ]
    for tool, arguments, most in calls:
        with django_assert_max_num_queries(most):
            ask(tool, **arguments)
