"""Moving a checkout in the admin: the form with host and path, and how they are validated."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from consistency.cli.retiring import retire
from consistency.models import Finding, Run
from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import HOSTILE, Rows


def move(client: Client, checkout: Checkout, host: str, path: str) -> str:
    address = f"/admin/statehub/checkout/{checkout.pk}/move/"
    answer = client.post(address, {"host": host, "path": path}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode().replace("&#x27;", "'")


def refusal(client: Client, checkout: Checkout, host: str, path: str) -> str:
    """Why the form refuses it; nothing has changed then."""
    before = all_rows()
    html = move(client, checkout, host, path)
    assert all_rows() == before
    assert html.count('class="sh-error"') == 1
    words = html.partition('class="sh-error"')[2].partition("</p>")[0]
    return words.partition(">")[2]


def all_rows() -> list[list[Any]]:
    return [list(model._default_manager.order_by("pk").values()) for model in (Repo, Checkout, Run, Finding, LogEntry)]


def places() -> list[tuple[str, str]]:
    return list(Checkout.objects.order_by("pk").values_list("host", "path"))


@pytest.fixture
def laptop(rows: Rows) -> Checkout:
    """A checkout on another host."""
    rows.repo(host="laptop", path="/home/me/net")
    return Checkout.objects.select_related("repo").get()


class TestOnAnotherHost:
    def test_only_the_row_changes(self, laptop: Checkout, operator: Client) -> None:
        before = all_rows()
        html = move(operator, laptop, "laptop", "/home/me/work/net")
        said = "'repo-001' has moved from /home/me/net on laptop to /home/me/work/net on laptop"
        assert f"{said}; the next run on laptop checks it" in html
        after = all_rows()
        assert after[0] == before[0]
        assert after[2:4] == before[2:4]
        assert after[1] == [{**before[1][0], "path": "/home/me/work/net"}]
        entry = LogEntry.objects.select_related("user").get()
        assert (entry.user.get_username(), entry.object_id, entry.get_change_message()) == (
            "operator", str(laptop.pk), f"Moved: {said}.",
        )  # fmt: skip
        assert f"Moved: {said}." in body(operator, f"/admin/statehub/checkout/{laptop.pk}/change/").replace(
            "&#x27;", "'"
        )

    def test_machine_with_another_name(self, laptop: Checkout, operator: Client) -> None:
        move(operator, laptop, " new-laptop ", "/home/me/net")
        assert places() == [("new-laptop", "/home/me/net")]

    @pytest.mark.parametrize("typed", ["/srv//a/./b/", "/srv/x/../a/b", "//srv/a/b", "  /srv/a/b "])
    def test_path_is_kept_as_register_repo_would(self, laptop: Checkout, operator: Client, typed: str) -> None:
        move(operator, laptop, "laptop", typed)
        assert places() == [("laptop", "/srv/a/b")]

    @pytest.mark.parametrize(
        ("host", "path", "words"),
        [
            ("laptop", "", "Full path, without links: This field is required."),
            ("laptop", "  ", "Full path, without links: This field is required."),
            ("", "/srv/a", "Host: This field is required."),
            ("laptop", "net", "the path must be absolute: it begins with /"),
            ("laptop", "~/net", "the path must be absolute: it begins with /"),
            ("laptop", "C:\\net", "the path must be absolute: it begins with /"),
            ("laptop", "/srv/a\nb", "the path has invisible characters: /srv/a\\nb"),
            ("laptop", "/srv/a\u202eb", "the path has invisible characters: /srv/a\\u202eb"),
            ("laptop", "/" + "ä" * 750, "the path is longer than 1,500 bytes"),
            ("lap\ttop", "/srv/a", "the name of a host is text of at most 255 printable characters"),
            ("x" * 256, "/srv/a", "the name of a host is text of at most 255 printable characters"),
            ("laptop", "/home/me/net", "/home/me/net on laptop is where it is already"),
            ("laptop", "/home/me/net/", "/home/me/net on laptop is where it is already"),
        ],
    )
    def test_what_cannot_be(self, laptop: Checkout, operator: Client, host: str, path: str, words: str) -> None:
        assert refusal(operator, laptop, host, path) == words

    def test_nul_is_refused(self, laptop: Checkout, operator: Client) -> None:
        assert "Null characters are not allowed." in refusal(operator, laptop, "laptop", "/srv/a\0b")

    def test_longest_names_fit(self, laptop: Checkout, operator: Client) -> None:
        place = ("ä" * 255, "/" + "x" * 1_499)
        move(operator, laptop, *place)
        assert places() == [place]

    def test_place_of_another_checkout(self, rows: Rows, laptop: Checkout, operator: Client) -> None:
        rows.repo(host="laptop", path="/home/me/other")
        words = "/home/me/other on laptop is a checkout of 'repo-003' already: retire that first"
        assert refusal(operator, laptop, "laptop", "/home/me/other") == words
        retire(Checkout.objects.filter(path="/home/me/other"))
        move(operator, laptop, "laptop", "/home/me/other")
        assert places() == [("laptop", "/home/me/other")] * 2

    def test_place_of_a_retired_one_of_the_same_repo(self, laptop: Checkout, operator: Client) -> None:
        retire([Checkout.objects.create(repo=laptop.repo, host="laptop", path="/home/me/old")])
        words = "/home/me/old on laptop was a checkout of 'repo-001' before: bring that back, and retire this one"
        assert refusal(operator, laptop, "laptop", "/home/me/old") == words


@pytest.fixture
def here(rows: Rows, clone: Clone, origin: Origin) -> Checkout:
    """Register a checkout of `clone`'s repo in a folder that this host no longer has."""
    clone.write("workplans/a.md", workplan("WP-1"))
    clone.commit()
    clone.push()
    rows.repo(path="/srv/is/gone")
    first = clone.git("rev-list", "--max-parents=0", "HEAD").split()
    Repo.objects.update(origin=str(origin.path).removesuffix(".git"), first_commits=first)
    return Checkout.objects.select_related("repo").get()


