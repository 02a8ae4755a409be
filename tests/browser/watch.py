"""A watched browser page: errors, requests to other machines and pages that are hard to use fail the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no types
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

from tests.browser.conftest import PASSWORD, Site

BAD = {"serious", "critical"}


@dataclass
class Watched:
    """A page with the problems found on it."""

    page: Page
    site: Site
    problems: list[str] = field(default_factory=list)

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
        """Check whether people with disabilities can use the page."""
        self.page.wait_for_load_state("networkidle")
        for violation in Axe().run(self.page).response["violations"]:
            if violation["impact"] in BAD:
                nodes = [node["html"] for node in violation["nodes"][:3]]
                self.problems.append(f"{self.page.url}: {violation['id']} ({violation['impact']}): {nodes}")

    def on_console(self, message: ConsoleMessage) -> None:
        """Record an error in the browser's console."""
        if message.type == "error":
            self.problems.append(f"console: {message.text} {message.location.get('url', '')}")

    def on_dialog(self, dialog: Dialog) -> None:
        """Record a dialog: our scripts never open one."""
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def on_request(self, request: Request) -> None:
        """Record a request to another machine."""
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.problems.append(f"leaves the machine: {request.url}")


@contextmanager
def watched(page: Page, site: Site) -> Iterator[Watched]:
    """Watch *page* until the end of the block, which fails if there was a problem."""
    watch = Watched(page, site)
    page.on("console", watch.on_console)
    page.on("pageerror", lambda error: watch.problems.append(f"script: {error}"))
    page.on("dialog", watch.on_dialog)
    page.on("request", watch.on_request)
    page.set_default_timeout(10_000)
    yield watch
    assert not watch.problems, "\n".join(dict.fromkeys(watch.problems))
