"""Which checkouts a command is about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.cli.registration import find_or_register
from consistency.cli.selection import RegistrationError, active_checkouts, checkouts_by_slug
from consistency.git.worktree import NotAWorkTreeError
from statehub.globs import DEFAULT_WORKPLANS
from statehub.models import Checkout
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.registering import registered

pytestmark = pytest.mark.django_db


class TestFindOrRegister:
    def test_unknown_is_registered(self, clone: Clone) -> None:
        found = find_or_register(str(clone.path), HOST)
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
            found = find_or_register(path, HOST)
            assert (found.checkout, found.note) == (known, "")

    def test_known_is_found_though_it_is_gone(self, clone: Clone) -> None:
        known = registered(clone)
        clone.path.rename(clone.path.with_name("away"))
        assert find_or_register(str(clone.path), HOST).checkout == known

    def test_relative_and_unknown(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(clone.path.parent)
        assert find_or_register("clone", HOST).checkout.path == str(clone.path)

    def test_no_work_tree(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTreeError):
            find_or_register(str(tmp_path), HOST)

    def test_not_utf8(self, tmp_path: Path) -> None:
        with pytest.raises(RegistrationError, match="is not UTF-8"):
            find_or_register(str(tmp_path / os.fsdecode(b"caf\xe9")), HOST)


class TestCheckoutsBySlug:
    def test_checkouts_of_this_host(self, origin: Origin, clone: Clone) -> None:
        first, second = registered(clone), registered(origin.clone("a-second"))
        registered(clone, host="elsewhere")
        assert checkouts_by_slug("clone", HOST) == [second, first]

    def test_unknown(self, clone: Clone) -> None:
        with pytest.raises(RegistrationError, match=r"^no repo 'x' in the hub \(known: none yet\); register_repo PATH"):
            checkouts_by_slug("x", HOST)
        registered(clone)
        with pytest.raises(RegistrationError, match=r"^no repo 'x' in the hub \(known: clone\)"):
            checkouts_by_slug("x", HOST)

    def test_on_another_host_only(self, clone: Clone) -> None:
        registered(clone, host="elsewhere")
        with pytest.raises(
            RegistrationError, match=rf"^repo 'clone' has no checkout on host '{HOST}'; register_repo PATH"
        ):
            checkouts_by_slug("clone", HOST)


def test_active_checkouts(new_origin: Callable[[str], Origin]) -> None:
    with pytest.raises(
        RegistrationError, match=rf"^no checkout is registered for host '{HOST}': register_repo PATH adds"
    ):
        active_checkouts(HOST)
    expected = [registered(new_origin(name).clone(name)) for name in ("c", "a", "b")]
    registered(new_origin("d").clone("d"), host="elsewhere")
    assert active_checkouts(HOST) == sorted(expected, key=lambda checkout: checkout.path)