class TestOnThisHost:
    def test_clone_of_the_repo(self, here: Checkout, clone: Clone, operator: Client) -> None:
        html = move(operator, here, HOST, str(clone.path / "workplans"))
        said = f"'repo-001' has moved from /srv/is/gone on {HOST} to {clone.path} on {HOST}"
        assert (said in html, "the next run" in html, places()) == (True, False, [(HOST, str(clone.path))])

    def test_links_are_followed(self, here: Checkout, clone: Clone, operator: Client) -> None:
        link = clone.path.with_name("link")
        link.symlink_to(clone.path)
        move(operator, here, HOST, str(link))
        assert places() == [(HOST, str(clone.path))]

    def test_other_address_of_the_same_history_is_kept(self, here: Checkout, clone: Clone, operator: Client) -> None:
        clone.git("remote", "set-url", "origin", "git@example.org:me/fork.git")
        assert "; example.org/me/fork is kept as another address of it" in move(operator, here, HOST, str(clone.path))
        assert Repo.objects.get().aliases == ["example.org/me/fork"]

    def test_nothing_there(self, here: Checkout, clone: Clone, operator: Client) -> None:
        missing = clone.path.with_name("missing")
        assert refusal(operator, here, HOST, str(missing)) == f"{missing} is not there"

    def test_no_work_tree(self, here: Checkout, clone: Clone, operator: Client) -> None:
        folder = clone.path.with_name("folder")
        folder.mkdir()
        assert refusal(operator, here, HOST, str(folder)).startswith(f"{folder} is not a git work tree: ")

    def test_another_repository(self, here: Checkout, clone: Clone, operator: Client, tmp_path: Any) -> None:
        other = Clone(tmp_path / "other")
        other.path.mkdir()
        other.git("init", "--quiet")
        other.write("a.txt", "another beginning")
        other.commit()
        assert refusal(operator, here, HOST, str(other.path)) == (
            f"{other.path} (no origin) is not a clone of 'repo-001' ({here.repo.origin}): "
            "the histories have nothing in common"
        )

    def test_history_that_nobody_knows(self, here: Checkout, clone: Clone, operator: Client) -> None:
        Repo.objects.update(first_commits=[], origin="git.example.org/repo-1")
        assert refusal(operator, here, HOST, str(clone.path)) == (
            f"{clone.path} ({here.repo.origin}) is not a clone of 'repo-001' (git.example.org/repo-1): "
            "it is not known whether the histories are related"
        )

    def test_from_another_host_to_this_one(self, here: Checkout, clone: Clone, operator: Client) -> None:
        Checkout.objects.update(host="laptop")
        move(operator, here, HOST, str(clone.path))
        assert places() == [(HOST, str(clone.path))]


