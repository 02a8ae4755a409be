"""How checkouts become known to the hub, and are found again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models.signals import pre_save

from consistency.cli.registration import RegistrationError, Wishes, all_here, by_path, by_slug, register
from consistency.cli.retiring import retire
from consistency.git.worktree import NotAWorkTreeError, find_worktree
from statehub.models import DEFAULT_WORKPLANS, Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone, Origin

pytestmark = pytest.mark.django_db


def wishes(slug: str | None, workplans: str | None, branch: str | None) -> Wishes:
    return Wishes(slug, [] if workplans is None else [workplans], (), branch)


def registered(
    clone: Clone, slug: str | None = None, workplans: str | None = None, host: str = HOST, branch: str | None = None
) -> Checkout:
    return register(find_worktree(str(clone.path)), host, wishes(slug, workplans, branch)).checkout


def note(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    return register(find_worktree(str(clone.path)), HOST, wishes(slug, workplans, branch)).note


def refusal(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    """Why it is not registered; nothing has changed then."""
    before = list(Repo.objects.values()), list(Checkout.objects.values())
    with pytest.raises(RegistrationError) as caught:
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

    def test_origin_that_another_history_took_over_before_it_was_known(self, clone: Clone) -> None:
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
        assert [checkout.repo.slug for checkout in all_here(HOST)] == ["hub", "hub"]

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
        assert note(silent, "silent").endswith(f"workplans: {DEFAULT_WORKPLANS}")
        assert list(Repo.objects.values_list("branch", flat=True)) == ["", ""]

    def test_that_is_not_utf8(self, clone: Clone) -> None:
        assert refusal(clone, branch="b\udcff") == "the name of the branch is not UTF-8"


class TestHistory:
    """A repo is known by its first commits as well as by its address."""

    def moved(self, origin: Origin, name: str = "moved") -> Origin:
        """The same repository at another address; the first one is no more."""
        origin.path.rename(origin.path.with_name(f"{name}.git"))
        return Origin(origin.path.with_name(f"{name}.git"))

    def copied(self, origin: Origin, name: str) -> Clone:
        """A clone of a fork, or of a copy, of *origin*."""
        fork = origin.path.with_name(f"{name}.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(fork))
        return Origin(fork).clone(name)

    def shallow(self, origin: Origin, name: str) -> Clone:
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name(name)))
        return Clone(origin.path.with_name(name))

    def test_first_commits_are_kept(self, clone: Clone) -> None:
        first = clone.head
        clone.commit("More")
        registered(clone)
        assert Repo.objects.get().first_commits == [first]

    def test_first_commits_are_learned_later(self, clone: Clone) -> None:
        registered(clone)
        Repo.objects.update(first_commits=[])
        registered(clone)
        assert Repo.objects.get().first_commits == [clone.head]

    @pytest.mark.parametrize("url", [
        "git@github.com:Acme/Orders.git", "https://github.com/acme/orders/", "ssh://git@ssh.github.com:443/ACME/orders",
        "https://me:token@www.github.com:443/Acme/Orders.git",
    ])  # fmt: skip
    def test_every_way_to_write_the_address_joins(self, origin: Origin, clone: Clone, url: str) -> None:
        clone.git("remote", "set-url", "origin", "git@github.com:acme/orders.git")
        registered(clone)
        second = origin.clone("second")
        second.git("remote", "set-url", "origin", url)
        assert note(second).startswith(f"registered {second.path} as another checkout of 'clone'")
        assert Repo.objects.values_list("origin", "aliases").get() == ("github.com/acme/orders", [])

    def test_ssh_alias_joins(self, origin: Origin, clone: Clone, tmp_path: Path) -> None:
        clone.git("remote", "set-url", "origin", "https://github.com/acme/orders.git")
        registered(clone)
        (tmp_path / "config").write_text("Host github-work\nHostName github.com\n")
        second = origin.clone("second")
        second.git("remote", "set-url", "origin", "git@github-work:acme/orders.git")
        second.git("config", "core.sshCommand", f"ssh -F {tmp_path}/config")
        assert note(second).startswith(f"registered {second.path} as another checkout of 'clone'")
        # The other way round: the alias is known first.
        Repo.objects.all().delete()
        assert registered(second).repo.origin == "github.com/acme/orders"
        assert registered(clone).repo.slug == "second"

    def test_another_address_and_the_same_history_asks(self, origin: Origin, clone: Clone) -> None:
        known = registered(clone).repo
        fork = self.copied(origin, "fork")
        assert refusal(fork) == (
            f"{fork.path} looks like repo 'clone' ({known.origin}): --slug clone joins it, --slug OTHER registers "
            f"another one (register_repo {fork.path} --slug …)"
        )
        with pytest.raises(RegistrationError, match="looks like repo 'clone'"):
            by_path(str(fork.path), HOST)

    def test_joined_by_its_slug(self, origin: Origin, clone: Clone) -> None:
        known = registered(clone).repo
        fork = self.copied(origin, "fork")
        address = str(origin.path.with_name("fork"))
        assert note(fork, "clone") == (
            f"registered {fork.path} as another checkout of 'clone'; {address} is kept as another address of it"
        )
        assert Repo.objects.values_list("origin", "aliases").get() == (known.origin, [address])
        third = Origin(origin.path.with_name("fork.git")).clone("third")
        assert note(third) == f"registered {third.path} as another checkout of 'clone'"

    def test_registered_as_another_one_by_a_new_slug(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        fork = self.copied(origin, "fork")
        assert note(fork, "other").startswith(f"registered {fork.path} as 'other'")
        # From now on its address tells; a third address asks for both.
        assert registered(Origin(origin.path.with_name("fork.git")).clone("fourth")).repo.slug == "other"
        assert "looks like repos 'clone' (" in refusal(self.copied(origin, "fifth"))
        assert "--slug clone or --slug other joins one of them" in refusal(Clone(origin.path.with_name("fifth")))

    def test_clone_that_also_has_the_known_remote_asks_and_joins(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        fork = self.copied(origin, "fork")
        fork.git("remote", "add", "upstream", str(origin.path))
        assert "looks like repo 'clone'" in refusal(fork)
        assert note(fork, "clone") == f"registered {fork.path} as another checkout of 'clone'"
        assert Repo.objects.get().aliases == []

    def test_of_several_remotes_the_one_that_is_known(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        second = origin.clone("second", "--origin", "github")
        second.git("remote", "add", "mine", "https://example.org/mine.git")
        second.git("branch", "--unset-upstream")
        assert registered(second).repo.slug == "clone"

    @pytest.mark.parametrize("slug", [None, "clone"])
    def test_other_history_at_a_known_address_is_refused(
        self, origin: Origin, clone: Clone, new_origin: Callable[[str], Origin], slug: str | None
    ) -> None:
        registered(clone)
        origin.path.rename(origin.path.with_name("away"))
        stranger = new_origin("stranger")
        stranger.path.rename(origin.path)
        other = origin.clone("other")
        assert "the histories have nothing in common" in refusal(other, slug)
        assert note(other, "other").startswith(f"registered {other.path} as 'other'")
        # Both are at one address now, and the history tells which is which.
        assert registered(origin.clone("again")).repo.slug == "other"

    def test_other_history_never_joins_by_slug(self, clone: Clone, new_origin: Callable[[str], Origin]) -> None:
        registered(clone)
        assert "the histories have nothing in common" in refusal(new_origin("stranger").clone(), "clone")

    def test_shallow_clone_joins_by_address_and_by_nothing_else(self, origin: Origin, clone: Clone) -> None:
        clone.commit("More")
        clone.push()
        shallow = self.shallow(origin, "shallow")
        registered(shallow, "clone")
        assert Repo.objects.get().first_commits == []
        assert registered(clone).repo.slug == "clone"
        assert Repo.objects.get().first_commits == [clone.git("rev-list", "--max-parents=0", "HEAD")]
        elsewhere = self.shallow(self.moved(origin), "elsewhere")
        assert "it is not known whether the histories are related" in refusal(elsewhere, "clone")
        assert registered(elsewhere).repo.slug == "elsewhere"

    def test_clone_without_a_commit_joins_by_address(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        empty = Clone(clone.path.with_name("empty"))
        origin.git("init", "--quiet", str(empty.path))
        empty.git("remote", "add", "origin", str(origin.path))
        assert registered(empty).repo.slug == "clone"

    def test_same_path_on_another_host_is_another_address(
        self, origin: Origin, clone: Clone, new_origin: Callable[[str], Origin]
    ) -> None:
        registered(clone)
        origin.path.rename(origin.path.with_name("away"))
        new_origin("stranger").path.rename(origin.path)
        other = origin.clone("other")
        made = registered(other, host="elsewhere")
        assert (made.repo.slug, made.repo.origin) == ("other", str(origin.path).removesuffix(".git"))

    def test_moved_origin_is_followed_once(self, origin: Origin, clone: Clone) -> None:
        old = registered(clone).repo.origin
        second = origin.clone("second")
        registered(second)
        moved = self.moved(origin)
        clone.git("remote", "set-url", "origin", str(moved.path))
        new = str(moved.path).removesuffix(".git")
        assert note(clone) == f"{clone.path} is registered already, as 'clone'; its origin is now {new}"
        assert Repo.objects.values_list("origin", "former_origins").get() == (new, [old])
        assert registered(moved.clone("third")).repo.slug == "clone"
        # Who still comes from the old one does not take the repo back there.
        assert refusal(second) == (
            f"{second.path} comes from {old}, and the repo 'clone' has moved from there to {new}: git remote set-url "
            f"(if it has moved back: register_repo {second.path} --slug clone)"
        )
        assert note(second, "clone").endswith(f"as 'clone'; its origin is now {old}")
        assert Repo.objects.values_list("origin", "former_origins").get() == (old, [new])

    def test_new_clone_from_a_former_origin_is_refused(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        late = origin.clone("late")
        clone.git("remote", "set-url", "origin", str(self.moved(origin).path))
        registered(clone)
        assert "and the repo 'clone' has moved from there to" in refusal(late)

    def test_address_of_a_repo_that_had_none(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        registered(clone)
        second = origin.clone("second")
        assert "looks like repo 'clone' (no origin): --slug clone joins it" in refusal(second)
        registered(second, "clone")
        assert Repo.objects.get().origin == str(origin.path).removesuffix(".git")

    def test_hub_that_does_not_know_the_history_yet_goes_by_what_it_took(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        Repo.objects.update(first_commits=[])
        Checkout.objects.update(head=clone.head)
        assert "looks like repo 'clone'" in refusal(self.copied(origin, "fork"))


class TestMoved:
    """A checkout that is registered at a new place, while its old one is gone, has moved."""

    def test_row_goes_along(self, clone: Clone) -> None:
        known = registered(clone)
        clone.path.rename(clone.path.with_name("second"))
        second = Clone(clone.path.with_name("second"))
        assert note(second) == f"{second.path} is 'clone', which has moved from {clone.path}"
        assert list(Checkout.objects.values_list("pk", "path")) == [(known.pk, str(second.path))]

    def test_without_a_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        known = registered(clone)
        clone.path.rename(clone.path.with_name("second"))
        found = by_path(str(clone.path.with_name("second")), HOST)
        assert (found.checkout.pk, found.note) == (
            known.pk, f"{clone.path.with_name('second')} is 'clone', which has moved from {clone.path}",
        )  # fmt: skip

    def test_new_clone_in_place_of_one_that_is_gone(self, origin: Origin, clone: Clone) -> None:
        known = registered(clone)
        shutil.rmtree(clone.path / ".git")
        assert registered(origin.clone("second")).pk == known.pk

    def test_copy_beside_one_that_is_there_asks_without_a_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        registered(clone)
        shutil.copytree(clone.path, clone.path.with_name("copy"))
        assert "looks like repo 'clone' (no origin)" in refusal(Clone(clone.path.with_name("copy")))

    def test_of_two_that_are_gone_none_is_chosen(self, origin: Origin, clone: Clone) -> None:
        second = origin.clone("second")
        for each in (clone, second):
            registered(each)
        for each in (clone, second):
            shutil.rmtree(each.path)
        third = origin.clone("third")
        assert note(third).endswith(
            f"; gone from this host: {clone.path}, {second.path} (retire_checkout PATH retires one)"
        )
        assert Checkout.objects.count() == 3

    def test_one_of_another_host_or_repo_stays(
        self, origin: Origin, clone: Clone, new_origin: Callable[[str], Origin]
    ) -> None:
        registered(clone, host="elsewhere")
        other = new_origin("other").clone("other")
        registered(other)
        for each in (clone, other):
            shutil.rmtree(each.path)
        third = origin.clone("third")
        registered(third)
        assert list(Checkout.objects.order_by("pk").values_list("host", "path")) == [
            ("elsewhere", str(clone.path)), (HOST, str(other.path)), (HOST, str(third.path)),
        ]  # fmt: skip


class TestRetired:
    def retired(self, clone: Clone) -> Checkout:
        checkout = registered(clone)
        assert retire([checkout]) == [checkout]
        return checkout

    def test_is_not_run(self, clone: Clone) -> None:
        self.retired(clone)
        with pytest.raises(RegistrationError, match="no checkout is registered for host"):
            all_here(HOST)
        with pytest.raises(RegistrationError) as caught:
            by_slug("clone", HOST)
        assert str(caught.value) == (
            f"repo 'clone' is retired on host '{HOST}' ({clone.path}): register_repo PATH brings it back"
        )
        for path in (clone.path, clone.path / ".git" / ".."):
            with pytest.raises(RegistrationError) as caught:
                by_path(str(path), HOST)
            assert str(caught.value) == (
                f"{clone.path} ('clone') is retired: register_repo {clone.path} brings it back"
            )

    def test_another_checkout_of_the_repo_is_run(self, origin: Origin, clone: Clone) -> None:
        second = registered(origin.clone("second"))
        retire([second])
        known = registered(clone)
        assert by_slug("second", HOST) == all_here(HOST) == [known]

    def test_is_brought_back(self, clone: Clone) -> None:
        checkout = self.retired(clone)
        assert note(clone) == f"{clone.path} is back, as 'clone'"
        assert by_path(str(clone.path), HOST).checkout == checkout
        assert Checkout.objects.get().retired_at is None

    def test_place_may_hold_another_repository(self, clone: Clone, new_origin: Callable[[str], Origin]) -> None:
        first = self.retired(clone)
        clone.path.rename(clone.path.with_name("away"))
        stranger = new_origin("stranger")
        stranger.git("clone", "--quiet", str(stranger.path), str(clone.path))
        assert "slug 'clone' is taken by the repo with origin" in refusal(clone)
        second = registered(clone, "stranger")
        assert (second.pk != first.pk, by_path(str(clone.path), HOST).checkout) == (True, second)
        retire([second])
        # And the first one may come again.
        shutil.rmtree(clone.path)
        clone.path.with_name("away").rename(clone.path)
        assert (registered(clone).pk, registered(clone).repo.slug) == (first.pk, "clone")

    def test_moves_to_another_repo_of_the_hub(self, origin: Origin, clone: Clone) -> None:
        """A checkout that was registered as a second repo, before its address told that it is the first one."""
        registered(origin.clone("first"))
        clone.git("remote", "set-url", "origin", "work:acme/orders.git")
        second = registered(clone, "second")
        assert "retire_checkout" in refusal(clone, "first")
        retire([second])
        assert registered(clone, "first").repo.slug == "first"

    def test_is_not_the_one_that_moved(self, origin: Origin, clone: Clone) -> None:
        self.retired(clone)
        shutil.rmtree(clone.path)
        registered(origin.clone("second"))
        assert Checkout.objects.count() == 2


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
        with pytest.raises(NotAWorkTreeError):
            by_path(str(tmp_path), HOST)

    def test_not_utf8(self, tmp_path: Path) -> None:
        with pytest.raises(RegistrationError, match="is not UTF-8"):
            by_path(str(tmp_path / os.fsdecode(b"caf\xe9")), HOST)


class TestBySlug:
    def test_checkouts_of_this_host(self, origin: Origin, clone: Clone) -> None:
        first, second = registered(clone), registered(origin.clone("a-second"))
        registered(clone, host="elsewhere")
        assert by_slug("clone", HOST) == [second, first]

    def test_unknown(self, clone: Clone) -> None:
        with pytest.raises(RegistrationError, match=r"^no repo 'x' in the hub \(known: none yet\); register_repo PATH"):
            by_slug("x", HOST)
        registered(clone)
        with pytest.raises(RegistrationError, match=r"^no repo 'x' in the hub \(known: clone\)"):
            by_slug("x", HOST)

    def test_on_another_host_only(self, clone: Clone) -> None:
        registered(clone, host="elsewhere")
        with pytest.raises(
            RegistrationError, match=rf"^repo 'clone' has no checkout on host '{HOST}'; register_repo PATH"
        ):
            by_slug("clone", HOST)


def test_all_here(new_origin: Callable[[str], Origin]) -> None:
    with pytest.raises(
        RegistrationError, match=rf"^no checkout is registered for host '{HOST}': register_repo PATH adds"
    ):
        all_here(HOST)
    expected = [registered(new_origin(name).clone(name)) for name in ("c", "a", "b")]
    registered(new_origin("d").clone("d"), host="elsewhere")
    assert all_here(HOST) == sorted(expected, key=lambda checkout: checkout.path)
