"""Findings history: states, filters, exports, and the page of one finding."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consistency.core.codes import find_remedy
from consistency.models import Finding
from statehub.models import Checkout, Repo
from tests.web.admin.helpers import body, streamed
from tests.web.admin.hubrows import START, Rows
from web.admin.export import safe_cell
from web.admin.finding_state import FindingState, state_of, with_newest_run

LIST = "/admin/consistency/finding/"


def page(finding: Finding) -> str:
    return f"{LIST}{finding.pk}/change/"


def messages_at(client: Client, query: str) -> set[str]:
    return {row["message"] for row in json.loads(streamed(client, f"{LIST}export.json?{query}"))}


@pytest.fixture
def three(rows: Rows) -> list[Finding]:
    """Create an open, an unverified and a written-back finding."""
    rows.repo(host="old-host")
    old = Finding.objects.get()
    rows.run(old.checkout, at=START + timedelta(hours=1), outcome="skipped")
    rows.repo(host="new-host")
    new = Finding.objects.exclude(pk=old.pk).get()
    run = new.opened_by
    assert run is not None
    done = rows.finding(
        run, code="C-15", severity="FAIL", resolved_by=run, resolved_at=START, resolution="written_back",
        commit="b" * 40, workplan="WP-3", times_seen=7, message="was reopened",
    )  # fmt: skip
    Finding.objects.filter(pk=old.pk).update(message="old")
    Finding.objects.filter(pk=new.pk).update(message="new")
    return [new, old, done]


def test_states_are_told_honestly(three: list[Finding]) -> None:
    found = {row.pk: state_of(row) for row in with_newest_run(Finding.objects.all())}
    assert [found[row.pk] for row in three] == [FindingState.OPEN, FindingState.UNVERIFIED, FindingState.RESOLVED]


def test_run_that_has_not_ended_makes_nothing_unverified(rows: Rows) -> None:
    rows.repo()
    rows.run(Checkout.objects.get(), at=START + timedelta(hours=1), outcome="running", finished_at=None)
    assert state_of(with_newest_run(Finding.objects.all()).get()) is FindingState.OPEN


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"old", "new", "was reopened"}),
        ("state=open", {"old", "new"}),
        ("state=unverified", {"old"}),
        ("state=resolved", {"was reopened"}),
        ("code=C-15", {"was reopened"}),
        ("severity=FAIL", {"was reopened"}),
        ("host=old-host", {"old"}),
        ("code=C-13&state=open&host=new-host", {"new"}),
        ("q=reopened", {"was reopened"}),
        ("q=WP-1", {"old"}),
        ("first_seen__year=2026&first_seen__month=3", {"old", "new", "was reopened"}),
        ("first_seen__year=2025", set()),
        ("code=nonsense", set()),
    ],
)
def test_filters(query: str, expected: set[str], three: list[Finding], viewer: Client) -> None:
    assert messages_at(viewer, query) == expected


def test_filter_by_repo(three: list[Finding], viewer: Client) -> None:
    assert messages_at(viewer, f"checkout__repo__id__exact={three[1].checkout.repo_id}") == {"old"}


def test_filter_by_days_since_first_seen(three: list[Finding], viewer: Client) -> None:
    now = timezone.now()
    for finding, days in zip(three, (0, 20, 200), strict=True):
        Finding.objects.filter(pk=finding.pk).update(first_seen=now - timedelta(days=days))
    found = {days: messages_at(viewer, f"since={days}") for days in ("", "1", "7", "30", "90", "365", "x")}
    everything = {"old", "new", "was reopened"}
    week, month = {"new"}, {"new", "old"}
    assert found == {"": everything, "1": week, "7": week, "30": month, "90": month, "365": set(), "x": set()}


def test_list_tells_states_links_and_commit(three: list[Finding], viewer: Client) -> None:
    html = body(viewer, LIST)
    for part in (
        "unverified since",
        ">resolved<",
        ">open<",
        "written back",
        "b" * 10,
        "C-13",
        "Hub is ahead of the file",
    ):
        assert part in html
    for finding in three:
        assert page(finding) in html
    assert f"/admin/consistency/run/{three[2].resolved_by_id}/change/" in html
    assert html.count("/admin/statehub/task/") >= 2
    assert "?first_seen__day=1&amp;first_seen__month=3" in html or "first_seen" in html


def test_page_of_a_writeback_has_timeline_and_diff(three: list[Finding], viewer: Client) -> None:
    html = body(viewer, page(three[2]))
    for part in (
        "Opened by",
        "Seen 7 times",
        "Resolved (written back)",
        "What the writeback changed",
        "workplans/a.md:12",
    ):
        assert part in html
    assert "status: todo</del>" in html
    assert "status: done</ins>" in html
    assert f"/admin/consistency/run/{three[2].opened_by_id}/change/" in html


def test_page_of_an_unverified_one_says_so(three: list[Finding], viewer: Client) -> None:
    html = body(viewer, page(three[1]))
    assert "later runs of this checkout did not check it" in html
    assert "What a writeback would change" in html
    assert "What to do" in html


@pytest.mark.parametrize("writeback", ["", "propose", "off"])
def test_page_says_what_the_repo_allows(three: list[Finding], viewer: Client, writeback: str) -> None:
    Repo.objects.update(writeback=writeback)
    found = body(viewer, page(three[1])).replace("&#x27;", "'")
    assert find_remedy(three[1].code, writeback, three[1].task) in found


def test_page_outlives_its_runs(three: list[Finding], viewer: Client) -> None:
    Finding.objects.update(opened_by=None, resolved_by=None)
    assert "a deleted run" in body(viewer, page(three[2]))


def test_page_of_one_that_went_by_itself(three: list[Finding], viewer: Client) -> None:
    Finding.objects.filter(pk=three[2].pk).update(resolution="gone", commit="")
    assert "Resolved without a writeback." in body(viewer, page(three[2]))


def test_finding_without_file_status_has_no_diff(rows: Rows, viewer: Client) -> None:
    rows.repo()
    run = Finding.objects.get().opened_by
    assert run is not None
    lone = rows.finding(run, code="C-01", db_status="", file_status="", file="", line=None)
    assert "writeback" not in body(viewer, page(lone)).split("sh-record")[1]
    assert body(viewer, LIST)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_csv_cell_is_no_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_csv_export(three: list[Finding], viewer: Client) -> None:
    Finding.objects.filter(pk=three[0].pk).update(
        task="=cmd|' /C calc'!A0", message="two\nlines \u202e", workplan="\t=1"
    )
    answer = viewer.get(f"{LIST}export.csv?state=open&host=new-host")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="findings-')
    (row,) = csv.DictReader(io.StringIO(streamed(viewer, f"{LIST}export.csv?state=open&host=new-host").decode()))
    assert row == {
        "id": str(three[0].pk), "code": "C-13", "severity": "WARN", "state": "open", "repo": "repo-003",
        "host": "new-host", "path": "/srv/3", "workplan": "'\\t=1", "task": "'=cmd|' /C calc'!A0",
        "file": "workplans/a.md", "line": "12", "hub_status": "done", "file_status": "todo",
        "first_seen": "2026-03-01T12:00:00Z", "last_seen": "2026-03-01T12:00:00Z", "times_seen": "1", "resolved_at": "",
        "resolution": "", "commit": "", "opened_by": str(three[0].opened_by_id), "resolved_by": "",
        "message": "two\\nlines \\u202e",
    }  # fmt: skip


def test_json_export_keeps_texts(three: list[Finding], viewer: Client) -> None:
    Finding.objects.filter(pk=three[0].pk).update(task="=1")
    (row,) = json.loads(streamed(viewer, f"{LIST}export.json?host=new-host&code=C-13"))
    assert (row["task"], row["state"], row["line"], row["first_seen"]) == ("=1", "open", 12, "2026-03-01T12:00:00Z")
    assert json.loads(streamed(viewer, f"{LIST}export.json?code=C-01")) == []


def test_export_has_all_rows_of_all_pages(rows: Rows, viewer: Client) -> None:
    rows.repo()
    run = Finding.objects.get().opened_by
    assert run is not None
    for _ in range(60):
        rows.finding(run)
    assert len(streamed(viewer, f"{LIST}export.csv").splitlines()) == 62


@pytest.mark.parametrize("form", ["csv", "json"])
def test_export_is_for_those_who_may_see(form: str, client_of: Callable[[str], Client]) -> None:
    assert client_of("nobody").get(f"{LIST}export.{form}").status_code == 403


def test_links_of_the_list_carry_its_filters_to_the_export(three: list[Finding], viewer: Client) -> None:
    assert 'href="export.csv?code=C-13' in body(viewer, f"{LIST}?code=C-13")


def test_export_of_an_empty_list_is_a_header(db: None, viewer: Client) -> None:
    assert streamed(viewer, f"{LIST}export.csv").startswith(b"id,code,")
