"""How checkouts that moved or were retired become known again."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from consistency.cli.registration import find_or_register
from consistency.cli.retiring import retire
from consistency.cli.selection import RegistrationError, active_checkouts, checkouts_by_slug
from statehub.models import Checkout
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.registering import note, refusal, registered

pytestmark = pytest.mark.django_db


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
        found = find_or_register(str(clone.path.with_name("second")), HOST)
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
            active_checkouts(HOST)
        with pytest.raises(RegistrationError) as caught:
            checkouts_by_slug("clone", HOST)
        assert str(caught.value) == (
            f"repo 'clone' is retired on host '{HOST}' ({clone.path}): register_repo PATH brings it back"
        )
        for path in (clone.path, clone.path / ".git" / ".."):
            with pytest.raises(RegistrationError) as caught:
                find_or_register(str(path), HOST)
            assert str(caught.value) == (
                f"{clone.path} ('clone') is retired: register_repo {clone.path} brings it back"
            )

    def test_another_checkout_of_the_repo_is_run(self, origin: Origin, clone: Clone) -> None:
        second = registered(origin.clone("second"))
        retire([second])
        known = registered(clone)
        assert checkouts_by_slug("second", HOST) == active_checkouts(HOST) == [known]

    def test_is_brought_back(self, clone: Clone) -> None:
        checkout = self.retired(clone)
        assert note(clone) == f"{clone.path} is back, as 'clone'"
        assert find_or_register(str(clone.path), HOST).checkout == checkout
        assert Checkout.objects.get().retired_at is None

    def test_place_may_hold_another_repository(self, clone: Clone, new_origin: Callable[[str], Origin]) -> None:
        first = self.retired(clone)
        clone.path.rename(clone.path.with_name("away"))
        stranger = new_origin("stranger")
        stranger.git("clone", "--quiet", str(stranger.path), str(clone.path))
        assert "slug 'clone' is taken by the repo with origin" in refusal(clone)
        second = registered(clone, "stranger")
        assert (second.pk != first.pk, find_or_register(str(clone.path), HOST).checkout) == (True, second)
        retire([second])
        # And the first one may come again.
        shutil.rmtree(clone.path)
        clone.path.with_name("away").rename(clone.path)
        assert (registered(clone).pk, registered(clone).repo.slug) == (first.pk, "clone")

    def test_moves_to_another_repo_of_the_hub(self, origin: Origin, clone: Clone) -> None:
        """A checkout that was registered as a second repo, before its address showed that it is the first one."""
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
