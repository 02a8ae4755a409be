"""The admin's first page: complete, with a constant number of queries, for users who may see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from consistency.models import Finding, Run
from statehub.models import Repo
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, Rows

PAGE = "/admin/"
TITLES = [
    "Would a fix write from here?", "Workstreams", "Tasks by status", "Open findings by code and age",
    "Findings opened and resolved", "Overdue runs", "Last written back",
]  # fmt: skip


def titles(html: str) -> list[str]:
    return re.findall(r'<h2 id="sd-\w+">([^<]+)</h2>', html)


def recent(rows: Rows, number: int) -> None:
    """*number* repos with a run of today that wrote back, and a held one of yesterday."""
    now = timezone.now()
    for _ in range(number):
        task = rows.repo()
        checkout = task.workstream.repo.checkouts.get()
        run = rows.run(checkout, at=now - timedelta(minutes=5), writeback_commit="b" * 40, fetch="fatal: no")
        rows.finding(run, task=task.key, resolved_by=run, resolved_at=now, resolution="written_back")


def test_viewer_sees_every_card(rows: Rows, viewer: Client) -> None:
    recent(rows, 1)
    html = body(viewer, PAGE)
    assert titles(html) == TITLES
    assert "bbbbbbbbbb" in html


def test_page_needs_as_many_queries_for_30_rows_as_for_1(rows: Rows, viewer: Client) -> None:
    recent(rows, 1)
    rows.repo()  # overdue
    one = queries(viewer, PAGE)
    recent(rows, 29)
    assert queries(viewer, PAGE) == one <= 23


def test_empty_hub_says_how_to_begin(viewer: Client, db: None) -> None:
    html = body(viewer, PAGE)
    assert "The hub is empty" in html
    assert "register_repo" in html
    assert titles(html) == []


def test_hub_with_a_repo_and_nothing_else_opens(viewer: Client, db: None) -> None:
    Repo.objects.create(slug="new")
    assert titles(body(viewer, PAGE)) == TITLES


def test_run_that_has_not_ended_is_none_yet(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Finding.objects.all().delete()
    Run.objects.update(finished_at=None, freshness="", fetch="", outcome="running")
    assert "never run" in body(viewer, PAGE)


def test_hostile_text_is_shown_as_text(rows: Rows, viewer: Client) -> None:
    rows.repo(title=HOSTILE, host=HOSTILE, path=f"/srv/{HOSTILE}")
    html = body(viewer, PAGE)
    assert "<script>alert" not in html
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)
    assert "\\u202eevil" in html


def test_who_has_no_group_sees_no_number(rows: Rows, client_of: Callable[[str], Client]) -> None:
    recent(rows, 1)
    html = body(client_of("nobody"), PAGE)
    assert titles(html) == []
    assert "repo-001" not in html


@pytest.mark.parametrize("hours", [1, 48])
def test_hours_until_overdue_are_a_setting(hours: int, rows: Rows, viewer: Client, settings: object) -> None:
    settings.STATEHUB_OVERDUE_HOURS = hours  # type: ignore[attr-defined]  # pytest-django's fixture
    task = rows.repo()
    checkout = task.workstream.repo.checkouts.get()
    rows.run(checkout, at=timezone.now() - timedelta(hours=12))
    assert ("Every checkout had a run within" in body(viewer, PAGE)) == (hours == 48)


def test_every_link_opens(rows: Rows, viewer: Client) -> None:
    recent(rows, 1)
    rows.repo()
    page = body(viewer, PAGE).split('id="content-main"')[1]
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"]*)"', page)}
    assert {link: viewer.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def cell(client: Client) -> str:
    """Return the text of the grid's only cell, with `[…]` around links."""
    html = body(client, PAGE).split('<div class="sd-place">')[1].split("</td>")[0]
    linked = re.sub(r"<a [^>]*>(.*?)</a>", r"[\1]", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", "", linked).split())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "[fixed 5 minutes ago]"),
        ({"mode": "check"}, "[checked 5 minutes ago]"),
        ({"outcome": "error", "error": "x"}, "[fix failed 5 minutes ago]"),
        ({"outcome": "skipped"}, "[fix held back 5 minutes ago]"),
        ({"freshness": "unknown", "fetch": "not asked"}, "last fetched 2 hours ago · [fixed 5 minutes ago]"),
        ({"freshness": "unknown", "fetch": "fatal: no"}, "last fetched 2 hours ago · [fixed 5 minutes ago]"),
        ({"freshness": "no_upstream", "fetch": "no upstream"}, "no remote · [fixed 5 minutes ago]"),
    ],
)
def test_cell_says_what_was_done_and_offers_nothing(
    fields: dict[str, Any], words: str, rows: Rows, viewer: Client
) -> None:
    """`fix 5 min ago`, or a word in a coloured box that leads somewhere, would be taken for a button."""
    checkout = rows.repo().workstream.repo.checkouts.get()
    now = timezone.now()
    rows.run(checkout, at=now - timedelta(hours=2, minutes=5))
    ended = now - timedelta(minutes=5, seconds=5)
    rows.run(checkout, at=now - timedelta(minutes=5, seconds=6), finished_at=ended, **fields)
    assert cell(viewer).endswith(f" {words}")
    assert not re.search(r'<a class="[^"]*sh-badge', body(viewer, PAGE))


@pytest.mark.parametrize(
    ("fetch", "badge"),
    [
        ("not asked", '<span class="sh-badge sh-muted" title="the run was not asked to fetch">not asked</span>'),
        (
            "fatal: <no> route",
            '<span class="sh-badge sh-warn" title="the remote could not be reached: fatal: &lt;no&gt; route">'
            "not reached</span>",
        ),
    ],
)
def test_remote_not_asked_differs_from_one_not_reached(fetch: str, badge: str, rows: Rows, viewer: Client) -> None:
    checkout = rows.repo().workstream.repo.checkouts.get()
    run = rows.run(checkout, at=timezone.now() - timedelta(minutes=5), freshness="unknown", fetch=fetch)
    pages = ("", "consistency/run/", "statehub/checkout/", f"statehub/checkout/{checkout.pk}/change/",
             f"statehub/repo/{checkout.repo_id}/change/", f"consistency/run/{run.pk}/change/")  # fmt: skip
    assert {page: badge in body(viewer, f"{PAGE}{page}") for page in pages} == dict.fromkeys(pages, True)
