"""Gates that block a whole checkout: a check says so and goes on, a fix writes nothing of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from consistency.core.comparison.gates import GATES
from statehub.models import Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import T01, ahead_of_file
from testing.workplans import workplan
from tests.cli.helpers import (
    FILE,
    Json,
    check,
    codes,
    document,
    edit,
    episodes,
    finding,
    fix,
    hub_rows,
    mirrored,
    publish,
    repo_report,
    report,
    tree,
)

AHEAD = ahead_of_file(T01, "done", "todo")
ahead = finding("C-13", AHEAD, 14, task=T01, db="done", says="todo")
empty = finding("C-25", "no file matches the repo's workplan pattern 'workplans/**/*.md'", file=None, workplan=None)
lost = finding("C-08", "workplan of 'Workplan WP-1' is gone from the checkout", db="active")

pytestmark = pytest.mark.usefixtures("hub")


@dataclass(frozen=True)
class Gate:
    """A closed gate: how it comes about, what is said of it, and what is found behind it.

    `compared` says that a fix shows what is behind it too; `lift` is the option that opens it, and `done` what is then
    done; `repo` are fields of the report that differ from those of a fresh clone.
    """

    code: str
    arrange: Callable[[Clone], object]
    message: str
    behind: Json
    severity: str = "WARN"
    compared: bool = False
    lift: str = ""
    done: str = ""
    repo: dict[str, object] = field(default_factory=dict)
    unmatched: tuple[Json, ...] = ()

    def said(self, severity: str) -> Json:
        return finding(self.code, self.message, severity=severity, file=None, workplan=None)


def ahead_in_the_hub(clone: Clone) -> None:
    advance(find_task(T01), "done", Actor("somebody", Source.API, "elsewhere"))


def behind(clone: Clone) -> None:
    ahead_in_the_hub(clone)
    other = Bare(clone.path.with_name("origin.git")).clone("other")
    edit(other, "status: todo", "status: done")
    publish(other)


def on_a_topic(clone: Clone) -> None:
    ahead_in_the_hub(clone)
    clone.git("checkout", "--quiet", "-b", "topic")


def gone(clone: Clone) -> None:
    clone.git("rm", "--quiet", FILE)
    publish(clone)


def merging(clone: Clone) -> None:
    ahead_in_the_hub(clone)
    clone.git("checkout", "--quiet", "-b", "topic")
    clone.write("topic.txt", "from a topic")
    clone.commit("Topic")
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "topic")


def renamed_on_the_server(clone: Clone) -> None:
    ahead_in_the_hub(clone)
    Bare(clone.path.with_name("origin.git")).git("branch", "--move", "main", "trunk")


CLOSED = [
    Gate(
        "C-14", behind, "Repo 'clone' is behind remote — pull before fixing to avoid clobbering remote progress", ahead,
        repo={"freshness": "behind", "behind": 1},
    ),
    Gate(
        "C-18", on_a_topic,
        "Repo 'clone' is on branch 'topic', not on 'main' — nothing is written (--any-branch lifts this)", ahead,
        lift="--any-branch", done="written_back",
    ),
    Gate(
        "C-19", gone,
        "Repo 'clone' no longer has the one workplan that the last fix saw — nothing is written "
        "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)", lost,
        severity="FAIL", compared=True, lift="--allow-missing", done="none", unmatched=(empty,),
    ),
    Gate(
        "C-21", merging, "Repo 'clone': a merge is in progress — nothing is written; finish or abort it", ahead,
    ),
    Gate(
        "C-22", renamed_on_the_server,
        "Repo 'clone': branch 'main' is gone from origin — nothing is written; its default branch is 'trunk': "
        "git switch trunk, then register_repo PATH follows it", ahead,
        repo={"freshness": "gone", "ahead": None, "behind": None},
    ),
]  # fmt: skip


def code(gate: Gate) -> str:
    return gate.code


@pytest.fixture
def agreed(clone: Clone) -> Clone:
    return mirrored(clone)


def test_every_gate_has_a_case() -> None:
    assert tuple(map(code, CLOSED)) == GATES


@pytest.mark.parametrize("gate", CLOSED, ids=code)
def test_gate_in_a_check_is_a_note_and_the_files_are_compared(agreed: Clone, gate: Gate) -> None:
    gate.arrange(agreed)
    hub, files = hub_rows(), tree(agreed)
    fields = {"converged": False, **gate.repo}
    ended = check("clone")
    assert document(ended) == report(
        "check", repo_report(agreed, [gate.said("INFO"), *gate.unmatched, gate.behind], **fields)
    )
    assert (ended.exit, ended.stderr, hub_rows(), tree(agreed)) == (0, "", hub, files)


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--no-writeback",)])
@pytest.mark.parametrize("gate", CLOSED, ids=code)
def test_gate_in_a_fix_holds_the_checkout_back(agreed: Clone, gate: Gate, options: tuple[str, ...]) -> None:
    gate.arrange(agreed)
    edit(agreed, "# A repo\n", "# Edited\n", "README.md")
    if (agreed.path / FILE).exists():
        edit(agreed, "status: in_progress", "status: done")
    hub, files = hub_rows(), tree(agreed)
    fields = {"outcome": "skipped", "converged": False, **gate.repo}
    found = [gate.said(gate.severity), *([*gate.unmatched, gate.behind] if gate.compared else [])]
    ended = fix("clone", *options)
    assert document(ended) == report("fix", repo_report(agreed, found, **fields))
    assert (ended.exit, ended.stderr) == (int(gate.severity == "FAIL"), "")
    assert (hub_rows(), tree(agreed)) == (hub, files)


@pytest.mark.parametrize("gate", [gate for gate in CLOSED if gate.lift], ids=code)
def test_gate_is_lifted_by_its_option(agreed: Clone, gate: Gate) -> None:
    gate.arrange(agreed)
    found = [*gate.unmatched, {**gate.behind, "action": gate.done}]
    assert document(check("clone", gate.lift)) == report(
        "check", repo_report(agreed, [*gate.unmatched, gate.behind], converged=False, **gate.repo)
    )
    ended = fix("clone", gate.lift)
    written = gate.done == "written_back"
    commit = agreed.head if written else None
    fields = {"converged": written, "writeback_commit": commit, "ahead": int(written), **gate.repo}
    assert document(ended) == report("fix", repo_report(agreed, found, **fields))
    assert (ended.exit, ended.stderr, agreed.status()) == (0, "", [])


def test_other_gates_are_not_lifted_with_it(agreed: Clone) -> None:
    on_a_topic(agreed)
    gone(agreed)
    assert codes(fix("clone", "--allow-missing")) == [("C-18", "none")]
    assert codes(fix("clone", "--any-branch")) == [("C-19", "none"), ("C-25", "none"), ("C-08", "none")]
    assert codes(fix("clone", "--any-branch", "--allow-missing")) == [("C-25", "none"), ("C-08", "none")]


class TestBranch:
    def test_detached_at_its_tip_is_on_it_but_takes_no_commit(self, agreed: Clone) -> None:
        ahead_in_the_hub(agreed)
        agreed.git("checkout", "--quiet", "--detach")
        assert codes(fix("clone", "--no-writeback")) == [("C-13", "skipped")]
        assert codes(fix("clone")) == [("C-13", "failed"), ("C-16", "none")]

    def test_detached_anywhere_else_is_not_on_it(self, agreed: Clone) -> None:
        ahead_in_the_hub(agreed)
        agreed.git("checkout", "--quiet", "--detach", "HEAD~1")
        before = hub_rows(), tree(agreed)
        ended = fix("clone")
        assert codes(ended) == [("C-14", "none"), ("C-18", "none")]
        assert document(ended)["repos"][0]["findings"][1]["message"] == (
            "Repo 'clone' has a detached HEAD that is not the tip of 'main' — nothing is written "
            "(--any-branch lifts this)"
        )
        assert (hub_rows(), tree(agreed)) == before

    def test_behind_on_another_branch_is_both_and_is_not_pulled(self, agreed: Clone) -> None:
        agreed.git("checkout", "--quiet", "--track", "-b", "topic", "origin/main")
        behind(agreed)
        files = tree(agreed)
        ended = fix("clone", "--pull")
        assert (codes(ended), ended.stderr) == ([("C-14", "none"), ("C-18", "none")], "")
        assert tree(agreed) == files
        assert codes(fix("clone", "--pull", "--any-branch")) == []
        assert agreed.read(FILE).count(b"status: done") == 1

    def test_drift_stays_open_while_on_another_branch(self, agreed: Clone) -> None:
        ahead_in_the_hub(agreed)
        check("clone")
        agreed.git("checkout", "--quiet", "-b", "topic")
        fix("clone")
        assert episodes() == [("C-07", "created", 1), ("C-13", "", 1), ("C-18", "", 1)]
        agreed.git("checkout", "--quiet", "main")
        fix("clone")
        assert episodes() == [("C-07", "created", 1), ("C-13", "written_back", 2), ("C-18", "gone", 1)]


class TestMissing:
    NAMES = tuple(f"workplans/{name}.md" for name in "abcde")

    @pytest.fixture
    def five(self, clone: Clone) -> Clone:
        return mirrored(clone, {path: workplan(f"WP-{path[-4]}", [("T01", "todo")]) for path in self.NAMES})

    def left(self, clone: Clone, number: int) -> list[str]:
        """Return the codes of a fix where only the first *number* workplans are there."""
        for path in self.NAMES[number:]:
            (clone.path / path).rename(clone.path / f"{path}.away")
        try:
            return [code for code, _ in codes(fix("clone"))]
        finally:
            for path in self.NAMES[number:]:
                (clone.path / f"{path}.away").rename(clone.path / path)

    def test_most_are_gone(self, five: Clone) -> None:
        before = hub_rows()
        assert self.left(five, 2) == ["C-19", "C-08", "C-08", "C-08"]
        assert self.left(five, 0) == ["C-19", "C-25", *["C-08"] * 5]
        assert hub_rows() == before
        assert self.left(five, 3) == ["C-08", "C-08"]
        assert codes(fix("clone")) == []

    def test_message_counts(self, five: Clone) -> None:
        for path in self.NAMES[2:]:
            (five.path / path).unlink()
        message = document(fix("clone"))["repos"][0]["findings"][0]["message"]
        assert message.startswith("Repo 'clone' shows only 2 of the 5 workplans of its last fix — nothing is written (")
        for path in self.NAMES[:2]:
            (five.path / path).unlink()
        message = document(fix("clone"))["repos"][0]["findings"][0]["message"]
        assert message.startswith("Repo 'clone' shows none of the 5 workplans of its last fix — nothing is written (")

    def test_moved_or_unreadable_is_not_missing(self, five: Clone) -> None:
        (five.path / "workplans/deep").mkdir()
        for path in self.NAMES[:4]:
            five.git("mv", path, path.replace("workplans/", "workplans/deep/"))
        five.write(self.NAMES[4], five.read(self.NAMES[4]) + b"\xff")
        assert [code for code, _ in codes(fix("clone"))] == ["C-12", "C-12", "C-12", "C-12", "C-02"]

    def test_once_allowed_is_remembered(self, five: Clone) -> None:
        for path in self.NAMES[1:]:
            (five.path / path).unlink()
        assert codes(fix("clone", "--allow-missing")) == [("C-08", "none")] * 4
        assert codes(fix("clone")) == [("C-08", "none")] * 4
