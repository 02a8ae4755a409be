"""The page of the receivers of notifications."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from consistency.models import Notification, Receiver
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE
from tests.web.admin.test_fleet import table

PAGE = "/admin/notifications/"


def test_empty_hub(viewer: Client) -> None:
    assert "in the setting STATEHUB_NOTIFY" in body(viewer, PAGE)


def test_receivers_that_fail_come_first(viewer: Client) -> None:
    now = timezone.now()
    since, soon, past = now - timedelta(hours=3), now + timedelta(hours=2), now - timedelta(hours=25)
    gone = Receiver.objects.create(
        name="https://a/…", address_hash="a", failures=9, failing_since=since, retry_at=past, error="no route to host"
    )
    Receiver.objects.create(name="mailto:ada@example.org", address_hash="b")
    down = Receiver.objects.create(
        name="slack+https://c/…", address_hash="c", failures=5, failing_since=since, retry_at=soon,
        error="it answered 500",
    )  # fmt: skip
    for number, times in enumerate([{}, {"delivered_at": now}, {"delivered_at": now, "ended_at": now}]):
        Notification.objects.create(receiver=down, episode=f"e{number}", subject="overdue", since=since, **times)
    assert table(body(viewer, PAGE), "Receivers") == [
        [down.name, "failing", f"{since:%Y-%m-%d %H:%M}", "5", f"{soon:%Y-%m-%d %H:%M}", "2", "it answered 500"],
        [gone.name, "abandoned", f"{since:%Y-%m-%d %H:%M}", "9", f"{past:%Y-%m-%d %H:%M}", "0", "no route to host"],
        ["mailto:ada@example.org", "ok", "–", "0", "–", "0", "–"],
    ]


def test_page_needs_a_constant_number_of_queries(viewer: Client) -> None:
    Receiver.objects.create(name="a", address_hash="a")
    one = queries(viewer, PAGE)
    for number in range(20):
        Receiver.objects.create(name="b", address_hash=number)
    assert queries(viewer, PAGE) == one <= 5


def test_hostile_text_is_shown_as_text(viewer: Client) -> None:
    Receiver.objects.create(name=HOSTILE, address_hash="a", failures=1, error=HOSTILE)
    html = body(viewer, PAGE)
    assert "<script>alert" not in html
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)


def test_who_may_see_it(viewer: Client, client_of: Callable[[str], Client]) -> None:
    assert PAGE in body(viewer, "/admin/")
    nobody = client_of("nobody")
    assert nobody.get(PAGE).status_code == 403
    assert PAGE not in body(nobody, "/admin/")
    assert Client().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405
