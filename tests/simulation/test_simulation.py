"""Machines, people and a hub played through at random: a part that is small enough for every run of the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from consistency.core.actions import StatusWritten
from consistency.core.comparison.gates import EMPTY
from consistency.core.comparison.reopens import Age, age_of
from consistency.core.comparison.status_rule import classify_difference
from consistency.git.blobs import BlobChange
from consistency.git.remote import Fetched
from consistency.git.status import _under_way
from consistency.runs.stale_changes import Advances
from testing.manage import ROOT
from tests.simulation.folder import Folder
from tests.simulation.replay import play, shortened
from tests.simulation.rules import play_worlds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Folder]:
    with django_db_blocker.unblock():
        yield Folder(tmp_path_factory.mktemp("worlds"))


@pytest.mark.parametrize("seed", range(4))
def test_promises_hold_whatever_happens(folder: Folder, seed: int) -> None:
    played = play_worlds(folder, seed, worlds=2, rounds=15)
    if played.trouble is not None:
        script = "\n".join(shortened(folder, played.broken))
        pytest.fail(
            f"{played.trouble}\n\nseed {seed}; python -m tests.simulation --replay FILE plays it again:\n{script}"
        )
    assert played.settled == 2


def test_script_of_a_broken_promise_is_shortened(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a judge that takes old news for new ones a reopen is undone; the simulation must see that."""
    monkeypatch.setattr(
        "consistency.core.comparison.tasks.classify_difference",
        lambda file, hub, _taken, moved: classify_difference(file, hub, "", moved=moved),
    )
    script = ["reword a B", "edit a A-T1 done", "check b", "fix a", "reopen A-T1 todo", "fix a"]
    assert str(play(folder, script)).startswith("A-T1 was todo in the hub and is done; the file said done, and done")
    assert shortened(folder, script) == ["edit a A-T1 done", "fix a", "reopen A-T1 todo", "fix a"]


TOPIC = ["switch a", "edit a A-T1 done", "commit a", "switch a"]
OWN_ABOVE_A_PERSONS = ["reword a A", "commit a", "report A-T1 done", "fix a push"]
OTHERS_PUSHED = ["edit b B-T1 done", "commit b", "push b", "report A-T1 done"]
UNDONE = "A-T1 was todo in the hub and is done; the file said done, and todo when it was last seen here"
FILE_FIRST = "A-T1 was in_progress in the hub and is blocked; the file said blocked"


def _from_the_work_tree(_paths: Any, _request: Any, parent: Any, _written: Any, edited: Any, *_rest: Any) -> Any:
    return [BlobChange(path, parent.blobs[path], file.data) for path, file in edited.items()]


def _never_unknown(bringing: Any, evidence: Any) -> Age:
    age = age_of(bringing, evidence)
    return Age.NEWS if age is Age.UNKNOWN else age


