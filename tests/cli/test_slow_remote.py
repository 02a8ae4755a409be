"""Remotes that stall or are slow: nothing is left of a fetch that was cut off, and a large one gets through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from consistency.core.comparison.reachability import MAX_DOUBLINGS
from consistency.git.addresses import normalize_url
from statehub.models import Checkout, Repo
from testing.hub import Hub
from testing.repos import Clone, Origin
from testing.slowssh import slow_ssh
from tests.cli.helpers import check, document, fix, mirrored

BIG = 600_000

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def agreed(origin: Origin, clone: Clone) -> Clone:
    """Return a clone that agrees with the hub; its remote has one large file more, and many small ones."""
    mirrored(clone)
    other = origin.clone("other")
    other.write("big", os.urandom(BIG))
    other.commit("Big")
    other.push()
    clone.git("remote", "set-url", "origin", f"ssh://somewhere{origin.path}")
    Repo.objects.update(origin=normalize_url(f"ssh://somewhere{origin.path}", "/"))
    return clone


def with_many_files(origin: Origin) -> None:
    """Commit more objects than git unpacks: it keeps them as one pack (git-config, "fetch.unpackLimit")."""
    other = origin.clone("another")
    for number in range(150):
        other.write(f"many/{number}", str(number))
    other.commit("Many")
    other.push()


def contents(clone: Clone) -> dict[str, int]:
    """Return every file in the git folder but FETCH_HEAD, with its size."""
    files = [path for path in (clone.path / ".git").rglob("*") if path.is_file() and path.name != "FETCH_HEAD"]
    return {str(path.relative_to(clone.path)): path.stat().st_size for path in files}


@pytest.mark.parametrize(
    "many", [pytest.param(True, id="a pack", marks=pytest.mark.proof), pytest.param(False, id="loose objects")]
)
def test_stalled_remote_leaves_nothing_behind(origin: Origin, agreed: Clone, hub: Hub, many: bool) -> None:
    if many:
        with_many_files(origin)
    agreed.git("config", "core.sshCommand", slow_ssh(stop_after=BIG // 2))
    before = contents(agreed)
    for _ in range(3):
        ended = hub.manage("fix_consistency", "clone", "--format=json", env={"STATEHUB_FETCH_TIMEOUT": "1"})
        if not many:  # Those that came whole stay, from the first time on.
            before = before | {name: size for name, size in contents(agreed).items() if "tmp_" not in name}
        assert (ended.exit, ended.stderr, contents(agreed)) == (0, "", before)
    assert len(before) < 100
    checkout = Checkout.objects.get()
    assert checkout.unreachable_since is not None
    assert checkout.fetch_timeouts == 0


@pytest.mark.proof
@pytest.mark.parametrize("many", [True, False], ids=["a pack", "loose objects"])
def test_fetch_larger_than_the_limit_gets_through(
    origin: Origin, agreed: Clone, settings: Settings, many: bool
) -> None:
    if many:
        with_many_files(origin)
    agreed.git("config", "core.sshCommand", slow_ssh(rate=BIG // 3))
    settings.STATEHUB_FETCH_TIMEOUT = 1
    counted: list[int] = []
    while not counted or counted[-1]:
        ended = fix("clone", "--pull") if len(counted) % 2 else check("clone")
        assert ended.exit == 0
        counted.append(Checkout.objects.get().fetch_timeouts)
        assert len(counted) < 6
    assert counted in ([1, 2, 0], [1, 2, 3, 0])
    assert not list((agreed.path / ".git").rglob("tmp_*"))
    assert document(fix("clone", "--pull"))["repos"][0]["freshness"] == "fresh"
    assert (agreed.path / "big").stat().st_size == BIG


def test_limit_counts_for_its_checkout_alone(agreed: Clone, settings: Settings) -> None:
    """And one that was reached for another reason is not raised."""
    settings.STATEHUB_FETCH_TIMEOUT = 1
    Checkout.objects.update(fetch_timeouts=MAX_DOUBLINGS)
    agreed.git("config", "core.sshCommand", "exit 1;")
    assert fix("clone").exit == 0
    assert Checkout.objects.get().fetch_timeouts == MAX_DOUBLINGS
    agreed.git("config", "core.sshCommand", slow_ssh())
    assert fix("clone", "--pull").exit == 0
    assert (Checkout.objects.get().fetch_timeouts, Path(agreed.path, "big").stat().st_size) == (0, BIG)
