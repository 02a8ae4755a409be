"""The four runs that are measured: from which state, with which command, and what shows that they did their work."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import repository
from bench.arena import PROJECT, SLUG, Arena
from bench.measure import Cost, RunFailedError, Sample
from bench.statements import Count
from testing.gitlog import GitProcesses

FLOOR = "floor"
IMPORT = "first import"
CHECK = "check, nothing to do"
HUB_AHEAD = "fix, 1 % hub ahead"
FILE_AHEAD = "fix, 1 % file ahead"


@dataclass(frozen=True)
class Scenario:
    """One run: its name in the table, the state it starts from, the command, and the code of its findings."""

    name: str
    state: str
    command: str
    code: str | None


SCENARIOS = (
    Scenario(IMPORT, "registered", "fix_consistency", "C-07"),
    Scenario(CHECK, "synced", "check_consistency", None),
    Scenario(HUB_AHEAD, "hub_ahead", "fix_consistency", "C-13"),
    Scenario(FILE_AHEAD, "file_ahead", "fix_consistency", "C-11"),
)


@dataclass(frozen=True)
class Row:
    """Cost of one run on one database at one size; the floor has no counts."""

    database: str
    size: int
    measure: str
    cost: Cost
    count: Count | None = None
    git: tuple[str, ...] = ()
    shapes: tuple[tuple[str, int], ...] = ()


def prepare(arena: Arena) -> dict[str, int]:
    """Make and save the four states; returns how many findings each scenario has to report."""
    arena.create()
    arena.save("registered")
    arena.manage("fix_consistency", SLUG)
    repository.settle(arena.checkout)
    arena.save("synced")
    in_hub = int(arena.python("-m", "bench.hub_ahead"))
    arena.save("hub_ahead")
    arena.restore("synced")
    in_files = repository.move_files_ahead(arena.checkout, seed=arena.seed, size=arena.size)
    arena.save("file_ahead")
    return {IMPORT: arena.size, CHECK: 0, HUB_AHEAD: in_hub, FILE_AHEAD: in_files}


def counted(arena: Arena, scenario: Scenario, findings: int, scratch: Path) -> Row:
    """Run once, untimed, counting statements and git processes; see that the work was done. The cost stays empty."""
    arena.restore(scenario.state)
    git = GitProcesses.logged_in(scratch / "git")
    git.clear()
    counts, report = scratch / "counts.json", scratch / "report.json"
    command = (scenario.command, SLUG, "--format=json", f"--output={report}")
    arena.python("-m", "bench.counted", str(counts), *command, path=git.path)
    _see(json.loads(report.read_text()), scenario, findings)
    found = json.loads(counts.read_text())
    shapes = tuple((shape, times) for shape, times in found.pop("shapes"))
    calls = tuple(" ".join(call).replace("\n", " ") for call in git.calls)
    return Row(arena.database.name, arena.size, scenario.name, Cost(()), Count(**found), calls, shapes)


def timed(arena: Arena, repeat: int) -> dict[str, Cost]:
    """Time floor and scenarios `repeat` times, in turn, so that a slow minute of the machine meets all of them."""
    samples: dict[str, list[Sample]] = {}
    for _ in range(repeat):
        for scenario in SCENARIOS:
            arena.restore(scenario.state)
            if scenario.name == CHECK:
                samples.setdefault(FLOOR, []).append(arena.timed("-m", "bench.floor", str(arena.checkout)))
            run = arena.timed(str(PROJECT / "manage.py"), scenario.command, SLUG)
            samples.setdefault(scenario.name, []).append(run)
    return {name: Cost(tuple(taken)) for name, taken in samples.items()}


def _see(report: Mapping[str, Any], scenario: Scenario, findings: int) -> None:
    """Raise `RunFailedError` if the run did not report exactly the prepared changes."""
    repo = report["repos"][0]
    expected = {scenario.code: findings} if scenario.code else {}
    if repo["counts"] != expected or not repo["converged"] or repo["freshness"] != "fresh":
        seen = {key: repo[key] for key in ("counts", "converged", "freshness", "outcome")}
        raise RunFailedError(f"{scenario.name}: expected {expected}, converged and fresh; got {seen}")
    if (repo["writeback_commit"] is not None) != (scenario.name == HUB_AHEAD):
        raise RunFailedError(f"{scenario.name}: writeback commit is {repo['writeback_commit']}")
