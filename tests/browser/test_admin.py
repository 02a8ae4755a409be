"""The admin as people use it, in a real browser."""

from __future__ import annotations

import csv
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Site
from tests.browser.watch import Watched, watched

PAGES = (
    "consistency/finding",
    "consistency/run",
    "statehub/repo",
    "statehub/checkout",
    "statehub/workstream",
    "statehub/task",
)


@pytest.fixture
def watch(page: Page, site: Site) -> Iterator[Watched]:
    with watched(page, site) as watch:
        yield watch


def test_from_the_findings_to_the_run(watch: Watched) -> None:
    page = watch.page
    watch.log_in("viewer")
    watch.open("/admin/consistency/finding/")
    page.get_by_role("link", name="C-13 hub ahead").click()
    expect(page.locator("#result_list tbody")).to_have_count(3)
    page.locator("#result_list tbody", has_text="written back").first.locator("th a").first.click()
    expect(page.get_by_role("heading", name="What the writeback changed")).to_be_visible()
    expect(page.locator(".sh-diff del")).to_have_text("- status: todo")
    watch.scan()
    page.get_by_role("link", name="the fix of").first.click()
    expect(page.get_by_role("heading", name="Freshness receipt")).to_be_visible()
    expect(page.get_by_text("refs/heads/main").or_(page.get_by_text("main", exact=True)).first).to_be_visible()


def test_filters_of_the_sheet(watch: Watched) -> None:
    page = watch.page
    watch.log_in("viewer")
    watch.open("/admin/consistency/finding/?code=C-13&state=open")
    expect(page.locator("#result_list tbody")).to_have_count(1)
    watch.open("/admin/consistency/finding/?severity=FAIL")
    expect(page.locator("#result_list tbody")).to_have_count(1)
    page.locator("#changelist a", has_text="filter_list").click()
    page.get_by_role("button", name="Apply Filters").click()
    expect(page.locator("#result_list tbody")).to_have_count(1)


def test_reopen_a_task_with_a_reason(watch: Watched) -> None:
    page = watch.page
    watch.log_in("operator")
    watch.open("/admin/statehub/task/?q=WP-1-T01")
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator("h1").first).to_contain_text("<img src=x onerror=alert(1)> \\u202eevil")
    form = page.locator("form", has_text="Reason")
    form.locator("select").select_option("in_progress")
    form.locator("input[name=reason]").fill("the tests were red")
    watch.scan()
    form.get_by_role("button", name="Reopen").click()
    expect(page.get_by_text("WP-1-T01: done → in_progress")).to_be_visible()
    timeline = page.locator(".sh-timeline")
    expect(timeline).to_contain_text("by operator (admin)")
    expect(timeline).to_contain_text("the tests were red")


def test_advance_a_task(watch: Watched) -> None:
    page = watch.page
    watch.log_in("operator")
    watch.open("/admin/statehub/task/?q=WP-1-T02")
    page.locator("#result_list tbody th a").first.click()
    form = page.locator("form", has=page.get_by_role("button", name="Advance"))
    form.locator("select").select_option("done")
    form.get_by_role("button", name="Advance").click()
    expect(page.get_by_text("WP-1-T02: in_progress → done")).to_be_visible()


@pytest.mark.parametrize("mode", ["Check", "Fix"])
def test_run_now(mode: str, watch: Watched) -> None:
    page = watch.page
    watch.log_in("operator")
    watch.open("/admin/statehub/checkout/?q=net-kingdom")
    page.locator("#result_list tbody th a").first.click()
    watch.scan()
    page.get_by_role("button", name=f"{mode} now").click()
    page.wait_for_url("**/admin/consistency/run/**", timeout=30_000)
    facts = page.locator(".sh-facts").first
    expect(facts).to_contain_text("admin")
    expect(facts).to_contain_text("operator")
    if mode == "Fix":
        assert "status: done" in watch.site.clone.read("workplans/WP-1.md").decode()
        expect(page.get_by_text("no drift is left")).to_be_visible()


def test_csv_export_of_what_is_shown(watch: Watched, tmp_path: Path) -> None:
    page = watch.page
    watch.log_in("viewer")
    watch.open("/admin/consistency/finding/?code=C-13")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["code"] for row in rows} == {"C-13"}
    assert len(rows) == 3


def test_viewer_may_not(watch: Watched) -> None:
    page = watch.page
    watch.log_in("viewer")
    for place in ("statehub/task/?q=WP-1-T01", "statehub/checkout/?q=net-kingdom"):
        watch.open(f"/admin/{place}")
        page.locator("#result_list tbody th a").first.click()
        expect(page.locator(".sh-card").first).to_be_visible()
        expect(page.locator(".sh-record form")).to_have_count(0)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_administrator_makes_a_person_and_a_token(scheme: str, watch: Watched) -> None:
    from django.contrib.auth.models import User

    page = watch.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    User.objects.create_superuser("ada", password=PASSWORD)
    watch.log_in("ada")
    watch.open("/admin/auth/user/add/")
    page.get_by_label("Username").fill("ben")
    for field in ("password1", "password2"):
        page.fill(f"input[name={field}]", PASSWORD)
    page.get_by_label("Operator: also runs checks and fixes").check()
    watch.scan()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list tbody", has_text="ben")).to_contain_text("operator")
    watch.open("/admin/web/apitoken/")
    page.get_by_role("link", name="Add API token").click()
    watch.scan()
    page.get_by_label("Name").fill("ben")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator(".sh-secret")).to_have_text(re.compile("^sth_[A-Za-z0-9_-]{43}$"))
    watch.scan()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(scheme: str, watch: Watched) -> None:
    page = watch.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    watch.open("/admin/login/")
    watch.scan()
    watch.log_in("operator")
    watch.scan()
    for place in PAGES:
        watch.open(f"/admin/{place}/")
        watch.scan()
        page.locator("#result_list tbody th a").first.click()
        expect(page.locator(".sh-card").first).to_be_visible()
        watch.scan()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_webhook_from_the_command_to_the_fleet_page(watch: Watched, scheme: Literal["light", "dark"]) -> None:
    page = watch.page
    ended = watch.site.hub.manage("webhook", "net-kingdom", "--forge", "gitea", "--format", "json")
    made = json.loads(ended.stdout)
    page.emulate_media(color_scheme=scheme)
    watch.log_in("viewer")
    page.get_by_role("link", name="Fleet").click()
    row = page.locator(".sh-card", has=page.get_by_role("heading", name="Webhooks")).locator("tbody tr")
    expect(row).to_contain_text("waiting")
    watch.scan()
    signed = {
        "X-Gitea-Signature": hmac.new(made["secret"].encode(), b"{}", "sha256").hexdigest(),
        "X-Gitea-Event": "push",
    }
    assert page.request.post(watch.site.url + made["path"], data=b"{}", headers=signed).status == 202
    page.reload()
    expect(row).to_contain_text("heard")
    row.get_by_role("link", name="net-kingdom").click()
    expect(page.get_by_role("heading", name="To enter at Gitea")).to_be_visible()
    expect(page.get_by_text(f"{watch.site.url}{made['path']}").first).to_be_visible()
    expect(page.get_by_text(made["secret"])).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 800})
    watch.scan()
    for address in ("/admin/fleet/", "/admin/notifications/"):
        watch.open(address)
        watch.scan()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