GUARDS: dict[str, tuple[str, Any, list[str], str]] = {
    "old news": (
        "consistency.runs.stale_changes.find_stale_changes", lambda *_, **__: Advances(),
        ["edit a A-T1 done", "commit a", "push a", "fix a", "reopen A-T1 todo", "prune", "pull b", "fix b"],
        UNDONE,
    ),
    "old news made again": (
        "consistency.core.comparison.reopens._has_date_of_statement", lambda *_: False,
        ["edit a A-T1 done", "commit a", "push a", "fix a", "check b", "reword a A", "amend a", "push a force",
         "reopen A-T1 todo", "pull b", "fix b"],
        UNDONE,
    ),
    "own commit made again": (
        "consistency.core.comparison.reopens._has_date_of_statement", lambda *_: False,
        ["report A-T1 done", "fix a push", "check b", "reword a A", "amend a", "push a force", "reopen A-T1 todo",
         "pull b", "fix b"],
        UNDONE,
    ),
    "old news committed since": (
        "consistency.core.comparison.reopens._has_file_of_statement", lambda *_: False,
        ["edit a A-T1 done", "fix a", "reopen A-T1 todo", "commit a", "push a", "pull b", "fix b"],
        UNDONE,
    ),
    "old news in a shallow clone": (
        "consistency.runs.stale_changes.age_of", _never_unknown,
        ["fix c", "edit a A-T1 done", "commit a", "push a", "fix a", "reopen A-T1 todo", "reword b B", "merge b",
         "commit b", "push b", "again c shallow", "fix c"],
        UNDONE,
    ),
    "old news of equal rank": (
        "consistency.runs.stale_changes.find_stale_changes", lambda *_, **__: Advances(),
        ["edit a A-T1 in_progress", "commit a", "push a", "fix a", "pull b", "fix b", "edit a A-T1 blocked",
         "commit a", "fix a", "report A-T1 in_progress", "fix b", "push a", "pull b", "fix b"],
        FILE_FIRST,
    ),
    "recovery": (
        "consistency.git.commit.recover", lambda _: [], ["report A-T1 done", "kill a", "unlock a", "fix a"],
        "workplans/a.md was cut off, and is still",
    ),
    "pull gate": (
        "consistency.runs.preflight.check_behind", lambda *_: [], [*OTHERS_PUSHED, "fix a"], "behind is True",
    ),
    "equal rank": (
        "consistency.core.comparison.tasks.classify_difference",
        lambda *statuses, **_: classify_difference(*statuses, moved=True),
        ["edit a A-T1 in_progress", "fix a", "edit a A-T1 blocked", "fix a"],
        "A-T1 was in_progress in the hub and is in_progress; the file said blocked",
    ),
    "there and back": (
        "consistency.core.comparison.tasks.classify_difference",
        lambda *statuses, **_: classify_difference(*statuses, moved=False),
        ["edit a A-T1 in_progress", "fix a", "report A-T1 blocked", "report A-T1 in_progress",
         "edit a A-T1 blocked", "fix a"],
        FILE_FIRST,
    ),
    **{
        f"{what} under way": (
            "consistency.git.status._under_way", lambda *_, **__: "", [*TOPIC, f"begin a {what}", "fix a"],
            "C-21 is True, the gates are ",
        )
        for what in ("merge", "pick-only", "bisect")
    },
    "rebase under way": (
        "consistency.git.status._under_way", lambda *_, **__: "",
        ["reword a A", "commit a", "push a", "begin a replay", "fix a"], "C-21 is True, the gates are set()",
    ),
    "merge in a linked work tree": (
        "consistency.git.status._under_way",
        lambda tree, **options: _under_way(tree._replace(git_dir=tree.common_dir), **options),
        [*(step.replace(" a", " c") for step in ("again a linked", *TOPIC)), "begin c merge", "fix c"],
        "C-21 is True, the gates are set()",
    ),
    "detached at a topic": (
        "consistency.git.status._on_branch", lambda _tree, state, *_: state,
        ["detach a", "edit a A-T1 done", "commit a", "fix a"], "C-18 is True, the gates are set()",
    ),
    "detached in the past": (
        "consistency.git.status._on_branch", lambda _tree, state, *_: state,
        ["reword a A", "commit a", "push a", "fix a", "detach a HEAD~1", "fix a"], "C-18 is True",
    ),
    "branch gone": (
        "consistency.git.remote._without_branch", lambda *_: Fetched(EMPTY),
        ["report A-T1 done", "rename", "fix a push"], "C-22 is True, the gates are set()",
    ),
    "no tracking": (
        "consistency.runs.fetching.find_upstream", lambda *_: None,
        ["untrack a", *OTHERS_PUSHED, "fix a"], "behind is True",
    ),
    "another name of the remote": (
        "consistency.runs.fetching.find_upstream", lambda *_: None, ["rename_remote a", *OTHERS_PUSHED, "fix a"],
        "behind is True",
    ),
    "only own commits are pushed": (
        "consistency.runs.push.read_own_commits", lambda _, commits: dict.fromkeys(commits, ()), OWN_ABOVE_A_PERSONS,
        "a run pushed what a person had not pushed yet",
    ),
    "what stays is named": (
        "consistency.runs.run._Running._unpushed", lambda *_: None, OWN_ABOVE_A_PERSONS, "unpushed are ",
    ),
    "own by record": (
        "consistency.runs.preflight.read_own_commits",
        lambda _, commits: dict.fromkeys(commits, (StatusWritten("workplans/a.md", "A", "A-T1", "todo", "done", ""),)),
        ["call a State-Hub", "edit a A-T1 done", "commit a", *OTHERS_PUSHED, "fix a pull"],
        "commits of people are lost",
    ),
    "settings that forbid a push": (
        "consistency.git.remote._push_target", lambda _clone, _branch, remote, *_: (remote, ""),
        ["may_not_push a remote", "report A-T1 done", "fix a push"],
        "the run pushed although the clone's settings forbid it",
    ),
    "no hooks": (
        "consistency.git.process._NO_HOOKS", (), ["hooks a watch", "report A-T1 done", "fix a"],
        "the run let hooks of the repository run",
    ),
    "hooks that change the commit": (
        "consistency.git.commit.check_commit", lambda *_: None,
        ["hooks a change", "report A-T1 done", "fix a hooks"], "the tool's commit",
    ),
    "line ends": (
        "consistency.git.commit._change_blobs", _from_the_work_tree,
        ["attributes a text", "commit a", "push a", "report B-T1 done", "fix a"], "the tool's commit",
    ),
    "lossy filter": (
        "consistency.git.commit._change_blobs", _from_the_work_tree,
        ["reword a A", "attributes a lossy", "commit a", "push a", "report A-T1 done", "fix a"], "the tool's commit",
    ),
}  # fmt: skip
"""For each guard: where it is, what is in its place without it, a script that meets it, and how the trouble begins."""


@pytest.mark.parametrize("guard", GUARDS)
def test_product_without_one_of_its_guards_breaks_a_promise(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    what, instead, script, words = GUARDS[guard]
    assert play(folder, script) is None
    monkeypatch.setattr(what, instead)
    assert str(play(folder, script))[: len(words)] == words


def test_same_script_does_the_same_again(folder: Folder) -> None:
    script = [
        "edit a A-T1 done",
        "commit a",
        "during 20 fix a push / commit b / report A-T2 done",
        "crash b 25 pull push",
    ]
    ends = []
    for _ in range(2):
        with folder.world() as world:
            for line in script:
                world.do(line)
            look = world.look()
            ends.append((look.clones, look.origin, look.hub.tasks))
    assert ends[0] == ends[1]


def test_script_in_a_file_plays(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("# what it is about\nedit a A-T1 done\nfix a push\nsettle\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--replay", str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "3 steps, every promise held\n"), ended.stdout + ended.stderr
