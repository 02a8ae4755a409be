"""Retiring in the admin: a button and two actions, a page that asks, a permission, and nothing is deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from consistency.models import Finding, Run
from statehub.models import Checkout, Repo
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import HOSTILE, Rows

LISTS = {"checkout": Checkout, "repo": Repo}


def act(client: Client, model: str, *pks: int, **more: str) -> Any:
    data = {"action": "retire_chosen", "_selected_action": [str(pk) for pk in pks], **more}
    return client.post(f"/admin/statehub/{model}/", data, follow=True)


def retired() -> list[str]:
    return list(Checkout.objects.exclude(retired_at=None).order_by("path").values_list("path", flat=True))


def all_rows() -> list[list[Any]]:
    return [list(model._default_manager.order_by("pk").values()) for model in (Repo, Checkout, Run, Finding)]


@pytest.mark.parametrize("model", LISTS)
def test_asks_first(model: str, rows: Rows, operator: Client) -> None:
    for _ in range(3):
        rows.repo()
    first, second, _ = LISTS[model]._default_manager.order_by("pk")
    before = all_rows()
    html = act(operator, model, first.pk, second.pk).content.decode()
    assert ("Are you sure?" in html, html.count("<li>repo-")) == (True, 2)
    assert ("repo-001 on test-host: " in html, "repo-005 on" in html) == (True, False)
    assert all_rows() == before
    html = act(operator, model, first.pk, second.pk, confirmed="yes").content.decode()
    assert "2 checkouts retired" in html
    assert retired() == ["/srv/1", "/srv/3"]
    assert not Finding.objects.filter(checkout__path__in=retired(), resolved_at=None).exists()
    assert Finding.objects.filter(resolution="retired", resolved_by=None).count() == 2
    assert "these checkouts are already retired" in act(operator, model, first.pk).content.decode()


def test_repo_has_all_of_its_checkouts_retired(rows: Rows, operator: Client) -> None:
    repo = rows.repo().workstream.repo
    Checkout.objects.create(repo=repo, host="laptop", path="/home/me/net")
    html = act(operator, "repo", repo.pk, confirmed="yes").content.decode()
    assert "2 checkouts retired" in html
    assert retired() == ["/home/me/net", "/srv/1"]


def test_all_that_a_filter_shows(rows: Rows, operator: Client) -> None:
    for host in ("one", "two", "two"):
        rows.repo(host=host)
    pk = Checkout.objects.filter(host="two").earliest("pk").pk
    data = {"action": "retire_chosen", "_selected_action": [pk], "select_across": "1"}
    html = operator.post("/admin/statehub/checkout/?host=two", data).content.decode()
    assert html.count("<li>repo-") == 2
    operator.post("/admin/statehub/checkout/?host=two", {**data, "confirmed": "yes"})
    assert Checkout.objects.active().get().host == "one"


@pytest.mark.parametrize("model", LISTS)
def test_needs_the_permission(model: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    pk, before = LISTS[model]._default_manager.get().pk, all_rows()
    assert "Retire" not in body(viewer, f"/admin/statehub/{model}/")
    assert "Retire" not in body(viewer, f"/admin/statehub/{model}/{pk}/change/")
    act(viewer, model, pk, confirmed="yes")
    assert all_rows() == before


def test_needs_the_csrf_token(rows: Rows, operator: Client) -> None:
    rows.repo()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert act(strict, "checkout", Checkout.objects.get().pk, confirmed="yes").status_code == 403
    assert retired() == []


@pytest.mark.parametrize("model", LISTS)
def test_button_on_the_page(model: str, rows: Rows, operator: Client) -> None:
    rows.repo()
    page = f"/admin/statehub/{model}/{LISTS[model]._default_manager.get().pk}/change/"
    assert "Retire …" in body(operator, page)
    act(operator, model, LISTS[model]._default_manager.get().pk, confirmed="yes")
    html = body(operator, page)
    assert ("Retire …" in html, "retired" in html) == (False, True)


def test_retired_one_is_not_run(rows: Rows, operator: Client) -> None:
    rows.repo()
    pk = Checkout.objects.get().pk
    act(operator, "checkout", pk, confirmed="yes")
    html = body(operator, f"/admin/statehub/checkout/{pk}/change/")
    assert ("Check now" in html, "This checkout is retired" in html, "<dt>Retired</dt>" in html) == (False, True, True)
    answer = operator.post(f"/admin/statehub/checkout/{pk}/run/", {"mode": "check"}, follow=True)
    assert "This checkout is retired; register_repo PATH" in answer.content.decode()
    assert Run.objects.count() == 1


def test_list_tells_and_filters(rows: Rows, operator: Client) -> None:
    rows.repo(), rows.repo()
    act(operator, "checkout", Checkout.objects.earliest("pk").pk, confirmed="yes")
    for state, shown in (("retired", ["repo-001"]), ("active", ["repo-003"])):
        html = body(operator, f"/admin/statehub/checkout/?state={state}")
        assert [slug for slug in ("repo-001", "repo-003") if slug in html] == shown
        assert ("No longer run or shown as overdue." in html) is (state == "retired")


def test_hostile_text_is_shown_as_text(rows: Rows, operator: Client) -> None:
    rows.repo(path=f"/srv/{HOSTILE}", host=HOSTILE)
    html = act(operator, "checkout", Checkout.objects.get().pk).content.decode()
    assert ("<script>alert" in html, "\\u202eevil" in html) == (False, True)


def test_repo_page_tells_what_it_is_known_by(rows: Rows, viewer: Client) -> None:
    repo = rows.repo().workstream.repo
    Repo.objects.update(
        aliases=["example.org/alias"], former_origins=["old.example.org/net"], first_commits=["f" * 40],
        workplans="a/*.md\nb/*.md", exclude="a/old*\nb/x.md",
    )  # fmt: skip
    html = body(viewer, f"/admin/statehub/repo/{repo.pk}/change/")
    for words in ("example.org/alias", "old.example.org/net", "f" * 12, "a/*.md", "b/*.md", "a/old*", "b/x.md"):
        assert words in html
