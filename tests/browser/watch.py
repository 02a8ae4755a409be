"""A browser page that is watched: whatever leaves the machine, fails, or is hard to use, fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import PASSWORD, Site

BAD = {"serious", "critical"}


@dataclass
class Watched:
    """What went wrong on a page so far."""

    page: Page
    site: Site
    trouble: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to *path* of the hub."""
        self.page.goto(f"{self.site.url}{path}")

    def log_in(self, name: str) -> None:
        """Log in as *name*."""
        self.open("/admin/")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.site.url}/admin/")

    def scan(self) -> None:
        """Look for what keeps people with disabilities from using the page."""
        self.page.wait_for_load_state("networkidle")
        for violation in Axe().run(self.page).response["violations"]:
            if violation["impact"] in BAD:
                nodes = [node["html"] for node in violation["nodes"][:3]]
                self.trouble.append(f"{self.page.url}: {violation['id']} ({violation['impact']}): {nodes}")


@contextmanager
def watched(page: Page, site: Site) -> Iterator[Watched]:
    """*page*, watched until the end of the block, which fails where there was trouble."""
    watch = Watched(page, site)
    page.on("console", lambda said: watch.trouble.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: watch.trouble.append(f"script: {error}"))
    page.on("dialog", lambda dialog: (watch.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "request",
        lambda request: None
        if request.url.startswith((site.url, "data:", "blob:"))
        else watch.trouble.append(f"leaves the machine: {request.url}"),
    )
    yield watch
    assert watch.trouble == []
