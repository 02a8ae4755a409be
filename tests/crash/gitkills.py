"""Kills git itself, with SIGKILL, in the middle of its work: at every hook that it runs, and the run with it or not.

git leaves its lock files behind then. The run must name the one that is in its way; once a person has removed that, a
plain rerun must come to the undisturbed end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.crash.scenarios import Scenario
from tests.crash.series import NEVER, Undisturbed, between_faults, differences
from tests.crash.stage import Ran, Stage
from tests.support.repos import Repository

HOOKS = (
    "commit-msg", "post-checkout", "post-commit", "post-index-change", "post-merge", "post-receive", "post-rewrite",
    "post-update", "pre-commit", "pre-merge-commit", "pre-push", "pre-receive", "prepare-commit-msg",
    "reference-transaction", "update",
)  # fmt: skip
SCRIPT = """\
#!/bin/sh
echo "${{0##*/}} $1" >>'{log}'
read -r at both <'{orders}'
if [ "$(wc -l <'{log}')" = "$at" ]; then
    if [ "$both" ]; then kill -9 "$STATEHUB_CRASH_RUN"; fi
    kill -9 $PPID
fi
case "${{0##*/}}" in reference-transaction|p*-receive|pre-push) cat >/dev/null;; esac
"""
PATIENCE = 6
"""So many locks a person removes before losing it."""


@dataclass(frozen=True)
class Killed:
    """One kill: at which hook, whether the run died with git, the locks that a person had to remove, and the faults."""

    hook: str
    both: bool
    removed: tuple[str, ...]
    faults: tuple[str, ...]


def with_hooks(scenario: Scenario) -> Scenario:
    """*scenario*, with hooks in the clone and in origin."""

    def prepare(stage: Stage) -> None:
        scenario.prepare(stage)
        for repository in (stage.a, stage.origin):
            _install(stage, repository)

    return replace(scenario, prepare=prepare)


def moments(stage: Stage, scenario: Scenario) -> list[str]:
    """The hooks that git runs in the undisturbed run, in their order."""
    stage.restore()
    _order(stage, "0")
    stage.run(scenario.command(stage))
    return _log(stage).read_text().splitlines()


def killed(stage: Stage, scenario: Scenario, whole: Undisturbed, at: int, hook: str, *, both: bool) -> Killed:
    """Kill git at its hook number *at*, from 1; then do as a person would."""
    stage.restore()
    _order(stage, f"{at} {'both' if both else ''}")
    ran = stage.run(scenario.command(stage))
    faults = [] if (ran.exit == -9) is both else [f"the run ended with {ran.exit}: {ran.said.strip()}"]
    faults += between_faults(stage, whole)
    _order(stage, "0")
    removed = list[str]()
    for _ in range(PATIENCE):
        again = stage.run(scenario.command(stage))
        found = [*differences(whole.end, _settled(stage))]
        if not found:
            break
        named = [lock for lock in stage.locks() if str(lock) in again.said] or _of_origin(stage, again)
        if not named:
            faults += found if not stage.locks() else [f"{stage.locks()} left, none named: {again.said.strip()}"]
            break
        for lock in named:
            removed.append(str(lock.relative_to(stage.place)))
            lock.unlink()
        faults += _words(again)
    else:
        faults.append(f"no end after {removed}")
    return Killed(hook, both, tuple(removed), tuple(faults))


def _of_origin(stage: Stage, ran: Ran) -> list[Path]:
    """The locks of origin, which those who run it will find: the run says no more than that it could not push."""
    locks = [lock for lock in stage.locks() if stage.origin.path in lock.parents]
    return locks if "C-16  committed, not pushed: " in ran.said else []


def _words(ran: Ran) -> Iterator[str]:
    if any(word in ran.said for word in NEVER):
        yield f"the rerun ended with {ran.exit}: {ran.said.strip()}"


def _settled(stage: Stage) -> dict[str, object]:
    """The end state, apart from what a killed git leaves that is in nobody's way."""
    found = stage.photograph()
    for name in ("clone", "origin"):
        found[name]["half objects"] = []
        found[name]["git folder"] = [path for path in found[name]["git folder"] if not path.startswith("next-index-")]
    return found


def _install(stage: Stage, repository: Repository) -> None:
    folder = Path(repository.git("rev-parse", "--absolute-git-dir")) / "hooks"
    _order(stage, "0")
    for name in HOOKS:
        (folder / name).write_text(SCRIPT.format(log=_log(stage), orders=stage.folder / "orders"))
        (folder / name).chmod(0o755)


def _order(stage: Stage, orders: str) -> None:
    (stage.folder / "orders").write_text(f"{orders}\n")
    _log(stage).write_text("")


def _log(stage: Stage) -> Path:
    return stage.folder / "hooks"
