"""Disturbs a scenario at each of its effects, and compares what a plain rerun makes of it with the undisturbed end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.crash.scenarios import Scenario
from tests.crash.seam import (
    COMMIT,
    FAIL,
    FAIL_AFTER,
    FULL,
    GONE,
    KILL,
    KILL_AFTER,
    LOCKED,
    QUERY,
    READ,
    SPAWN,
    SQL,
    WRITE,
    Plan,
)  # fmt: skip
from tests.crash.stage import Ran, Stage, files

KILLS = (KILL, KILL_AFTER)
Effect = tuple[str, str]
"""Kind and name."""

_AFTER = {WRITE: ("write", "fsync"), READ: None, SPAWN: None, QUERY: (), SQL: None, COMMIT: None}
"""Effects of a kind after which a kill differs from one before the next effect: these, all (None), or none."""

_NEEDS_ROOM = ("open", "mkdir", "link", "rename", "write", "fsync")
UNATTRIBUTED = ("log", "cat-file")
"""The gits that show who brought a status: if one of them fails, the run's own user is named instead, for good."""

NEVER = ("Traceback", "internal error")
"""Forbidden output of any run."""


@dataclass(frozen=True)
class Undisturbed:
    """The undisturbed scenario: its effects, its first and last files and commits, and its end."""

    effects: tuple[Effect, ...]
    files: dict[str, set[tuple[bytes, int]]]
    heads: set[str]
    end: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """One disturbed run and its rerun. *faults* are what was wrong; *lost* says that episodes are missing."""

    plan: Plan
    effect: str
    faults: tuple[str, ...]
    lost: bool


@dataclass
class Tally:
    """Result of a series, by action; the faults as text."""

    scenario: str
    database: str
    effects: int
    done: Counter[str] = field(default_factory=Counter)
    equal: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.done[outcome.plan.what] += 1
        self.equal += not outcome.faults
        self.lost += outcome.lost
        at = f"{self.scenario}, {self.database}, {outcome.plan.what} {outcome.plan.at} ({outcome.effect})"
        self.faults += (f"{at}: {fault}" for fault in outcome.faults)


def undisturbed(stage: Stage, scenario: Scenario) -> Undisturbed:
    """Lay the scenario out, keep that as the start, and play it: once, and a plain rerun."""
    scenario.prepare(stage)
    stage.keep()
    command = scenario.command(stage)
    seen, heads = {path: {each} for path, each in files(stage.a).items()}, {stage.a.head, stage.origin.head}
    first, *again = (stage.run(command) for _ in range(1 + scenario.reruns))
    assert first.exit == 0, first.said
    assert all(ran.exit == 0 for ran in again), [ran.said for ran in again]
    for path, each in files(stage.a).items():
        seen.setdefault(path, set()).add(each)
    if (stage.b.path / ".git").exists():  # What the upstream had may be there for a while, before it is edited.
        for path, each in files(stage.b).items():
            seen.setdefault(path, set()).add(each)
    return Undisturbed(first.effects, seen, heads | {stage.a.head}, stage.snapshot())


def plans(effects: Iterable[Effect], database: str, *, all: bool) -> Iterator[Plan]:
    """Yield every disturbance of a run with these *effects*.

    Without *all*, it is killed only where something has changed since, and within a transaction it fails in one way.
    """
    for at, (kind, name) in enumerate(effects, 1):
        word = name.split(" ")[0]
        after, changes = _AFTER[kind], kind not in (READ, QUERY)
        if all or changes:
            yield Plan(KILL, at)
        if (after is None or word in after) and (all or kind in (SPAWN, COMMIT)):
            yield Plan(KILL_AFTER, at)
        yield Plan(FAIL, at)
        if kind == COMMIT:
            yield Plan(FAIL_AFTER, at)
        if word in _NEEDS_ROOM or kind == COMMIT or (all and kind == SQL):
            yield Plan(FULL, at)
        if (
            kind in (QUERY, COMMIT) or (all and kind == SQL)
        ) and database == "sqlite":  # On PostgreSQL, whatever fails is gone for good.
            yield Plan(GONE, at)
        if database == "sqlite" and kind in (SQL, COMMIT) and name != "COMMIT" and (kind == COMMIT or word == "BEGIN"):
            yield Plan(LOCKED, at)


