"""How checkouts become known to the hub."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models.signals import pre_save

from consistency.cli.registration import Wishes, find_or_register, register
from consistency.cli.selection import RegistrationError, active_checkouts
from consistency.git.worktree import find_worktree
from statehub.globs import DEFAULT_WORKPLANS
from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.registering import note, refusal, registered

pytestmark = pytest.mark.django_db


class TestOrigin:
    def test_relative_is_to_the_top_of_the_work_tree(self, clone: Clone) -> None:
        clone.git("remote", "set-url", "origin", "../origin.git")
        (clone.path / "sub").mkdir()
        before = registered(clone)
        assert find_or_register(str(clone.path / "sub"), HOST).checkout == before
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
        assert refusal(clone, "other") == (
            f"{clone.path} is registered already, as 'clone' "
            f"(retire_checkout {clone.path} first, if it is to be 'other')"
        )

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
        registered(clone, "clone")
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
        known = registered(clone).repo.origin
        clone.path.rename(clone.path.with_name("away"))
        other = new_origin("stranger")
        other.git("clone", "--quiet", str(other.path), str(clone.path))
        assert refusal(clone) == (
            f"{clone.path} is registered as 'clone' ({known}), but another repository is there now "
            f"({str(other.path).removesuffix('.git')}): the histories have nothing in common; "
            f"move it to another folder, or retire_checkout {clone.path} first"
        )

    def test_origin_taken_over_before_its_history_was_known(self, clone: Clone) -> None:
        registered(clone)
        Repo.objects.update(first_commits=[])
        Checkout.objects.update(head="1" * 40, tip="2" * 40)
        clone.git("remote", "set-url", "origin", "https://example.org/other.git")
        assert "the histories have nothing in common" in refusal(clone)

    def test_second_clone_joins(self, origin: Origin, clone: Clone) -> None:
        first, second = registered(clone, "hub"), origin.clone("second")
        assert note(second, workplans="p/*.md") == (
            f"registered {second.path} as another checkout of 'hub' (same origin {first.repo.origin})"
            "; workplans are now p/*.md"
        )
        assert [checkout.repo.slug for checkout in active_checkouts(HOST)] == ["hub", "hub"]

    def test_second_clone_under_another_slug(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        assert refusal(origin.clone("second"), "second") == (
            f"this repository is in the hub already, as 'clone' (origin {str(origin.path).removesuffix('.git')}): "
            "leave out --slug second, and it joins it"
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
            f"slug 'same' is taken by the repo with origin {theirs} (this one's is {mine}), and the histories have "
            f"nothing in common; choose one: register_repo {two.path} --slug SLUG"
        )
        assert refusal(two) == refusal(two, "same") == expected
        assert registered(two, "other").repo.slug == "other"

    def test_slug_taken_where_there_are_no_origins(self, new_origin: Callable[[str], Origin]) -> None:
        one, two, three = (new_origin(name).clone("same") for name in ("one", "two", "three"))
        for clone in (one, two):
            clone.git("remote", "remove", "origin")
        registered(one)
        words = "slug 'same' is taken by another repo, which has no origin (this one has none), and the histories have"
        assert words in refusal(two)
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
        assert refusal(clone, slug).startswith(f"'{slug}' is not a valid slug: letters, digits")

    @pytest.mark.parametrize("slug", ["a", "A.b_c-1", "1", "x" * 200])
    def test_what_is_a_slug(self, clone: Clone, slug: str) -> None:
        assert registered(clone, slug).repo.slug == slug

    @pytest.mark.parametrize("glob", [
        "", "/etc/*.md", "../*.md", "a/../../b.md", "..", "a\0b", "caf\udce9/*.md", "x" * 501, ":!a", "a\nb",
    ])  # fmt: skip
    def test_what_is_no_glob(self, clone: Clone, glob: str) -> None:
        assert "is not a valid workplan pattern: it must be a pattern inside the repo" in refusal(clone, workplans=glob)

    @pytest.mark.parametrize("glob", ["*.md", "**/*.md", "a..b/*.md", "ü ☃/[ab]*.md", "x" * 500])
    def test_what_is_a_glob(self, clone: Clone, glob: str) -> None:
        assert registered(clone, workplans=glob).repo.workplans == glob

    def test_at_the_same_moment_as_somebody_else(self, clone: Clone) -> None:
        registered(clone, host="elsewhere")

        def first(instance: Checkout, **_: object) -> None:
            Checkout.objects.bulk_create([Checkout(repo=instance.repo, host=HOST, path=instance.path)])

        pre_save.connect(first, sender=Checkout)
        try:
            with pytest.raises(
                RegistrationError, match="is being registered by another process at this moment; try again"
            ):
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
    """A repo's branch is its origin's default branch, until a user names another."""

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
        assert note(clone).endswith("as 'clone'")  # No run has seen it there yet.
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
        assert note(silent, "silent").endswith(f"workplans: {DEFAULT_WORKPLANS}")
        assert list(Repo.objects.values_list("branch", flat=True)) == ["", ""]

    def test_that_is_not_utf8(self, clone: Clone) -> None:
        assert refusal(clone, branch="b\udcff") == "the name of the branch is not UTF-8"


class TestGlobs:
    def test_several(self, clone: Clone) -> None:
        wanted = Wishes(workplans=["plans/*.md", "docs/**/*.md", "plans/*.md"], exclude=["docs/old/**", "**/x.md"])
        made = register(find_worktree(str(clone.path)), HOST, wanted)
        assert made.note.endswith("; workplans are now plans/*.md, docs/**/*.md; left out: docs/old/**, **/x.md")
        repo = Repo.objects.get()
        assert (repo.workplans, repo.exclude) == ("plans/*.md\ndocs/**/*.md", "docs/old/**\n**/x.md")
        assert repo.pattern == "plans/*.md\ndocs/**/*.md\n:!docs/old/**\n:!**/x.md"

    def test_nothing_is_left_out_any_more(self, clone: Clone) -> None:
        register(find_worktree(str(clone.path)), HOST, Wishes(exclude=["a"]))
        again = register(find_worktree(str(clone.path)), HOST, Wishes(exclude=[""])).note
        assert again == f"{clone.path} is registered already, as 'clone'; nothing is left out now"
        assert Repo.objects.get().pattern == DEFAULT_WORKPLANS

    @pytest.mark.parametrize("glob", ["/x", "../x", ":!x", "a\nb", "", "x" * 501, "a\0"])
    def test_what_is_not_one_to_leave_out(self, clone: Clone, glob: str) -> None:
        for globs in ([glob, "a"], ["a", glob]):
            with pytest.raises(RegistrationError, match="is not a valid pattern of files to leave out"):
                register(find_worktree(str(clone.path)), HOST, Wishes(exclude=globs))
        assert Repo.objects.count() == 0
