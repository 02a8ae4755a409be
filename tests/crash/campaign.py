"""All disturbances of one scenario on one database: the way from a scenario's name to the numbers of a table's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.database import Database, PostgreSQL, SQLite
from tests.crash.fulldisk import Full, MountError, crowded, small_disk
from tests.crash.gitkills import killed, moments, with_moments
from tests.crash.scenarios import Scenario
from tests.crash.series import KILLS, Tally, Undisturbed, disturbed, plans, undisturbed
from tests.crash.stage import Stage

ENOUGH = 4
"""Number of consecutive runs without a full disk after which more room changes nothing."""

Made = Callable[[str, Path], Database]
"""Makes a hub's database: (a name of its own, a folder)."""


@dataclass(frozen=True)
class Row:
    """One row of the table; *faults* in words."""

    series: str
    scenario: str
    database: str
    effects: int
    kills: int
    failures: int
    equal: int
    unrecorded: int
    faults: tuple[str, ...]


def sqlite(_name: str, folder: Path) -> Database:
    """Create a hub in a file of *folder*."""
    return SQLite(folder)


def postgresql(server_url: str) -> Made:
    """Return a function that creates hubs on that server."""
    return lambda name, _folder: PostgreSQL(server_url, name)


@contextmanager
def staged(folder: Path, made: Made, scenario: Scenario) -> Iterator[tuple[Stage, Undisturbed]]:
    """Yield a stage in *folder* with *scenario* at its start, played once."""
    folder.mkdir(parents=True, exist_ok=True)
    database = made(f"test_statehub_crash_{folder.name.replace('-', '_')}", folder)
    try:
        with Stage(folder, database) as stage:
            yield stage, undisturbed(stage, scenario)
    finally:
        database.drop()


def every_effect(folder: Path, made: Made, scenario: Scenario, *, all: bool = True, part: slice = slice(None)) -> Row:
    """Kill and fail the run at every effect, or at that *part* of them."""
    with staged(folder, made, scenario) as (stage, whole):
        tally = Tally(scenario.name, stage.database.name, len(whole.effects))
        for plan in list(plans(whole.effects, stage.database.name, all=all))[part]:
            tally.add(disturbed(stage, scenario, whole, plan))
    kills = sum(tally.done[what] for what in KILLS)
    failures = tally.done.total() - kills
    return Row(
        "every effect", tally.scenario, tally.database, tally.effects, kills, failures, tally.equal, tally.lost,
        tuple(tally.faults),
    )  # fmt: skip


def every_git(folder: Path, made: Made, scenario: Scenario, *, part: slice = slice(None)) -> Row:
    """Kill git at every moment, or at that *part* of them: alone, and with the run."""
    scenario = with_moments(scenario)
    with staged(folder, made, scenario) as (stage, whole):
        found, database = moments(stage, scenario), stage.database.name
        tried = [
            killed(stage, scenario, whole, at, moment, both=both)
            for at, moment in list(enumerate(found, 1))[part]
            for both in (False, True)
        ]
    ends = [end for end in tried if end]
    faults = [
        f"git killed, {scenario.name}, {database}, {'with the run' if end.both else 'alone'} at {end.moment}: {fault}"
        for end in ends
        for fault in end.faults
    ]
    equal = sum(not end.faults for end in ends)
    return Row("git killed", scenario.name, database, len(found), len(ends), 0, equal, 0, tuple(faults))


def every_page(folder: Path, made: Made, scenario: Scenario) -> Row:
    """Run with a disk that is full after no page, one page, and so on. Raises MountError."""
    ends, calm = list[Full](), 0
    with small_disk(folder / "place"), staged(folder, made, scenario) as (stage, whole):
        database = stage.database.name
        while calm < ENOUGH:
            ends.append(crowded(stage, scenario, whole, len(ends)))
            calm = 0 if ends[-1].felt else calm + 1
    faults = [
        f"disk full, {scenario.name}, {database}, {end.pages} pages free: {fault}"
        for end in ends
        for fault in end.faults
    ]
    equal = sum(not end.faults for end in ends)
    felt = sum(end.felt for end in ends)
    return Row("disk full", scenario.name, database, len(ends), 0, felt, equal, 0, tuple(faults))


__all__ = ["Made", "MountError", "Row", "every_effect", "every_git", "every_page", "postgresql", "sqlite", "staged"]