def disturbed(stage: Stage, scenario: Scenario, whole: Undisturbed, plan: Plan) -> Outcome:
    """Run from the start as *plan* has it; then rerun plainly, and compare."""
    stage.restore()
    command = scenario.command(stage)
    ran = stage.run(command, plan)
    faults = [*_run_faults(ran, plan), *between_faults(stage, whole)]
    for _ in range(scenario.reruns):
        again = stage.run(command)
        if again.exit or any(word in again.said for word in NEVER):
            faults.append(f"the rerun ended with {again.exit}: {again.said.strip()}")
    end, effect = stage.snapshot(), whole.effects[plan.at - 1][1]
    if plan.what in KILLS:  # fast-import, from which the rest of its input has been taken away: git's own, for a day.
        half = end["clone"]["half objects"]
        end["clone"]["half objects"] = [path for path in half if "/pack/tmp_pack_" not in path]
    unattributed = plan.what not in KILLS and effect.removeprefix("git ") in UNATTRIBUTED
    faults += differences(whole.end, end, unattributed=unattributed)
    return Outcome(plan, effect, tuple(faults), _lacks(end["history"], whole.end["history"]))


def differences(wanted: dict[str, Any], found: dict[str, Any], *, unattributed: bool = False) -> list[str]:
    """Return the differences in *found*, apart from the history of findings: a run that died has recorded none.

    A commit of ours on record that never came to be HEAD is none: the tool has made it, and the record says only that.
    *unattributed* says that git could not tell who brought a status: the run's own user may be named for it.
    """
    found = {**found, "own commits": [row for row in found["own commits"] if row in wanted["own commits"]]}
    if unattributed:
        wanted, found = _without_authors(wanted), _without_authors(found)
    return [
        f"{name} is {_first(found[name], wanted[name])}, must be {_first(wanted[name], found[name])}"
        for name in wanted
        if name != "history" and wanted[name] != found[name]
    ]


def _without_authors(end: dict[str, Any]) -> dict[str, Any]:
    return {**end, "changes": sorted([*row[:4], *row[5:]] if row[5] == "file" else row for row in end["changes"])}


def _lacks(found: list[Any], wanted: list[Any]) -> bool:
    return any(episode not in found for episode in wanted)


def _first(mine: Any, other: Any) -> Any:
    """Return the part of *mine* that *other* lacks."""
    if isinstance(mine, dict):
        return {key: _first(value, other.get(key)) for key, value in mine.items() if other.get(key) != value}
    return [each for each in mine if each not in other] if isinstance(mine, list) and other else mine


def _run_faults(ran: Ran, plan: Plan) -> Iterator[str]:
    if plan.what in KILLS:
        if ran.exit != -9:
            yield f"was not killed: {ran.exit} {ran.said.strip()}"
    elif ran.exit not in (0, 1, 2) or any(word in ran.said for word in NEVER):
        yield f"the run ended with {ran.exit}: {ran.said.strip()}"


def between_faults(stage: Stage, whole: Undisturbed) -> Iterator[str]:
    """Yield half-written files and commits before the rerun, whatever has happened."""
    clone = stage.a
    if clone.head not in whole.heads:  # One of its own in another place is fine if a fetch failed.
        parent, author = clone.git("log", "-1", "--format=%P%x00%an").split("\0")
        if parent not in whole.heads or author != "State Hub":
            yield f"HEAD is {clone.head} in between"
    committed = {path.split("\t")[1] for path in clone.git("ls-tree", "-r", "HEAD").splitlines()}
    for path, (data, mode) in files(clone).items():
        lines = data.replace(b"\r\n", b"\n")
        known = (data, mode) in whole.files.get(path, ()) or path.endswith(".statehub-writeback.tmp")
        if not known and not (path in committed and lines == clone.git("show", f"HEAD:{path}").encode() + b"\n"):
            yield f"{path} is {data!r} in between"
