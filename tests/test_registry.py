"""How checkouts become known to the hub, and are found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models.signals import pre_save

from consistency.checkout.worktree import NotAWorkTree, locate
from consistency.registry import RegistryError, all_here, by_path, by_slug, register
from statehub.models import DEFAULT_WORKPLANS, Checkout, Repo
from tests.support.environment import HOST
from tests.support.repos import Clone, Origin

pytestmark = pytest.mark.django_db


def registered(
    clone: Clone, slug: str | None = None, workplans: str | None = None, host: str = HOST, branch: str | None = None
) -> Checkout:
    return register(locate(str(clone.path)), host, slug=slug, workplans=workplans, branch=branch).checkout


def note(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    return register(locate(str(clone.path)), HOST, slug=slug, workplans=workplans, branch=branch).note


def refusal(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    """Why it is not registered; nothing has changed then."""
    before = list(Repo.objects.values()), list(Checkout.objects.values())
    with pytest.raises(RegistryError) as caught:
        registered(clone, slug, workplans, branch=branch)
    assert (list(Repo.objects.values()), list(Checkout.objects.values())) == before
    return str(caught.value)


class TestOrigin:
    def test_relative_is_to_the_top_of_the_work_tree(self, clone: Clone) -> None:
        clone.git("remote", "set-url", "origin", "../origin.git")
        (clone.path / "sub").mkdir()
        before = registered(clone)
        assert by_path(str(clone.path / "sub"), HOST).checkout == before
        assert before.repo.origin == str(clone.path.parent / "origin")

    def test_that_is_not_utf8(self, clone: Clone) -> None:
        clone.git("remote", "set-url", "origin", os.fsdecode(b"https://example.org/caf\xe9"))
        assert registered(clone).repo.origin == "example.org/caf\\xe9"


class TestRegister:
    def test_new(self, origin: Origin, clone: Clone) -> None:
        assert note(clone) == f"registered {clone.path} as 'clone', workplans: {DEFAULT_WORKPLANS}; its branch is main"
        assert list(Repo.objects.values_list("slug", "workplans", "origin", "branch")) == [
            ("clone", DEFAULT_WORKPLANS, str(origin.path).removesuffix(".git"), "main")
        ]
        assert list(Checkout.objects.values_list("repo__slug", "host", "path")) == [("clone", HOST, str(clone.path))]

    def test_again(self, clone: Clone) -> None:
        before = registered(clone)
        assert note(clone) == note(clone, slug="clone") == f"{clone.path} is registered already, as 'clone'"
        assert registered(clone) == before
        assert (Repo.objects.count(), Checkout.objects.count()) == (1, 1)

    def test_again_under_another_slug(self, clone: Clone) -> None:
        registered(clone)
        assert refusal(clone, "other") == f"{clone.path} is registered already, as 'clone'"

    def test_again_with_other_workplans(self, clone: Clone) -> None:
        registered(clone)
        assert note(clone, workplans="plans/*.md").endswith("as 'clone'; workplans are now plans/*.md")
        assert note(clone, workplans="plans/*.md").endswith("as 'clone'")
        assert note(clone).endswith("as 'clone'")
        assert Repo.objects.get().workplans == "plans/*.md"

    def test_again_once_it_has_an_origin(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "rename", "origin", "later")
        registered(clone)
        clone.git("remote", "rename", "later", "origin")
        registered(clone)
        assert registered(origin.clone("second")).repo.slug == "clone"

    def test_again_once_it_has_the_origin_of_another_repo(self, origin: Origin, clone: Clone) -> None:
        registered(origin.clone("first"))
        address = clone.git("remote", "get-url", "origin")
        clone.git("remote", "remove", "origin")
        registered(clone)
        clone.git("remote", "add", "origin", address)
        words = f"its origin stays as it was, since {str(origin.path).removesuffix('.git')} is that of the repo 'first'"
        assert note(clone).endswith(f"as 'clone'; {words}; its branch is main")
        assert (registered(clone).repo.slug, registered(clone).repo.origin) == ("clone", "")

    def test_clone_whose_remote_has_another_name_joins(self, origin: Origin, clone: Clone) -> None:
        known = registered(clone)
        second = origin.clone("second", "--origin", "github")
        assert note(second) == (
            f"registered {second.path} as another checkout of 'clone' (same origin {known.repo.origin})"
        )

    def test_clone_with_several_remotes_must_say_which(self, clone: Clone) -> None:
        clone.git("remote", "rename", "origin", "theirs")
        clone.git("remote", "add", "mine", "https://example.org/mine.git")
        clone.git("branch", "--unset-upstream")
        assert "git branch --set-upstream-to" in refusal(clone)

    def test_moved_origin_is_followed(self, origin: Origin, clone: Clone) -> None:
        known = registered(clone)
        Checkout.objects.update(head=clone.head, tip=clone.head)
        moved = origin.path.with_name("moved.git")
        origin.path.rename(moved)
        clone.git("remote", "set-url", "origin", str(moved))
        now = str(moved).removesuffix(".git")
        assert note(clone) == f"{clone.path} is registered already, as 'clone'; its origin is now {now}"
        assert Repo.objects.get().origin == now != known.repo.origin

    def test_origin_of_another_history_is_refused(self, clone: Clone, new_origin: Callable[[str], Origin]) -> None:
        registered(clone)
        Checkout.objects.update(head="1" * 40, tip="2" * 40)
        other = new_origin("stranger")
        clone.git("remote", "set-url", "origin", str(other.path))
        assert "the two histories have nothing in common" in refusal(clone)

    def test_second_clone_joins(self, origin: Origin, clone: Clone) -> None:
        first, second = registered(clone, "hub"), origin.clone("second")
        assert note(second, workplans="p/*.md") == (
            f"registered {second.path} as another checkout of 'hub' (same origin {first.repo.origin})"
            "; workplans are now p/*.md"
        )
        assert [checkout.repo.slug for checkout in all_here(HOST)] == ["hub", "hub"]

    def test_second_clone_under_another_slug(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        assert refusal(origin.clone("second"), "second") == (
            f"this repository is in the hub already, as 'clone' (origin {str(origin.path).removesuffix('.git')})"
        )

    def test_same_path_on_another_host(self, clone: Clone) -> None:
        assert registered(clone).repo == registered(clone, host="elsewhere").repo
        assert Checkout.objects.count() == 2

    def test_linked_worktree_is_another_checkout(self, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", str(linked.path))
        assert registered(clone).repo == registered(linked).repo

    def test_by_way_of_a_link(self, clone: Clone, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(clone.path)
        assert registered(Clone(tmp_path / "link")).path == str(clone.path)

    def test_slug_taken_by_another_origin(self, new_origin: Callable[[str], Origin]) -> None:
        one, two = (new_origin(name).clone("same") for name in ("one", "two"))
        theirs, mine = (str(path.path.parent / "origin") for path in (one, two))
        registered(one)
        expected = (
            f"slug 'same' is taken by the repo with origin {theirs} (this one's is {mine}); "
            f"choose one: register_repo {two.path} --slug SLUG"
        )
        assert refusal(two) == refusal(two, "same") == expected
        assert registered(two, "other").repo.slug == "other"

    def test_slug_taken_where_there_are_no_origins(self, new_origin: Callable[[str], Origin]) -> None:
        one, two, three = (new_origin(name).clone("same") for name in ("one", "two", "three"))
        for clone in (one, two):
            clone.git("remote", "remove", "origin")
        registered(one)
        assert "slug 'same' is taken by another repo, which has no origin (this one has none); choose one" in refusal(
            two
        )
        assert "which has no origin (this one's is " in refusal(three)

    @pytest.mark.parametrize(("folder", "slug"), [
        ("a b  c", "a-b-c"), ("-x-", "x"), ("..x", "x"), ("Ünï", "n"), ("☃", "repo"), ("...", "repo"),
        ("v1.2_x", "v1.2_x"), ("x" * 250, "x" * 200), (f"{'x' * 199} y", f"{'x' * 199}-"), ("'; drop", "drop"),
    ])  # fmt: skip
    def test_slug_is_made_of_the_folders_name(self, origin: Origin, folder: str, slug: str) -> None:
        clone = origin.clone(folder)
        made = registered(clone).repo.slug
        assert made == slug
        assert registered(clone, made).repo.slug == slug  # a slug that may also be asked for

    @pytest.mark.parametrize("slug", ["", " ", "a b", "-x", ".x", "_x", "a/b", "ä", "x\n", "x" * 201, "a\0"])
    def test_what_is_no_slug(self, clone: Clone, slug: str) -> None:
        assert refusal(clone, slug).startswith(f"'{slug}' is no slug: letters, digits")

    @pytest.mark.parametrize("slug", ["a", "A.b_c-1", "1", "x" * 200])
    def test_what_is_a_slug(self, clone: Clone, slug: str) -> None:
        assert registered(clone, slug).repo.slug == slug

    @pytest.mark.parametrize("glob", [
        "", "/etc/*.md", "../*.md", "a/../../b.md", "..", "a\0b", "caf\udce9/*.md", "x" * 501,
    ])  # fmt: skip
    def test_what_is_no_glob(self, clone: Clone, glob: str) -> None:
        assert "is no workplan glob: a pattern inside the repo" in refusal(clone, workplans=glob)

    @pytest.mark.parametrize("glob", ["*.md", "**/*.md", "a..b/*.md", "ü ☃/[ab]*.md", "x" * 500])
    def test_what_is_a_glob(self, clone: Clone, glob: str) -> None:
        assert registered(clone, workplans=glob).repo.workplans == glob

    def test_at_the_same_moment_as_somebody_else(self, clone: Clone) -> None:
        registered(clone, host="elsewhere")

        def first(instance: Checkout, **_: object) -> None:
            Checkout.objects.bulk_create([Checkout(repo=instance.repo, host=HOST, path=instance.path)])

        pre_save.connect(first, sender=Checkout)
        try:
            with pytest.raises(RegistryError, match="is being registered by another process at this moment; try again"):
                registered(clone)
        finally:
            pre_save.disconnect(first, sender=Checkout)
        assert [checkout.host for checkout in Checkout.objects.all()] == ["elsewhere"]

    def test_path_that_is_not_utf8(self, origin: Origin) -> None:
        try:
            clone = origin.clone(os.fsdecode(b"caf\xe9"))
        except (AssertionError, OSError):
            pytest.skip("this file system takes only UTF-8")
        assert refusal(clone) == "the path of the checkout is not UTF-8; move it to another folder"


class TestBranch:
    """A repo's branch is the one that its origin calls its own, until somebody names another."""

    def test_is_that_of_origin_whatever_is_checked_out(self, origin: Origin, clone: Clone) -> None:
        origin.git("branch", "trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        clone.git("remote", "set-head", "origin", "--delete")
        assert note(clone).endswith("; its branch is trunk")
        assert (registered(clone).repo.branch, note(clone).endswith("as 'clone'")) == ("trunk", True)

    def test_is_named(self, clone: Clone) -> None:
        assert note(clone, branch="release/1.x").endswith(f"workplans: {DEFAULT_WORKPLANS}; its branch is release/1.x")
        assert note(clone).endswith("as 'clone'")
        assert note(clone, branch="main").endswith("as 'clone'; its branch is main")
        assert Repo.objects.get().branch == "main"

    def test_is_found_later_for_a_repo_that_had_none(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        Repo.objects.update(branch="")
        assert note(clone).endswith("as 'clone'; its branch is main")
        Repo.objects.update(branch="")
        assert note(origin.clone("second")).endswith("; its branch is main")

    def test_renamed_on_the_server_is_followed(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        origin.git("branch", "--move", "main", "trunk")
        assert note(clone).endswith("as 'clone'")  # Nobody has seen it there yet.
        Checkout.objects.update(tip=clone.head)
        assert note(clone).endswith("as 'clone'; its branch is trunk")
        assert note(clone).endswith("as 'clone'")

    def test_of_a_second_clone_does_not_move_it(self, origin: Origin, clone: Clone) -> None:
        registered(clone, branch="trunk")
        assert "branch" not in note(origin.clone("second"))
        assert Repo.objects.get().branch == "trunk"

    def test_nobody_knows_it(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        assert note(clone).endswith(f"workplans: {DEFAULT_WORKPLANS}")
        silent = origin.clone("silent")
        silent.git("remote", "set-head", "origin", "--delete")
        silent.git("remote", "set-url", "origin", str(origin.path.with_name("away.git")))
        assert note(silent).endswith(f"workplans: {DEFAULT_WORKPLANS}")
        assert list(Repo.objects.values_list("branch", flat=True)) == ["", ""]

    def test_that_is_not_utf8(self, clone: Clone) -> None:
        assert refusal(clone, branch="b\udcff") == "the name of the branch is not UTF-8"


class TestByPath:
    def test_unknown_is_registered(self, clone: Clone) -> None:
        found = by_path(str(clone.path), HOST)
        assert found.note == f"registered {clone.path} as 'clone', workplans: {DEFAULT_WORKPLANS}; its branch is main"
        assert found.checkout == Checkout.objects.get()

    def test_known(self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        known = registered(clone)
        (clone.path / "sub" / "deep").mkdir(parents=True)
        (tmp_path / "link").symlink_to(clone.path)
        monkeypatch.chdir(clone.path / "sub")
        for path in (
            str(clone.path),
            f"{clone.path}/",
            f"{clone.path}/sub/deep",
            str(tmp_path / "link"),
            ".",
            "..",
            "deep",
        ):
            found = by_path(path, HOST)
            assert (found.checkout, found.note) == (known, "")

    def test_known_is_found_though_it_is_gone(self, clone: Clone) -> None:
        known = registered(clone)
        clone.path.rename(clone.path.with_name("away"))
        assert by_path(str(clone.path), HOST).checkout == known

    def test_relative_and_unknown(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(clone.path.parent)
        assert by_path("clone", HOST).checkout.path == str(clone.path)

    def test_no_work_tree(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTree):
            by_path(str(tmp_path), HOST)

    def test_not_utf8(self, tmp_path: Path) -> None:
        with pytest.raises(RegistryError, match="is not UTF-8"):
            by_path(str(tmp_path / os.fsdecode(b"caf\xe9")), HOST)


class TestBySlug:
    def test_checkouts_of_this_host(self, origin: Origin, clone: Clone) -> None:
        first, second = registered(clone), registered(origin.clone("a-second"))
        registered(clone, host="elsewhere")
        assert by_slug("clone", HOST) == [second, first]

    def test_unknown(self, clone: Clone) -> None:
        with pytest.raises(RegistryError, match=r"^no repo 'x' in the hub \(known: none yet\); register_repo PATH"):
            by_slug("x", HOST)
        registered(clone)
        with pytest.raises(RegistryError, match=r"^no repo 'x' in the hub \(known: clone\)"):
            by_slug("x", HOST)

    def test_on_another_host_only(self, clone: Clone) -> None:
        registered(clone, host="elsewhere")
        with pytest.raises(RegistryError, match=rf"^repo 'clone' has no checkout on host '{HOST}'; register_repo PATH"):
            by_slug("clone", HOST)


def test_all_here(new_origin: Callable[[str], Origin]) -> None:
    with pytest.raises(RegistryError, match=rf"^no checkout is registered for host '{HOST}': register_repo PATH adds"):
        all_here(HOST)
    expected = [registered(new_origin(name).clone(name)) for name in ("c", "a", "b")]
    registered(new_origin("d").clone("d"), host="elsewhere")
    assert all_here(HOST) == sorted(expected, key=lambda checkout: checkout.path)
