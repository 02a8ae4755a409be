"""The starting states, and the command that is disturbed in each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from testing.repos import Clone, make_origin
from testing.workplans import workplan
from tests.crash.stage import Stage

A, B, C = "workplans/a.md", "workplans/b.md", "workplans/c.md"
FIRST = {
    A: workplan("WP-A", [("T01", "todo"), ("T02", "in_progress"), ("T03", "todo")]),
    B: workplan("WP-B", [("T01", "todo"), {"id": "T02", "status": "todo", "title": "Old words"}]),
}
"""State of both sides at the start."""

WORK = {
    A: workplan("WP-A", [("T01", "todo"), ("T02", "done"), ("T03", "todo")]),
    B: workplan("WP-B", [("T01", "todo"), {"id": "T02", "status": "todo", "title": "New words"}], title="New title"),
    C: workplan("WP-C", [("T01", "done"), ("T02", "todo")]),
}
"""People's changes in the files since: a task is ahead, titles are changed, a workplan is new."""

REPORTED = ("WP-A-T01", "WP-B-T01")
"""Tasks that programs have reported as done to the hub."""

COMMIT_HOOKS = {
    "pre-commit": "if [ ! -e {git_dir}/refused ]; then : >{git_dir}/refused; echo no >&2; exit 1; fi",
    "commit-msg": 'echo "Checked-by: a hook" >>"$1"',
}
"""Hooks of people: the first commit is refused, and to each message a line is added."""

FIX = ("fix_consistency", "--fail-on", "never")


@dataclass(frozen=True)
class Scenario:
    """`prepare` lays out the start on a stage; `command` is then run in the clone `a`, and *reruns* times again."""

    name: str
    what: str
    prepare: Callable[[Stage], None]
    command: Callable[[Stage], Sequence[str]]
    reruns: int = 1


def done(stage: Stage, *args: str) -> None:
    """Run a command that must succeed."""
    ran = stage.run(args)
    assert ran.exit == 0, ran.said


def _laid_out(stage: Stage) -> None:
    """Create origin, and the clone `a` with the first plans, which the hub knows."""
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
    """Add a person's uncommitted work: staged, unstaged, untracked."""
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
    """Give the clone `a` an own commit that was not pushed; others have pushed their work from `b` since then."""
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


def _hooked(stage: Stage) -> None:
    """Install hooks, which run only in a work tree in which everything is committed."""
    _laid_out(stage)
    _reported(stage)
    _saved(stage.a, WORK)
    stage.settings["STATEHUB_COMMIT_HOOKS"] = True
    git_dir = stage.a.path / ".git"
    for name, script in COMMIT_HOOKS.items():
        hook = git_dir / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{script.format(git_dir=git_dir)}\n")
        hook.chmod(0o755)


def _overlooked(stage: Stage) -> None:
    """Have git assume that one of the files is unchanged."""
    _both_ahead(stage)
    stage.a.git("update-index", "--assume-unchanged", A)


def _converted(stage: Stage) -> None:
    """Give the work tree other line ends than the commits."""
    make_origin(stage.origin.path)
    stage.origin.clone("a")
    stage.a.write(".gitattributes", "*.md text eol=crlf\n")
    _saved(stage.a, {path: text.replace("\n", "\r\n") for path, text in FIRST.items()})
    done(stage, *_fix(stage))
    _reported(stage)
    _saved(stage.a, {path: text.replace("\n", "\r\n") for path, text in WORK.items()})
    _uncommitted(stage.a)


def _reopened(stage: Stage) -> None:
    """Reopen in the hub a task that is done in hub and file."""
    _laid_out(stage)
    _reported(stage)
    done(stage, *_fix(stage, "--push"))
    done(stage, "reopen_task", REPORTED[0], "todo", "--reason", "It was not.")
    _uncommitted(stage.a)


def _linked(stage: Stage) -> None:
    """Make `a` a linked work tree of a bare clone, which has no tracking branches; `b` has pushed its work since."""
    make_origin(stage.origin.path)
    bare = stage.origin.clone("bare.git", "--bare")
    bare.git("worktree", "add", "--quiet", str(stage.a.path), "main")
    for path, text in FIRST.items():
        stage.a.write(path, text)
    stage.a.commit("Work")
    stage.a.git("push", "--quiet", "origin", "main")
    done(stage, *_fix(stage))
    _reported(stage)
    stage.origin.clone("b")
    _saved(stage.b, WORK)
    _uncommitted(stage.a)


def _fix(stage: Stage, *options: str) -> Sequence[str]:
    return (*FIX, *options, "--path", str(stage.a.path))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("fix", "hub and file ahead, new workplan, new titles", _both_ahead, _fix),
        Scenario(
            "pull-push", "the same, diverged: own commit dropped, made again, pushed",
            _diverged, lambda stage: _fix(stage, "--pull", "--push"),
        ),
        Scenario("hooks", "the repo's hooks run: one refuses once, one adds to the message", _hooked, _fix, reruns=2),
        Scenario("unchanged", "one of the files is assume-unchanged", _overlooked, _fix),
        Scenario("crlf", "line ends are converted on the way into the work tree", _converted, _fix),
        Scenario(
            "reopen", "a reopen, written back over a done and pushed",
            _reopened, lambda stage: _fix(stage, "--pull", "--push"),
        ),
        Scenario(
            "worktree", "a linked work tree of a bare clone is pulled, fixed and pushed",
            _linked, lambda stage: _fix(stage, "--pull", "--push"),
        ),
        Scenario("stamp", "stamp_ids --commit", _stamped, lambda _stage: ("stamp_ids", "--commit", "a")),
        Scenario("import", "registration and first import", _unknown, _fix),
    )
}  # fmt: skip
