"""The next run after a checkout was moved in the hub, from a machine that could not look at its disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.cli.moving import move
from consistency.cli.retiring import bring_back, retire
from consistency.cli.selection import RegistrationError
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from testing.environment import HOST
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, Json, check, codes, edit, fix, hub_rows, mirrored, rows, run

pytestmark = pytest.mark.usefixtures("hub")


def moved(path: Path) -> Checkout:
    """Return the only checkout, moved to *path* by a hub on another machine."""
    checkout = Checkout.objects.select_related("repo").get()
    move(checkout, HOST, str(path), here="the-hubs-own")
    checkout.refresh_from_db()
    assert (checkout.host, checkout.path) == (HOST, str(path))
    return checkout


def mirror() -> dict[str, list[Json]]:
    """Return all that the hub knows of workplans."""
    return rows(Workstream, Task, StatusChange)


def new_repository(path: Path, text: str) -> Clone:
    """Return a repository without a remote, and with a history of its own."""
    made = Clone(path)
    made.path.mkdir()
    made.git("init", "--quiet")
    made.write(FILE, text)
    made.commit("Another beginning")
    return made


def missing(clone: Clone, _origin: Callable[[str], Origin]) -> Path:
    return clone.path.with_name("missing")


def plain_folder(clone: Clone, _origin: Callable[[str], Origin]) -> Path:
    folder = clone.path.with_name("folder")
    folder.mkdir()
    return folder


def folder_in_a_clone(clone: Clone, _origin: Callable[[str], Origin]) -> Path:
    return clone.path / "workplans"


def file(clone: Clone, _origin: Callable[[str], Origin]) -> Path:
    return clone.path / FILE


def clone_of_another_origin(_clone: Clone, new_origin: Callable[[str], Origin]) -> Path:
    other = new_origin("other").clone("elsewhere")
    other.write(FILE, workplan("WP-1", [("T01", "done"), ("T09", "todo")]))
    other.commit("Another plan of the same name")
    other.push()
    return other.path


def repository_without_origin(clone: Clone, _origin: Callable[[str], Origin]) -> Path:
    return new_repository(clone.path.with_name("local"), workplan("WP-1", [("T01", "done")])).path


@pytest.mark.parametrize("more", [(), ("--allow-missing",)], ids=["fix", "allow-missing"])
@pytest.mark.parametrize(
    ("place", "code", "outcome"),
    [
        (missing, "C-01", "error"),
        (plain_folder, "C-01", "error"),
        (folder_in_a_clone, "C-01", "error"),
        (file, "C-01", "error"),
        (clone_of_another_origin, "C-22", "skipped"),
        (repository_without_origin, "C-22", "skipped"),
    ],
)
def test_wrong_place_is_said_and_nothing_is_written(
    clone: Clone,
    new_origin: Callable[[str], Origin],
    place: Callable[[Clone, Callable[[str], Origin]], Path],
    code: str,
    outcome: str,
    more: tuple[str, ...],
) -> None:
    mirrored(clone)
    path = place(clone, new_origin)
    moved(path)
    before = hub_rows()
    heads = clone.head, clone.status()
    ended = fix("--all", *more)
    (repo,) = json.loads(ended.stdout)["repos"]
    assert (repo["path"], repo["outcome"], codes(ended)) == (str(path), outcome, [(code, "none")])
    assert (hub_rows(), (clone.head, clone.status())) == (before, heads)
    # Put right, it goes on where it was: with its ledger, and nothing to do.
    moved(clone.path)
    ended = fix("--all")
    assert (ended.exit, codes(ended), mirror()) == (0, [], {name: before[name] for name in mirror()})


@pytest.mark.parametrize("place", [clone_of_another_origin, repository_without_origin])
def test_repo_is_known_by_its_address_alone(
    clone: Clone, new_origin: Callable[[str], Origin], place: Callable[[Clone, Callable[[str], Origin]], Path]
) -> None:
    mirrored(clone)
    Repo.objects.update(first_commits=[])
    moved(place(clone, new_origin))
    before = hub_rows()
    ended = fix("--all")
    assert (codes(ended), hub_rows()) == ([("C-22", "none")], before)


def test_repo_that_is_known_by_nothing_does_not_move_unseen(clone: Clone, tmp_path: Path) -> None:
    """A hub of an earlier version knows no first commits, and the repo has no address."""
    here = new_repository(tmp_path / "here", TEXT)
    assert fix("--path", here.path).exit == 0
    Repo.objects.update(first_commits=[])
    before = hub_rows()
    with pytest.raises(RegistrationError) as caught:
        moved(new_repository(tmp_path / "there", workplan("WP-9", [("T01", "todo")])).path)
    assert (str(caught.value), hub_rows()) == (
        "no run could tell another repository from 'here', which has no origin and no known history: "
        "register_repo PATH on its host moves it",
        before,
    )


def test_right_place_goes_on_with_its_ledger(clone: Clone) -> None:
    mirrored(clone)
    clone.path.rename(clone.path.with_name("renamed"))
    there = Clone(clone.path.with_name("renamed"))
    pk = moved(there.path).pk
    assert codes(check("--all")) == []
    edit(there, "status: todo", "status: done")
    assert codes(fix("--path", there.path)) == [("C-11", "advanced")]
    assert list(Checkout.objects.values_list("pk", "path")) == [(pk, str(there.path))]


def test_brought_back_in_the_hub_is_run_again(clone: Clone) -> None:
    mirrored(clone)
    retire(Checkout.objects.all())
    assert run("check_consistency", "--all").exit == 2
    edit(clone, "status: todo", "status: done")
    bring_back(Checkout.objects.all())
    assert codes(fix("--all")) == [("C-11", "advanced")]