class TestHostWithAnotherName:
    def act(self, client: Client, *checkouts: Checkout, **more: str) -> str:
        data = {"action": "move_chosen", "_selected_action": [str(row.pk) for row in checkouts], **more}
        answer = client.post("/admin/statehub/checkout/", data, follow=True)
        assert answer.status_code == 200
        return answer.content.decode().replace("&#x27;", "'")

    @pytest.fixture
    def three(self, rows: Rows) -> list[Checkout]:
        for name in "abc":
            rows.repo(host="laptop", path=f"/srv/{name}")
        return list(Checkout.objects.order_by("pk"))

    def test_asks_for_the_host(self, three: list[Checkout], operator: Client) -> None:
        before = all_rows()
        html = self.act(operator, *three[:2])
        assert ("Are you sure?" in html, 'name="host" required' in html, html.count("<li>repo-")) == (True, True, 2)
        assert all_rows() == before

    def test_those_move_that_can(self, three: list[Checkout], operator: Client) -> None:
        Checkout.objects.filter(pk=three[1].pk).update(host="desk", path="/srv/a")
        html = self.act(operator, *three, confirmed="yes", host=" desk ")
        assert "1 checkout moved" in html
        assert (
            "'repo-001' stays on laptop: /srv/a on desk is a checkout of 'repo-003' already: retire that first" in html
        )
        assert "'repo-003' stays on desk: /srv/a on desk is where it is already" in html
        assert places() == [("laptop", "/srv/a"), ("desk", "/srv/a"), ("desk", "/srv/c")]
        said = "Moved: 'repo-005' has moved from /srv/c on laptop to /srv/c on desk."
        assert [entry.get_change_message() for entry in LogEntry.objects.all()] == [said]

    @pytest.mark.parametrize("host", ["", " ", "a\0b", "x" * 256])
    def test_host_that_cannot_be(self, three: list[Checkout], operator: Client, host: str) -> None:
        before = all_rows()
        html = self.act(operator, three[0], confirmed="yes", host=host)
        words = "'repo-001' stays on laptop: the name of a host is text of at most 255 printable characters"
        assert ("0 checkouts moved" in html, words in html) == (True, True)
        assert all_rows() == before

    def test_needs_the_permission(self, three: list[Checkout], viewer: Client) -> None:
        before = all_rows()
        self.act(viewer, three[0], confirmed="yes", host="desk")
        assert all_rows() == before


def test_form_has_the_current_location(laptop: Checkout, operator: Client) -> None:
    page = f"/admin/statehub/checkout/{laptop.pk}"
    html = body(operator, f"{page}/change/")
    assert ("Move …" in html, f'action="{page}/move/"' in html) == (True, True)
    html = body(operator, f"{page}/move/")
    assert ('value="laptop"' in html, 'value="/home/me/net"' in html) == (True, True)
    assert "the next run there checks this; it writes nothing if the path is not a clone of its repo" in html


def test_needs_the_permission(laptop: Checkout, viewer: Client) -> None:
    page, before = f"/admin/statehub/checkout/{laptop.pk}", all_rows()
    assert "Move" not in body(viewer, f"{page}/change/")
    assert viewer.get(f"{page}/move/").status_code == 403
    assert viewer.post(f"{page}/move/", {"host": "laptop", "path": "/srv/a"}).status_code == 403
    assert all_rows() == before
    assert Client().post(f"{page}/move/", {"host": "laptop", "path": "/srv/a"}).status_code == 302
    assert all_rows() == before


def test_needs_the_csrf_token(laptop: Checkout, operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    page = f"/admin/statehub/checkout/{laptop.pk}/move/"
    assert strict.post(page, {"host": "laptop", "path": "/srv/a"}).status_code == 403
    assert places() == [("laptop", "/home/me/net")]


def test_only_a_post_moves(laptop: Checkout, operator: Client) -> None:
    page = f"/admin/statehub/checkout/{laptop.pk}/move/"
    assert operator.get(f"{page}?host=laptop&path=/srv/a").status_code == 200
    assert operator.put(page, "host=laptop&path=/srv/a").status_code == 405
    assert places() == [("laptop", "/home/me/net")]
    assert operator.get("/admin/statehub/checkout/4711/move/").status_code == 404


def test_retired_one_does_not_move(laptop: Checkout, operator: Client) -> None:
    retire([laptop])
    words = "laptop:/home/me/net is retired: bring it back first"
    assert refusal(operator, laptop, "laptop", "/srv/a") == words


def test_hostile_text_is_shown_as_text(laptop: Checkout, operator: Client) -> None:
    html = move(operator, laptop, "laptop", f"/srv/{HOSTILE}")
    assert ("<script>alert" in html, places()) == (False, [("laptop", "/home/me/net")])
    html = move(operator, laptop, "laptop", "/srv/<script>alert(1)</script>")
    assert ("<script>alert" in html, "&lt;script&gt;alert(1)&lt;/script&gt;" in html) == (False, True)


def test_clone_of_the_hub_is_refused(rows: Rows, here: Checkout, clone: Clone, operator: Client) -> None:
    """At a person's path, its next run would make it again elsewhere; `move_checkouts` moves the waiting runs too."""
    Checkout.objects.update(managed=True)
    message = (
        "/srv/is/gone is a clone of the hub's own: manage.py move_checkouts --from {0} --to HOST moves those of {0}"
    )
    assert refusal(operator, here, HOST, str(clone.path)) == message.format(HOST)
    assert refusal(operator, here, "laptop", "/srv/is/gone") == message.format(HOST)
