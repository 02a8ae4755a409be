"""The board, the activity and a workplan's page as people use them, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Site
from tests.browser.watch import Watched, watched

PHONE = {"width": 320, "height": 640}
PAGES = ("board/", "activity/", "workplan/net-kingdom/WP-1/", "board/?repo=none", "activity/?repo=none")


@pytest.fixture
def watch(page: Page, site: Site) -> Iterator[Watched]:
    with watched(page, site) as watch:
        yield watch


def card(page: Page, status: str, key: str) -> Locator:
    return page.get_by_role("region", name=status).get_by_role("listitem").filter(has_text=key)


def focused(page: Page) -> str:
    """The text of the element that has the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_move_a_card_forward_and_back(watch: Watched) -> None:
    page = watch.page
    watch.log_in("operator")
    page.get_by_role("link", name="view_kanban Board").click()
    page.get_by_label("Repo", exact=True).fill("net-kingdom")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Repo", exact=True)).to_have_value("net-kingdom")
    task = card(page, "In progress", "WP-1-T02")
    task.locator("summary").click()
    watch.scan()
    task.get_by_role("group", name="Advance to").get_by_role("button", name="Done").click()
    expect(page.get_by_text("WP-1-T02: in_progress → done")).to_be_visible()
    assert page.url.startswith(f"{watch.site.url}/admin/board/?repo=net-kingdom#task-")
    expect(card(page, "Done", "WP-1-T02")).to_be_in_viewport()
    task = card(page, "Done", "WP-1-T02")
    task.locator("summary").click()
    task.get_by_label("Reason").fill("the tests were red")
    task.get_by_label("Reason").press("Enter")
    expect(page.get_by_text("WP-1-T02: done →")).to_have_count(0)  # the browser asks for the status
    task.get_by_label("Back to").select_option("In progress")
    watch.scan()
    task.get_by_role("button", name="Reopen").click()
    expect(page.get_by_text("WP-1-T02: done → in_progress")).to_be_visible()
    expect(card(page, "In progress", "WP-1-T02")).to_contain_text("operator since")
    page.get_by_role("link", name="Mine").click()
    expect(page.get_by_role("heading", level=3)).to_have_count(1)
    page.get_by_role("link", name="timeline Activity").click()
    first = page.locator(".sb-moves > li").first
    expect(first).to_contain_text("by operator (admin)")
    expect(first).to_contain_text("Reason: the tests were red")


def test_move_a_card_with_the_keyboard(watch: Watched) -> None:
    page = watch.page
    watch.log_in("operator")
    watch.open("/admin/board/?repo=net-kingdom")
    card(page, "In progress", "WP-1-T02").get_by_role("link").first.focus()
    page.keyboard.press("Tab")
    assert focused(page) == "WP-1"
    page.keyboard.press("Tab")
    assert focused(page) == "Move WP-1-T02"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "Blocked"
    page.keyboard.press("Tab")
    assert focused(page) == "Done"
    page.keyboard.press("Enter")
    expect(page.get_by_text("WP-1-T02: in_progress → done")).to_be_visible()
    page.keyboard.press("Tab")  # From the card, to which the page has come back
    assert page.evaluate("document.activeElement.closest('.sb-card').id") == page.url.partition("#")[2]


def test_viewer_sees_no_moves(watch: Watched) -> None:
    page = watch.page
    watch.log_in("viewer")
    watch.open("/admin/board/")
    expect(card(page, "Done", "WP-1-T01")).to_contain_text("<img src=x onerror=alert(1)> \\u202eevil")
    expect(page.locator(".sb-page summary")).to_have_count(0)


def test_from_the_activity_to_finding_and_workplan(watch: Watched) -> None:
    page = watch.page
    watch.log_in("viewer")
    watch.open("/admin/activity/?repo=net-kingdom")
    move = page.locator(".sb-moves > li").filter(has_text="written back in").first
    move.get_by_role("link", name="C-13").click()
    expect(page.get_by_role("heading", name="What the writeback changed")).to_be_visible()
    page.go_back()
    move.get_by_role("link", name="WP-1", exact=True).click()
    expect(page.get_by_role("heading", name="Tasks, in the order of the file")).to_be_visible()
    assert page.url == f"{watch.site.url}/admin/workplan/net-kingdom/WP-1/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, PHONE], ids=["desktop", "phone"])
def test_pages_can_be_used_by_everyone(scheme: str, viewport: dict[str, int], watch: Watched) -> None:
    page = watch.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    page.set_viewport_size(viewport)  # type: ignore[arg-type]  # has both
    watch.log_in("operator")
    for place in PAGES:
        watch.open(f"/admin/{place}")
        watch.scan()
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], place


def test_jump_to_a_column_on_a_phone(watch: Watched) -> None:
    page = watch.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # has both
    watch.log_in("viewer")
    watch.open("/admin/board/")
    expect(page.get_by_role("heading", name="Done")).not_to_be_in_viewport()
    page.get_by_role("navigation", name="Columns").get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", name="Done")).to_be_in_viewport()
