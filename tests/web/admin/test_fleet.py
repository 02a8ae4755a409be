"""The fleet's page: workers, queues, checkouts and webhooks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from consistency.db.queue import LOST_WORKER, queue_checkouts
from consistency.models import Worker
from statehub.models import Checkout
from statehub.standard_webhooks import make_secret
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, Rows
from tests.web.hooks.helpers import deliver
from web.admin.fleet import NO_WORKERS, ROWS_SHOWN
from web.hooks.webhooks import create_webhook

PAGE = "/admin/fleet/"

is_postgresql = connection.vendor == "postgresql"
only_postgresql = pytest.mark.skipif(not is_postgresql, reason="SQLite has no queue")


def new_clone(rows: Rows, host: str = "hub", **fields: object) -> Checkout:
    """A clone of the hub's own, with a run, and a webhook at GitHub."""
    repo = rows.repo(host=host).workstream.repo
    repo.checkouts.update(**{"managed": True, **fields})
    create_webhook(repo, "github")
    return repo.checkouts.get()


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def facts(html: str) -> dict[str, str]:
    """The facts of the page: names and values without tags."""
    return {name: plain(value) for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html, re.DOTALL)}


def table(html: str, title: str) -> list[list[str]]:
    """The rows of the table below *title*, without tags."""
    part = html.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", part.partition("<tbody>")[2], re.DOTALL)
    return [[plain(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] for row in rows]


def test_empty_hub(viewer: Client) -> None:
    html = body(viewer, PAGE)
    common = {"Oldest push not taken": "–", "Checkouts": "0", "Size of the clones": "0 bytes", "Webhooks": "–"}
    workers = {"Workers alive": "0", "Queue": "0 runs", "At work": "0"} if is_postgresql else {}
    assert facts(html) == workers | common
    assert ("manage.py run_worker" in html) is is_postgresql
    assert "manage.py register_repo --remote URL" in html
    assert "manage.py webhook SLUG" in html


def test_sqlite_has_no_workers(rows: Rows, viewer: Client) -> None:
    new_clone(rows)
    html = body(viewer, PAGE)
    assert (NO_WORKERS in html.replace("&#x27;", "'")) is not is_postgresql
    assert ("<h2>Hosts</h2>" in html) is is_postgresql


@only_postgresql
def test_workers_and_queue_of_each_host(rows: Rows, viewer: Client) -> None:
    one, two, lost = new_clone(rows, "one", clone_size=1_500_000), new_clone(rows, "two"), new_clone(rows, "lost")
    now = timezone.now()
    Worker.objects.create(host="one", pid=1, concurrency=4)
    Worker.objects.create(host="one", pid=2, concurrency=2)
    Worker.objects.create(host="two", pid=3, concurrency=1)
    Worker.objects.create(host="lost", pid=4, concurrency=8, seen_at=now - 2 * LOST_WORKER)
    queue_checkouts([one.pk, lost.pk], "webhook")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE queue_name = 'one'")
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '150 seconds'")
    html = body(viewer, PAGE)
    assert table(html, "Hosts") == [
        ["lost", "none", "0", "1", "0", "2.5 min", "1", "0 bytes"],
        ["one", "2", "6", "0", "1", "–", "1", "1.5 MB"],
        ["two", "1", "1", "0", "0", "–", "1", "0 bytes"],
    ]
    seen = facts(html)
    assert (seen["Workers alive"], seen["Queue"], seen["At work"]) == ("3", "1 run, the oldest for 2.5 min", "1")
    assert two.host == "two"


def test_checkouts_whose_push_waits_come_first(rows: Rows, viewer: Client) -> None:
    now = timezone.now()
    new_clone(rows, "a", clone_size=2_500_000_000, push_lag=0.25, poll_at=now)
    new_clone(rows, "b", rung_at=now - timedelta(minutes=10), clone_size=2_000)
    watched = new_clone(rows, "c", managed=False, watch=True, push_lag=90.0, poll_failures=3)
    new_clone(rows, "d", managed=False)
    new_clone(rows, "e", retired_at=now)
    html = body(viewer, PAGE)
    run = "2026-03-01 12:00 ok"
    assert table(html, "Checkouts that workers run") == [
        ["repo-003", "b", "managed", "2.0 kB", run, "waits for 10.0 min", "–"],
        ["repo-001", "a", "managed", "2.5 GB", run, "taken in 250 ms", f"{now:%Y-%m-%d %H:%M}"],
        ["repo-005", "c", "watched", "–", run, "taken in 90.0 s", "– 3 failed"],
    ]
    assert watched.watch
    seen = facts(html)
    assert (seen["Checkouts"], seen["Size of the clones"], seen["Oldest push not taken"]) == ("3", "2.5 GB", "10.0 min")


def test_webhooks_that_need_attention_come_first(rows: Rows, viewer: Client) -> None:
    heard, refused, silent, _ = (new_clone(rows).repo for _ in range(4))
    deliver(heard.webhook)
    deliver(refused.webhook, make_secret())
    deliver(silent.webhook)
    silent.checkouts.update(unannounced_at=timezone.now())
    html = body(viewer, PAGE)
    assert [(row[0], row[1], row[4]) for row in table(html, "Webhooks")] == [
        (refused.slug, "refused", "wrong signature: the secret at the forge is not that of the hub"),
        (silent.slug, "silent", "–"),
        ("repo-007", "waiting", "–"),
        (heard.slug, "heard", "–"),
    ]
    assert facts(html)["Webhooks"] == "1 refused · 1 silent · 1 waiting · 1 heard"


def test_page_needs_a_constant_number_of_queries_and_is_cut(rows: Rows, viewer: Client) -> None:
    new_clone(rows)
    one = queries(viewer, PAGE)
    for number in range(ROWS_SHOWN):
        new_clone(rows, f"host-{number}")
    assert queries(viewer, PAGE) == one <= 12
    html = body(viewer, PAGE)
    assert (len(table(html, "Checkouts that workers run")), len(table(html, "Webhooks"))) == (ROWS_SHOWN, ROWS_SHOWN)
    assert "50 of 51, those whose push waits first" in html
    assert "The first 50; each repo&#x27;s page has its own." in html


def test_hostile_text_is_shown_as_text(rows: Rows, viewer: Client) -> None:
    clone = new_clone(rows, HOSTILE)
    queue_checkouts([clone.pk], "webhook")
    html = body(viewer, PAGE)
    assert "<script>alert" not in html
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)


def test_who_may_see_it(viewer: Client, client_of: Callable[[str], Client]) -> None:
    assert "/admin/fleet/" in body(viewer, "/admin/")
    nobody = client_of("nobody")
    assert nobody.get(PAGE).status_code == 403
    assert "/admin/fleet/" not in body(nobody, "/admin/")
    assert Client().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405
