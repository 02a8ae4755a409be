"""The starting states, and the command that is disturbed in each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.stage import Stage
from tests.support.repos import Clone, make_origin
from tests.support.workplans import workplan

A, B, C = "workplans/a.md", "workplans/b.md", "workplans/c.md"
FIRST = {
    A: workplan("WP-A", [("T01", "todo"), ("T02", "in_progress"), ("T03", "todo")]),
    B: workplan("WP-B", [("T01", "todo"), {"id": "T02", "status": "todo", "title": "Old words"}]),
}
"""What both sides know at the start."""

WORK = {
    A: workplan("WP-A", [("T01", "todo"), ("T02", "done"), ("T03", "todo")]),
    B: workplan("WP-B", [("T01", "todo"), {"id": "T02", "status": "todo", "title": "New words"}], title="New title"),
    C: workplan("WP-C", [("T01", "done"), ("T02", "todo")]),
}
"""What people have done in the files since: a task is ahead, titles are changed, a workplan is new."""

REPORTED = ("WP-A-T01", "WP-B-T01")
"""Tasks that programs have reported as done to the hub."""

FIX = ("fix_consistency", "--fail-on", "never")


@dataclass(frozen=True)
class Scenario:
    """`prepare` lays out the start on a stage; `command` is then run in the clone `a`."""

    name: str
    what: str
    prepare: Callable[[Stage], None]
    command: Callable[[Stage], Sequence[str]]


def done(stage: Stage, *args: str) -> None:
    """Run a command that must succeed."""
    ran = stage.run(args)
    assert ran.exit == 0, ran.said


def _laid_out(stage: Stage) -> None:
    """Origin, and the clone `a` with the first plans, which the hub knows."""
    make_origin(stage.origin.path)
    stage.origin.clone("a")
    _saved(stage.a, FIRST)
    done(stage, *_fix(stage))


def _saved(clone: Clone, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        clone.write(path, text)
    clone.commit("Work")
    clone.push()


def _uncommitted(clone: Clone) -> None:
    """A person's work that is not committed: staged, unstaged, untracked."""
    clone.write("README.md", "# Staged\n")
    clone.git("add", "README.md")
    clone.write("README.md", "# Unstaged\n")
    clone.write("notes.txt", "untracked\n")


def _reported(stage: Stage) -> None:
    for task in REPORTED:
        done(stage, "set_task_status", task, "done")


def _both_ahead(stage: Stage) -> None:
    _laid_out(stage)
    _reported(stage)
    _saved(stage.a, WORK)
    _uncommitted(stage.a)


def _diverged(stage: Stage) -> None:
    """The clone `a` has an own commit that was not pushed; meanwhile others have pushed their work from `b`."""
    _laid_out(stage)
    done(stage, "set_task_status", REPORTED[0], "done")
    done(stage, *_fix(stage))
    stage.origin.clone("b")
    _saved(stage.b, WORK)
    done(stage, "set_task_status", REPORTED[1], "done")
    _uncommitted(stage.a)


def _stamped(stage: Stage) -> None:
    _laid_out(stage)
    _uncommitted(stage.a)


def _unknown(stage: Stage) -> None:
    make_origin(stage.origin.path)
    stage.origin.clone("a")
    _saved(stage.a, FIRST)
    _uncommitted(stage.a)


def _fix(stage: Stage, *options: str) -> Sequence[str]:
    return (*FIX, *options, "--path", str(stage.a.path))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("fix", "hub and file ahead, new workplan, new titles", _both_ahead, _fix),
        Scenario(
            "pull-push", "the same, diverged: own commit dropped, made anew, pushed",
            _diverged, lambda stage: _fix(stage, "--pull", "--push"),
        ),
        Scenario("stamp", "stamp_ids --commit", _stamped, lambda _stage: ("stamp_ids", "--commit", "a")),
        Scenario("import", "registration and first import", _unknown, _fix),
    )
}  # fmt: skip
