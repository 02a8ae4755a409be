"""The whole quarter: builds the timetable and plays it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from random import Random

from consistency.reports.progress import progress
from demo.data.catalog import LAPTOP, SERVER, Team, read_catalog
from demo.data.clock import Clock
from demo.data.company import Company
from demo.data.incidents import Incidents
from demo.data.place import Place
from demo.data.timetable import Timetable
from demo.data.work import Work
from testing.clock import replace_clock


@dataclass(frozen=True, slots=True)
class Size:
    """Extent of the demo: days up to the end, and number of repos from the start of the catalog."""

    days: int = 90
    repos: int = 6
    seed: int = 20


def play(place: Place, here: str, end: datetime, size: Size) -> None:
    """Play the quarter that ends at *end*, seen from the host *here*, in a cleared place. Raises GitError, OSError."""
    rng = Random(size.seed)  # noqa: S311 - the same story every time is what is wanted
    timetable = Timetable(end, size.days)
    clock = Clock(timetable.start)
    teams = read_catalog()[: size.repos]
    with replace_clock(clock.now):
        company = Company(place, here, clock)
        for number, team in enumerate(teams):
            company.found(team, _hosts(here, number))
        _fill(company, timetable, teams, rng)
        with progress(len(timetable), sys.stderr) as bar:
            for event in timetable:
                clock.set(event.at)
                event.happen()
                bar.advance(event.label)


def _hosts(here: str, number: int) -> tuple[str, ...]:
    """Return the hosts that have clones of the repo with this number: two or three."""
    hosts = (here, SERVER, LAPTOP) if number < 3 else (here, SERVER if number % 2 else LAPTOP)
    return tuple(dict.fromkeys(hosts))


def _fill(company: Company, timetable: Timetable, teams: tuple[Team, ...], rng: Random) -> None:
    work = Work(company, timetable, rng)
    for number, team in enumerate(teams):
        work.plan(team)
        work.routine(team, number)
    Incidents(company, timetable, teams).plan()
