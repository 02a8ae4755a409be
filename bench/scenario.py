"""The runs that are measured: from which state, with which command, and what shows that they did their work."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench import repository
from bench.arena import PROJECT, SLUG, Arena
from bench.measure import Cost, Pairs, RunFailedError, Sample
from bench.spread import AHEAD_SHARE
from bench.statements import Count
from testing.gitlog import GitProcesses

FLOOR = "floor"
IMPORT = "first import"
CHECK = "check, nothing to do"
HUB_AHEAD = "fix, 1 % hub ahead"
FILE_AHEAD = "fix, 1 % file ahead"
TASK_AHEAD = "fix, one task hub ahead"


@dataclass(frozen=True)
class Scenario:
    """One run: its name in the table, the state it starts from, and how each program calls it and what it moves.

    `command` and `code` are State Hub's, `rival` is the rival's command and `counter` the name of what it then counts.
    """

    name: str
    state: str
    command: str
    code: str | None
    rival: str
    counter: str | None

    @property
    def writes_files(self) -> bool:
        """Whether the run has to commit."""
        return self.code == "C-13"


SCENARIOS = (
    Scenario(IMPORT, "registered", "fix_consistency", "C-07", "import", "created"),
    Scenario(CHECK, "synced", "check_consistency", None, "check", None),
    Scenario(HUB_AHEAD, "hub_ahead", "fix_consistency", "C-13", "fix", "hub_ahead"),
    Scenario(FILE_AHEAD, "file_ahead", "fix_consistency", "C-11", "fix", "file_ahead"),
    Scenario(TASK_AHEAD, "task_ahead", "fix_consistency", "C-13", "fix", "hub_ahead"),
)


class Program(Protocol):
    """A program that is measured: `name` is part of its states' names, the module `ahead` advances a share of tasks."""

    name: str
    ahead: str

    def create(self, arena: Arena) -> None:
        """Create the tables, and make the checkout known."""

    def command(self, arena: Arena, scenario: Scenario) -> tuple[str, ...]:
        """Return the arguments of Python that run the scenario."""

    def imported(self, arena: Arena) -> int:
        """Return what a first import counts."""


class StateHub:
    """State Hub, by its commands."""

    name = "hub"
    ahead = "bench.hub_ahead"

    def create(self, arena: Arena) -> None:
        """Create the tables, and register the checkout."""
        arena.manage("migrate", "--verbosity=0")
        arena.manage("register_repo", str(arena.checkout), "--slug", SLUG)

    def command(self, arena: Arena, scenario: Scenario) -> tuple[str, ...]:  # noqa: ARG002 - the rival takes a path
        """Return the arguments of Python that run the scenario."""
        return str(PROJECT / "manage.py"), scenario.command, SLUG

    def imported(self, arena: Arena) -> int:
        """Return the number of workplans: each is one finding."""
        return arena.size


class Rival:
    """The script of `bench.rival`."""

    name = "rival"
    ahead = "bench.rival_ahead"

    def create(self, arena: Arena) -> None:
        """Create the tables."""
        arena.python(RIVAL_SCRIPT, "create", str(arena.checkout))

    def command(self, arena: Arena, scenario: Scenario) -> tuple[str, ...]:
        """Return the arguments of Python that run the scenario."""
        return RIVAL_SCRIPT, scenario.rival, str(arena.checkout)

    def imported(self, arena: Arena) -> int:
        """Return the number of tasks: each is one row."""
        return arena.tasks


RIVAL_SCRIPT = str(PROJECT / "bench" / "rival.py")
HUB, RIVAL = StateHub(), Rival()


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


@dataclass(frozen=True)
class Comparison:
    """Costs of one run on one database at one size, of State Hub and of the program it is compared with."""

    database: str
    size: int
    measure: str
    pairs: Pairs


