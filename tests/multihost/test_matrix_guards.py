"""The matrix of states sees it when a rule of the product is taken out: each variant has an order that needs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from consistency.core.comparison.gates import EMPTY
from consistency.core.comparison.reopens import Age, age_of
from consistency.git.blobs import BlobChange
from consistency.git.remote import Fetched, find_upstream
from consistency.runs.stale_changes import Advances
from testing.repos import Origin
from tests.multihost.matrix import Matrix
from tests.multihost.matrix_variants import VARIANTS, LineEnds
from tests.multihost.matrix_world import World

pytestmark = pytest.mark.usefixtures("hub")

HUB = "the hub has taken something although a gate is closed"
LEDGER = "the ledger has taken something although a gate is closed"
UNDONE = "the task was reopened, and old news have made it "
MOVED = "'old': 'todo', 'new': 'done'"
"""A run moves the task on although nothing but its reopen has happened since."""


def _blobs_of(made: Callable[[bytes], bytes]) -> Any:
    """Commit blobs that are *made* of the files in the work tree, instead of the parent's with other statuses."""

    def change_blobs(_paths: Any, _request: Any, parent: Any, _written: Any, edited: Any, *_rest: Any) -> Any:
        return [BlobChange(path, parent.blobs[path], made(file.data)) for path, file in edited.items()]

    return change_blobs


def _no_upstream_in(name: str) -> Any:
    """Find no way to the origin from the clone of this *name*."""
    return lambda tree, *known: None if tree.top.endswith(f"/{name}") else find_upstream(tree, *known)


def _never_unknown(bringing: Any, evidence: Any) -> Age:
    age = age_of(bringing, evidence)
    return Age.NEWS if age is Age.UNKNOWN else age


GUARDS: dict[str, tuple[str, str, Any, tuple[str, ...], str]] = {
    "detached": (
        "detached", "consistency.git.status._on_branch", lambda _tree, state, *_: state,
        ("edit", "step off", "fix a"), HUB,
    ),
    "older": (
        "older", "consistency.git.status._on_branch", lambda _tree, state, *_: state,
        ("edit", "commit", "report", "fix a", "detach", "fix a"), LEDGER,
    ),
    "merging": ("merging", "consistency.git.status._under_way", lambda *_, **__: "", ("merge", "fix a"), HUB),
    "rebasing": (
        "rebasing", "consistency.git.status._under_way", lambda *_, **__: "", ("rebase onto", "edit", "fix a"), HUB,
    ),
    "tracking": (
        "tracking", "consistency.runs.fetching.find_upstream", _no_upstream_in("a"),
        ("unset", "report", "fix b", "fix a"), LEDGER,
    ),
    "forbidden": (
        "forbidden", "consistency.git.remote._push_target", lambda _clone, _branch, remote, *_: (remote, ""),
        ("forbid", "report", "fix a"), "a push that the clone's settings forbid",
    ),
    "amended: the date of a statement": (
        "amended", "consistency.core.comparison.reopens._has_date_of_statement", lambda *_: False,
        ("report", "fix a", "push", "pull", "put more in", "reopen", "fix b"), MOVED,
    ),
    "amended: the file of a statement": (
        "amended", "consistency.core.comparison.reopens._has_file_of_statement", lambda *_: False,
        ("report", "fix a", "push", "pull", "reset date", "reopen", "fix b"), UNDONE,
    ),
    "pruned": (
        "pruned", "consistency.runs.stale_changes.find_stale_changes", lambda *_, **__: Advances(),
        ("report", "fix a", "reopen", "prune", "fix b"), MOVED,
    ),
    "shallow": (
        "shallow", "consistency.runs.stale_changes.age_of", _never_unknown,
        ("edit", "commit", "push", "fix a", "reopen", "reword", "cut", "fix b"), UNDONE,
    ),
    "linked": (
        "linked", "consistency.runs.fetching.find_upstream", _no_upstream_in("b"), ("edit", "commit", "push"),
        "own commits were not pushed, and nothing forbids it",
    ),
    "hooked": ("hooked", "consistency.git.process._NO_HOOKS", (), ("report", "fix a"), "a hook of the clone has run"),
    "renamed": (
        "renamed", "consistency.git.remote._without_branch", lambda *_: Fetched(EMPTY),
        ("report", "rename", "fix a"), LEDGER,
    ),
    "line ends": (
        "line ends", "consistency.git.commit._change_blobs", _blobs_of(LineEnds().clean), ("report", "fix a"),
        "a commit of the run changes more than a status",
    ),
    "filtered": (
        "filtered", "consistency.git.commit._change_blobs", _blobs_of(bytes), ("report", "fix a"),
        "a commit of the run changes more than a status",
    ),
}  # fmt: skip
"""For each: the variant, the rule's path, its replacement, an order that needs the rule, and the fault."""


def test_every_variant_has_a_guard() -> None:
    assert {guard[0] for guard in GUARDS.values()} == {variant.name for variant in VARIANTS}


@pytest.mark.parametrize("guard", GUARDS)
def test_matrix_without_a_rule_of_the_product_finds_a_fault(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    name, what, instead, order, words = GUARDS[guard]
    (variant,) = (each for each in VARIANTS if each.name == name)
    world = World(origin, "in_progress", variant())
    assert Matrix(world, 0).play(*order) == []
    world.forget()
    monkeypatch.setattr(what, instead)
    faults = Matrix(world, 0).play(*order)
    print(faults)
    assert [fault for fault in faults if words in fault], faults
