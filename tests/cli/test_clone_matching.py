"""Which repo a clone is of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.cli.registration import find_or_register
from consistency.cli.selection import RegistrationError
from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.registering import note, refusal, registered

pytestmark = pytest.mark.django_db


class TestHistory:
    """A repo is known by its first commits as well as by its address."""

    def moved(self, origin: Origin, name: str = "moved") -> Origin:
        """Move the repository to another address; the first one no longer exists."""
        origin.path.rename(origin.path.with_name(f"{name}.git"))
        return Origin(origin.path.with_name(f"{name}.git"))

    def copied(self, origin: Origin, name: str) -> Clone:
        """Return a clone of a fork, or of a copy, of *origin*."""
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
            find_or_register(str(fork.path), HOST)

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

    def test_unknown_history_is_matched_by_taken_commits(self, origin: Origin, clone: Clone) -> None:
        registered(clone)
        Repo.objects.update(first_commits=[])
        Checkout.objects.update(head=clone.head)
        assert "looks like repo 'clone'" in refusal(self.copied(origin, "fork"))
