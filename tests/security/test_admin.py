"""The admin: who may enter and act, what hostile text in the hub can do to its pages, and its headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from tests.web.admin.helpers import streamed
from tests.web.admin.hubrows import Rows
from web.api import tokens
from web.models import ApiToken

NOBODY = UUID(int=0)
OPEN = {
    "/healthz",
    "/readyz",
    "/api/problems/",
    "/api/openapi.json",
    "/api/docs/",
    "/api/",
    "/api",
    "/",
    "/admin/login/",
    "/admin/logout/",
}
"""Pages for everyone: they show nothing of the hub."""
HOSTILE = (
    "<script>marked()</script><img src=x onerror=marked()>\"' onmouseover=marked() x='"
    "{{ settings.SECRET_KEY }}{% debug %}{{ 6|add:7 }}</textarea></title><!-- javascript:marked()"
    "\u202emarked\u2066\x1b[31mmarked"
)


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """The route of every view."""
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, route)
        else:
            assert isinstance(each, URLPattern)
            yield route


def addresses(**pks: object) -> list[str]:
    """An address for every view there is."""
    changes = {
        r"\(\?P<(?:url|app_label)>[^)]*\)": "consistency",
        r"<uuid:\w+>": str(pks.get("uuid", NOBODY)),
        r"<(?:path|int):\w+>": str(pks.get("pk", 1)),
        r"<(?:\w+:)?\w+>": "1",
        r"[\^$?]|\\Z": "",
    }
    found = set()
    for route in patterns(get_resolver()):
        address = route
        for part, filled in changes.items():
            address = re.sub(part, filled, address)
        found.add(f"/{address}")
    return sorted(found)


def rows_of_everything() -> dict[str, list[Any]]:
    """Return all rows except those that viewing a page leaves."""
    models = [
        model for model in apps.get_models() if model._meta.label not in {"sessions.Session", "web.FailedAuthAttempts"}
    ]
    kept = {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in models}
    for user in kept["auth.User"]:
        user.pop("last_login")
    return kept


class TestStrangers:
    def test_walk_finds_the_pages(self) -> None:
        found = addresses()
        assert len(found) > 60
        for address in ("/admin/consistency/finding/", "/admin/statehub/checkout/1/run/", "/api/tasks/", "/metrics"):
            assert any(each.startswith(address) for each in found), address

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_anonymous_gets_the_login_page_or_a_refusal(self, rows: Rows, method: str) -> None:
        rows.repo()
        before = rows_of_everything()
        client = Client()
        let_in = []
        for address in addresses():
            answer = getattr(client, method)(address)
            to_login = answer.status_code == 302 and answer["Location"].startswith("/admin/login/?next=")
            refused = answer.status_code in {401, 403, 404, 405, 411}
            if not to_login and not refused and address not in OPEN:
                let_in.append((address, answer.status_code))
        assert let_in == []
        assert rows_of_everything() == before

    def test_api_without_a_token_is_401(self, rows: Rows) -> None:
        rows.repo()
        wanted = [each for each in addresses() if each.startswith(("/api/", "/metrics"))]
        asked = [each for each in wanted if each not in OPEN]
        assert len(asked) >= 8
        answers = {address: Client().get(address).status_code for address in asked}
        assert answers == dict.fromkeys(asked, 401)

    def test_user_without_staff_status_is_a_stranger(self, db: None) -> None:
        client = Client()
        client.force_login(User.objects.create_user("clerk", password="correct horse"))
        for address in ("/admin/", "/admin/consistency/finding/", "/admin/statehub/task/"):
            assert client.get(address)["Location"].startswith("/admin/login/")

    def test_login_leads_to_no_other_site(self, client_of: Callable[[str], Client]) -> None:
        client_of("viewer")
        for target in ("https://evil.example.org/", "//evil.example.org/", "javascript:alert(1)"):
            answer = Client().post(f"/admin/login/?next={target}", {"username": "viewer", "password": "correct horse"})
            assert (answer.status_code, answer["Location"]) == (302, "/admin/")


class TestRoles:
    def test_viewer_changes_nothing_anywhere(self, rows: Rows, viewer: Client) -> None:
        task = rows.repo()
        tokens.create("laptop")
        before = rows_of_everything()
        checkout = Checkout.objects.get().pk
        everywhere = set(addresses()) | set(addresses(uuid=task.pk, pk=checkout)) | set(addresses(pk=task.pk))
        posted = {
            "status": "done", "mode": "fix", "reason": "x", "action": "delete_selected", "post": "yes",
            "_selected_action": [task.pk], "username": "evil", "password1": "a b c d e", "password2": "a b c d e",
        }  # fmt: skip
        for address in sorted(everywhere):
            if address not in {"/admin/logout/", "/admin/password_change/"}:  # those are about the viewer alone
                viewer.post(address, posted)
        assert rows_of_everything() == before

    def test_operator_makes_no_users_tokens_or_rows(self, rows: Rows, operator: Client) -> None:
        rows.repo()
        tokens.create("laptop")
        for name in ("auth/user", "auth/group", "web/apitoken"):
            for page in ("", "add/", "1/change/", "1/delete/"):
                assert operator.get(f"/admin/{name}/{page}").status_code == 403, (name, page)
        for model in (Repo, Checkout, Workstream, Task, Run, Finding):
            name = model._meta.label_lower.replace(".", "/")
            pk = model._default_manager.get().pk
            for page in ("add/", f"{pk}/delete/"):
                assert operator.post(f"/admin/{name}/{page}", {"post": "yes"}).status_code == 403, (name, page)
        assert (Task.objects.count(), ApiToken.objects.filter(revoked_at=None).count()) == (1, 1)

    def test_every_form_needs_the_csrf_token(self, rows: Rows, client_of: Callable[[str], Client]) -> None:
        task = rows.repo()
        client_of("super")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.get())
        before = rows_of_everything()
        for address in addresses(uuid=task.pk, pk=Checkout.objects.get().pk):
            if address.startswith("/admin/"):
                assert strict.post(address, {"status": "done", "mode": "check"}).status_code in {403, 404, 405}, address
        assert rows_of_everything() == before


class Page(HTMLParser):
    """Collects what a browser would run: tags that load or run, and attributes with code or URLs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.code: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith(("on", "x-", "@", ":", "hx-on", "hx-vals", "style")):
                self.code.append(f"{name}={value}")
            if name in {"href", "src", "action"} and re.match(r"\s*(//|[\w+.-]+:)", value or ""):
                self.code.append(f"{name}={value}")


