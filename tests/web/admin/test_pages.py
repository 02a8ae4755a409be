"""Every list and page opens with a constant number of queries and shows hostile text as text."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, Task, Workstream
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, Rows
from web.admin import readonly

LISTS = {
    "consistency_finding": Finding,
    "consistency_run": Run,
    "statehub_repo": Repo,
    "statehub_checkout": Checkout,
    "statehub_workstream": Workstream,
    "statehub_task": Task,
}


def address(model: str, pk: object = None, query: str = "") -> str:
    return f"/admin/{model.replace('_', '/')}/" + (f"{pk}/change/" if pk else "") + query


@pytest.mark.parametrize("model", LISTS)
def test_list_needs_as_many_queries_for_30_rows_as_for_1(model: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    one = queries(viewer, address(model))
    for _ in range(29):
        rows.repo()
    assert queries(viewer, address(model)) == one <= 14


@pytest.mark.parametrize("model", LISTS)
def test_page_needs_as_many_queries_for_30_rows_as_for_1(model: str, rows: Rows, operator: Client) -> None:
    task = rows.repo()
    page = address(model, LISTS[model]._default_manager.get().pk)
    one = queries(operator, page)
    checkout = Checkout.objects.get()
    for number in range(29):
        run = rows.run(checkout)
        rows.finding(run, workplan="WP-1", task="WP-1-T01")
        rows.finding(Run.objects.earliest("started_at"), code="C-12")
        Task.objects.create(workstream=task.workstream, key=f"T{number}", title="More", status="todo")
        Workstream.objects.create(repo=checkout.repo, key=f"W{number}", title="M", status="todo", path="x.md")
    assert one <= queries(operator, page) <= one + 2 <= 16  # a count if a table does not show all rows


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize("detail", [False, True], ids=["list", "page"])
def test_hostile_text_is_shown_as_text(model: str, detail: bool, rows: Rows, operator: Client) -> None:
    rows.repo(title=HOSTILE, path=f"/srv/{HOSTILE}", host=HOSTILE)
    html = body(operator, address(model, LISTS[model]._default_manager.get().pk if detail else None))
    assert "<script>alert" not in html
    html = re.sub(r'value="[^"]*"', "", html)  # the value of a filter's option is not shown
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)
    if model != "statehub_repo" or detail:
        assert "\\u202eevil" in html


@pytest.mark.parametrize("model", LISTS)
def test_search_finds(model: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    assert "repo-001" in body(viewer, address(model, query="?q=1"))


@pytest.mark.parametrize("model", LISTS)
def test_unknown_row_leads_home(model: str, viewer: Client) -> None:
    pk = "00000000-0000-0000-0000-000000000000" if LISTS[model] in {Run, Workstream, Task} else "999"
    assert viewer.get(address(model, pk)).status_code == 302


@pytest.mark.parametrize("model", LISTS)
def test_nobody_writes_fields(model: str, rows: Rows, superuser: Client) -> None:
    rows.repo()
    page = address(model, LISTS[model]._default_manager.get().pk)
    assert superuser.post(page, {"status": "done", "title": "x"}).status_code == 405
    assert superuser.get(f"/admin/{model.replace('_', '/')}/add/").status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_who_has_no_group_sees_nothing(model: str, rows: Rows, client_of: Callable[[str], Client]) -> None:
    rows.repo()
    nobody = client_of("nobody")
    assert nobody.get(address(model)).status_code == 403
    assert nobody.get(address(model, LISTS[model]._default_manager.get().pk)).status_code == 403


def test_index_shows_the_sidebar_for_the_group(viewer: Client, superuser: Client) -> None:
    assert "/admin/consistency/finding/" in body(viewer, "/admin/")
    assert "/admin/auth/user/" not in body(viewer, "/admin/")
    assert "/admin/auth/user/" in body(superuser, "/admin/")


@pytest.mark.parametrize("place", ["user", "group", "user/add", "group/add"])
def test_people_pages_open_for_a_superuser(place: str, superuser: Client, viewer: Client) -> None:
    assert superuser.get(f"/admin/auth/{place}/").status_code == 200
    assert viewer.get(f"/admin/auth/{place}/").status_code == 403


def test_order_by_a_column_that_is_not_sortable_repeats_no_row(rows: Rows, operator: Client) -> None:
    repo = rows.repo().workstream.repo
    Checkout.objects.create(repo=repo, host="other", path="/other")
    html = body(operator, address("statehub_repo", query="?o=3"))  # the third column: Checkouts
    assert html.count('name="_selected_action"') == 1


def test_search_that_finds_too_much_says_so(rows: Rows, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readonly, "RESULT_LIMIT", 2)
    for _ in range(3):
        rows.repo()
    html = body(viewer, address("statehub_task", query="?q=WP"))
    assert "Showing the first 2 results. Narrow your search to find others." in html
    assert html.count('class="data-row') == 2
    assert "Showing the first" not in body(viewer, address("statehub_task", query="?q=WP-1-"))


OFFERS = ("Filters", "searchbar", "Reset filters", "Export this list", "/add/", "Create a new item", "Show all")


@pytest.mark.parametrize("model", [*LISTS, "web_apitoken"])
def test_empty_list_says_where_rows_come_from_and_offers_nothing(model: str, superuser: Client) -> None:
    html = body(superuser, address(model))
    # Tokens can also be created in the admin; all other rows come from runs and commands.
    added = ["/add/"] if model == "web_apitoken" else []
    assert [words for words in (*OFFERS, "revoke_chosen") if words in html] == added
    place = html.split("Nothing here yet")[1].split("</div>")[0]
    assert re.search(r"manage\.py \w+|No findings yet", place)


@pytest.mark.parametrize("query", ["?q=nothing-of-the-kind", "?first_seen__year=1999"])
def test_list_in_which_nothing_matches_leads_back_to_the_whole(query: str, rows: Rows, superuser: Client) -> None:
    rows.repo()
    html = body(superuser, address("consistency_finding", query=query))
    place = html.split("Nothing matches")[1].split("</div>")[0]
    assert "Show all" in html
    assert re.findall(r'<a [^>]*href="([^"]*)"', place) == ["?"]
    assert "Export this list" not in html
    assert "Filters" in html


@pytest.mark.parametrize("model", LISTS)
def test_whole_list_does_not_offer_to_show_all(model: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    html = body(viewer, address(model))
    assert "searchbar" in html
    assert "Show all" not in html


def test_list_of_what_can_be_added_offers_it(superuser: Client) -> None:
    from django.contrib.auth.models import Group

    Group.objects.all().delete()
    place = body(superuser, "/admin/auth/group/").split("Nothing here yet")[1].split("</div>")[0]
    assert re.findall(r'<a [^>]*href="([^"]*)">([^<]*)', place) == [("/admin/auth/group/add/", "Add group")]


def test_no_object_has_a_page_outside_of_the_admin(rows: Rows, viewer: Client) -> None:
    keys = ("6", "x", str(rows.repo().pk), str(Checkout.objects.get().pk))
    kinds = ContentType.objects.values_list("pk", flat=True)
    found = {viewer.get(f"/admin/r/{kind}/{key}/").status_code for kind in (*kinds, "x") for key in keys}
    assert found == {404}
    answer = Client().get("/admin/r/6/6/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/admin/r/6/6/")
