"""deploy_key: the public part of a repo's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Origin
from tests.cli.helpers import cannot_run, run

pytestmark = pytest.mark.usefixtures("hub", "clones")


@pytest.fixture
def repo() -> Repo:
    """Create the rows of a clone by ssh, as `register_repo --remote` leaves them."""
    repo = Repo.objects.create(slug="orders", origin="h/orders", remote="git@h:orders.git")
    Checkout.objects.create(repo=repo, host=HOST, path="/nowhere/orders-1", managed=True)
    return repo


def test_public_part_alone_is_on_stdout(repo: Repo, clones: Path) -> None:
    first, second = run("deploy_key", "orders"), run("deploy_key", "orders")
    kind, key, *comment = first.stdout.split()
    assert (first, first.exit, first.stderr) == (second, 0, "")
    assert (kind, key[:4], comment) == ("ssh-ed25519", "AAAA", ["statehub", "orders", HOST])
    private = clones / ".keys" / str(repo.pk)
    assert key not in private.read_text()


def test_public_part_that_is_lost_is_read_from_the_private_one(repo: Repo, clones: Path) -> None:
    first = run("deploy_key", "orders")
    (clones / ".keys" / f"{repo.pk}.pub").unlink()
    assert run("deploy_key", "orders") == first


def test_rotate(repo: Repo, clones: Path) -> None:
    first, second = run("deploy_key", "orders"), run("deploy_key", "orders", "--rotate")
    assert (second.exit, second.stdout != first.stdout) == (0, True)
    assert second.stderr == "paste the new key at the server of 'orders'; then remove the last one there\n"
    assert run("deploy_key", "orders").stdout == second.stdout
    assert sorted(each.name for each in (clones / ".keys").iterdir()) == [
        ".gitignore", f"{repo.pk}", f"{repo.pk}.previous", f"{repo.pk}.pub",
    ]  # fmt: skip
    assert {oct(each.stat().st_mode & 0o777) for each in (clones / ".keys").iterdir()} == {"0o600"}


def test_rotate_again_before_the_new_key_has_worked(repo: Repo, clones: Path) -> None:
    """No server answers: the oldest key may be the one that works."""
    Repo.objects.update(origin="127.0.0.1:1/orders", remote="ssh://git@127.0.0.1:1/orders")
    run("deploy_key", "orders")
    private = clones / ".keys" / str(repo.pk)
    first = private.read_text()
    second, third = run("deploy_key", "orders", "--rotate"), run("deploy_key", "orders", "--rotate")
    assert (third.exit, third.stdout != second.stdout) == (0, True)
    assert third.stderr == (
        "paste the new key at the server of 'orders'; then remove the last one there\n"
        "the server was not seen to take the key of the last --rotate: the new one replaces it, and the key before it "
        "stays until the new one works\n"
    )
    assert private.with_name(f"{repo.pk}.previous").read_text() == first
    assert run("deploy_key", "orders").stdout == third.stdout


def test_repo_without_a_clone_of_the_hubs_own() -> None:
    assert run("deploy_key", "orders") == cannot_run(
        f"the hub has no clone of its own of 'orders' on host '{HOST}': register_repo --remote URL"
    )


def test_repo_that_is_not_cloned_by_ssh(origin: Origin) -> None:
    run("register_repo", "--remote", origin.path)
    assert run("deploy_key", "origin") == cannot_run("'origin' is not cloned by ssh, and needs no key")
