"""Bringing back in the admin: the opposite of retiring, by the same pages, for the same people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from consistency.cli.retiring import bring_back, retire
from consistency.models import Finding, Run
from statehub.models import Checkout, Repo
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import Rows

LISTS = {"checkout": Checkout, "repo": Repo}


def act(client: Client, model: str, *pks: int, **more: str) -> Any:
    data = {"action": "bring_back_chosen", "_selected_action": [str(pk) for pk in pks], **more}
    return client.post(f"/admin/statehub/{model}/", data, follow=True)


def retired() -> list[str]:
    return list(Checkout.objects.retired().order_by("path").values_list("path", flat=True))


def all_rows() -> list[list[Any]]:
    return [list(model._default_manager.order_by("pk").values()) for model in (Repo, Checkout, Run, Finding, LogEntry)]


def log() -> list[tuple[str, str, str]]:
    """Return the admin's log: user, object and message of each entry."""
    rows = LogEntry.objects.order_by("pk").select_related("user")
    return [(row.user.get_username(), row.object_repr, row.get_change_message()) for row in rows]


@pytest.fixture
def three_retired(rows: Rows) -> list[Checkout]:
    for _ in range(3):
        rows.repo()
    return retire(Checkout.objects.all())


@pytest.mark.parametrize("model", LISTS)
def test_asks_first(model: str, three_retired: list[Checkout], operator: Client) -> None:
    first, second, _ = LISTS[model]._default_manager.order_by("pk")
    before = all_rows()
    html = act(operator, model, first.pk, second.pk).content.decode()
    assert ("Are you sure?" in html, html.count("<li>repo-")) == (True, 2)
    assert ("repo-001 on test-host: " in html, "repo-005 on" in html) == (True, False)
    assert all_rows() == before
    html = act(operator, model, first.pk, second.pk, confirmed="yes").content.decode()
    assert ("2 checkouts brought back" in html, retired()) == (True, ["/srv/5"])
    assert log() == [("operator", f"test-host:/srv/{number}", "Brought back.") for number in (1, 3)]
    assert "none of these checkouts is retired" in act(operator, model, first.pk).content.decode()


def test_history_stays_as_it_was(rows: Rows, operator: Client) -> None:
    rows.repo()
    (checkout,) = retire(Checkout.objects.all())
    before = all_rows()[2:4], list(Checkout.objects.values_list("pk", "head", "tip", "created_at"))
    act(operator, "checkout", checkout.pk, confirmed="yes")
    assert (all_rows()[2:4], list(Checkout.objects.values_list("pk", "head", "tip", "created_at"))) == before
    assert "Brought back." in body(operator, f"/admin/statehub/checkout/{checkout.pk}/change/")


def test_retiring_is_in_the_log_too(rows: Rows, operator: Client) -> None:
    rows.repo()
    pk = Checkout.objects.get().pk
    data = {"action": "retire_chosen", "_selected_action": [str(pk)], "confirmed": "yes"}
    operator.post("/admin/statehub/checkout/", data)
    operator.post("/admin/statehub/checkout/", data)
    assert log() == [("operator", "test-host:/srv/1", "Retired.")]


class TestTakenPlace:
    def test_stays_retired(self, rows: Rows, operator: Client) -> None:
        rows.repo(), rows.repo()
        first, second = Checkout.objects.order_by("pk")
        retire([first])
        Checkout.objects.filter(pk=second.pk).update(path=first.path)
        html = act(operator, "checkout", first.pk, confirmed="yes").content.decode()
        message = "stays retired: test-host:/srv/1 is now a checkout of &#x27;repo-003&#x27;: retire that first"
        assert ("0 checkouts brought back" in html, f"&#x27;repo-001&#x27; {message}" in html) == (True, True)
        assert (retired(), log()) == (["/srv/1"], [])

    def test_the_last_one_of_several_comes_back(self, rows: Rows) -> None:
        rows.repo(), rows.repo()
        first, second = Checkout.objects.order_by("pk")
        retire([first])
        Checkout.objects.filter(pk=second.pk).update(path=first.path)
        retire([second])
        result = bring_back(Checkout.objects.all())
        assert (result.done, result.refused) == ([second], [(first, second)])
        assert list(Checkout.objects.retired()) == [first]
        assert bring_back(Checkout.objects.filter(pk=second.pk)).done == []

    def test_same_path_on_another_host_is_another_place(self, rows: Rows) -> None:
        rows.repo(path="/srv/a"), rows.repo(path="/srv/a", host="laptop")
        (checkout,) = retire(Checkout.objects.filter(host="laptop"))
        assert bring_back([checkout]).done == [checkout]


@pytest.mark.parametrize("model", LISTS)
def test_needs_the_permission(model: str, three_retired: list[Checkout], viewer: Client) -> None:
    pk, before = LISTS[model]._default_manager.earliest("pk").pk, all_rows()
    assert "Bring" not in body(viewer, f"/admin/statehub/{model}/")
    assert "Bring" not in body(viewer, f"/admin/statehub/{model}/{pk}/change/")
    act(viewer, model, pk, confirmed="yes")
    assert all_rows() == before


def test_needs_the_csrf_token(three_retired: list[Checkout], operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert act(strict, "checkout", three_retired[0].pk, confirmed="yes").status_code == 403
    assert len(retired()) == 3


@pytest.mark.parametrize("model", LISTS)
def test_button_on_the_page(model: str, rows: Rows, operator: Client, client_of: Callable[[str], Client]) -> None:
    rows.repo()
    pk = LISTS[model]._default_manager.get().pk
    page = f"/admin/statehub/{model}/{pk}/change/"
    assert "Bring back …" not in body(operator, page)
    retire(Checkout.objects.all())
    html = body(operator, page)
    assert ("Bring back …" in html, "Retire …" in html, "Move …" in html) == (True, False, False)


def test_repo_with_some_retired_has_both_buttons(rows: Rows, operator: Client) -> None:
    repo = rows.repo().workstream.repo
    retire([Checkout.objects.create(repo=repo, host="laptop", path="/home/me/net")])
    html = body(operator, f"/admin/statehub/repo/{repo.pk}/change/")
    assert ("Bring back …" in html, "Retire …" in html) == (True, True)
    assert "git remote set-url origin URL in a registered clone, then manage.py register_repo PATH" in html