def pages_with(rows: Rows, text: str) -> list[str]:
    """Return the URLs of all pages and exports of a hub whose texts are *text*."""
    rows.repo(title=text, host=text[:200], path=f"/srv/{text[:2000]}")
    Workstream.objects.update(key=text[:200], path=text[:5000], owner=text, domain=text, topic_slug=text)
    Task.objects.update(key=text[:200], title=text)
    StatusChange.objects.update(who=text, reason=text, host=text[:200])
    Run.objects.update(user=text, branch=text, upstream=text, error=text, fetch=text, push=text)
    Finding.objects.update(message=text, file=text, workplan=text[:200], task=text[:200])
    Repo.objects.update(branch=text, origin=text)
    tokens.create(text[:200].strip())
    found = ["/admin/", "/admin/consistency/finding/?q=marked", "/admin/statehub/task/?q=marked"]
    for model in (Repo, Checkout, Workstream, Task, Run, Finding, ApiToken):
        name = model._meta.label_lower.replace(".", "/")
        found += [f"/admin/{name}/", f"/admin/{name}/{model._default_manager.get().pk}/change/"]
    return [*found, f"/admin/statehub/checkout/{Checkout.objects.get().pk}/move/"]


class TestHostileWords:
    def test_are_text_on_every_page(self, rows: Rows, superuser: Client) -> None:
        for address in pages_with(rows, HOSTILE):
            html = superuser.get(address).content.decode()
            page = Page(html)
            assert "marked" in html, address
            assert [each for each in page.code if "marked" in each] == [], address
            assert "<script>marked" not in html, address
            assert "<img src=x" not in html, address
            shown = re.sub(r'value="[^"]*"', "", html)
            assert not {"\u202e", "\u2066", "\x1b"} & set(shown), address

    def test_are_no_templates(self, rows: Rows, superuser: Client) -> None:
        for address in pages_with(rows, "marked {{ 6|add:7 }}{% now 'Y' %}"):
            html = superuser.get(address).content.decode()
            assert "marked {{ 6|add:7 }}{% now &#x27;Y&#x27; %}" in html, address

    def test_are_text_in_the_exports(self, rows: Rows, superuser: Client) -> None:
        pages_with(rows, f"=cmd|' /C calc'!A0\t{HOSTILE}")
        lines = streamed(superuser, "/admin/consistency/finding/export.csv").decode()
        assert re.findall(r'(?:^|,|\n)"?[=+@\t\r-]', lines) == []
        assert not {"\u202e", "\x1b", "\t"} & set(lines)

    @pytest.mark.parametrize("role", ["superuser", "viewer"])
    def test_that_are_huge_leave_the_pages_usable(self, rows: Rows, role: str, request: pytest.FixtureRequest) -> None:
        client = request.getfixturevalue(role)
        # A title is in the front matter, of which 64 KiB are read. Bidi characters are shown six times as long.
        for address in pages_with(rows, "marked " + "w\u202e" * 16_000):
            answer = client.get(address)
            if role == "viewer" and ("apitoken" in address or address.endswith("/move/")):
                assert answer.status_code == 403
                continue
            assert answer.status_code == 200, address
            assert len(answer.content) < 300_000, (address, len(answer.content))


class TestHeaders:
    POLICY = (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    @pytest.mark.parametrize(
        "address", ["/admin/login/", "/admin/", "/api/docs/", "/api/tasks/", "/nowhere", "/healthz", "/metrics"]
    )
    def test_of_every_answer(self, db: None, address: str) -> None:
        headers = Client().get(address).headers
        assert {name: headers.get(name) for name in ("Content-Security-Policy", "X-Frame-Options")} == {
            "Content-Security-Policy": self.POLICY,
            "X-Frame-Options": "DENY",
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (headers["Referrer-Policy"], headers["Cross-Origin-Opener-Policy"]) == ("same-origin", "same-origin")

    def test_pages_run_no_script_of_their_own(self, rows: Rows, superuser: Client) -> None:
        for address in pages_with(rows, "marked"):
            html = superuser.get(address).content.decode()
            assert re.findall(r"<script(?![^>]*\b(?:src|type=.application/json.)\b)[^>]*>", html) == [], address
            assert re.findall(r"<[^>]+\son\w+=", html) == [], address
            assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', html) == [], address