def prepare(arena: Arena, program: Program = HUB) -> dict[str, int]:
    """Make and save the states of one program; return what each scenario has to count."""
    arena.create()
    program.create(arena)
    _save(arena, program, "registered")
    arena.python(*program.command(arena, SCENARIOS[0]))
    repository.settle(arena.checkout)
    _save(arena, program, "synced")
    in_hub = int(arena.python("-m", program.ahead, str(AHEAD_SHARE)))
    _save(arena, program, "hub_ahead")
    restore(arena, program, "synced")
    one = int(arena.python("-m", program.ahead, str(1 / arena.tasks)))
    _save(arena, program, "task_ahead")
    restore(arena, program, "synced")
    in_files = repository.move_files_ahead(arena.checkout, arena.workplans)
    _save(arena, program, "file_ahead")
    found = {IMPORT: program.imported(arena), HUB_AHEAD: in_hub, FILE_AHEAD: in_files, TASK_AHEAD: one}
    if not all(found.values()) or one != 1:
        raise RunFailedError(f"{program.name}: nothing was prepared for some runs: {found}")
    return found | {CHECK: 0}


def restore(arena: Arena, program: Program, state: str) -> None:
    """Bring files and database back to a state that `prepare` saved for the program."""
    arena.restore(f"{program.name}_{state}")


def _save(arena: Arena, program: Program, state: str) -> None:
    arena.save(f"{program.name}_{state}")


def counted(arena: Arena, scenario: Scenario, findings: int, scratch: Path) -> Row:
    """Run once, untimed, counting statements and git processes; see that the work was done. The cost stays empty."""
    restore(arena, HUB, scenario.state)
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


def see_rival(arena: Arena, scenario: Scenario, counted: int) -> None:
    """Run the rival once, untimed; raise `RunFailedError` unless it counts what was prepared, then nothing."""
    restore(arena, RIVAL, scenario.state)
    nothing = {"seen": arena.tasks, "created": 0, "file_ahead": 0, "hub_ahead": 0}
    before, head = nothing | ({scenario.counter: counted} if scenario.counter else {}), arena.head()
    expected = (before, nothing, scenario.writes_files)
    done = json.loads(arena.python(*RIVAL.command(arena, scenario)))
    left = json.loads(arena.python(RIVAL_SCRIPT, "check", str(arena.checkout)))
    if (done, left, arena.head() != head) != expected:
        raise RunFailedError(f"rival, {scenario.name}: expected {expected}; got {(done, left, arena.head() != head)}")


def timed(arena: Arena, repeat: int) -> dict[str, Cost]:
    """Time floor and scenarios `repeat` times, in turn, so that a slow minute of the machine meets all of them."""
    samples: dict[str, list[Sample]] = {}
    for _ in range(repeat):
        for scenario in SCENARIOS:
            restore(arena, HUB, scenario.state)
            if scenario.name == CHECK:
                floor = arena.timed(sys.executable, "-m", "bench.floor", str(arena.checkout))
                samples.setdefault(FLOOR, []).append(floor)
            run = arena.timed(sys.executable, *HUB.command(arena, scenario))
            samples.setdefault(scenario.name, []).append(run)
    return {name: Cost(tuple(taken)) for name, taken in samples.items()}


def compared(arena: Arena, repeat: int) -> list[Comparison]:
    """Time State Hub and the rival in turn, each from its own state, `repeat` pairs of each scenario."""
    comparisons = []
    for scenario in SCENARIOS:
        pairs = [(_timed(arena, HUB, scenario), _timed(arena, RIVAL, scenario)) for _ in range(repeat)]
        comparisons.append(Comparison(arena.database.name, arena.size, scenario.name, Pairs.of(pairs)))
    return comparisons


def _timed(arena: Arena, program: Program, scenario: Scenario) -> Sample:
    restore(arena, program, scenario.state)
    return arena.timed(sys.executable, *program.command(arena, scenario))


def _see(report: Mapping[str, Any], scenario: Scenario, findings: int) -> None:
    """Raise `RunFailedError` if the run did not report exactly the prepared changes."""
    repo = report["repos"][0]
    expected = {scenario.code: findings} if scenario.code else {}
    if repo["counts"] != expected or not repo["converged"] or repo["freshness"] != "fresh":
        seen = {key: repo[key] for key in ("counts", "converged", "freshness", "outcome")}
        raise RunFailedError(f"{scenario.name}: expected {expected}, converged and fresh; got {seen}")
    if (repo["writeback_commit"] is not None) != scenario.writes_files:
        raise RunFailedError(f"{scenario.name}: writeback commit is {repo['writeback_commit']}")
