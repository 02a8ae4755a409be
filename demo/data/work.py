"""Everyday work: workplans are begun, tasks move by report or by edit, runs come round on every machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random

from consistency.models import Mode
from demo.data.catalog import LAPTOP, SERVER, Person, Plan, Team
from demo.data.company import Company
from demo.data.lives import Move, lives
from demo.data.timetable import Timetable
from demo.data.workplanfile import first_text
from statehub.models import Source
from statehub.transitions import Actor

COLLEAGUES = tuple(map(Person, ("Lena Fischer", "Jonas Weber", "Aisha Karim", "Sven Lindqvist")))

_WORDS = {
    "in_progress": "begin",
    "blocked": "waits for another team",
    "done": "done",
    "cancelled": "no longer needed",
    "todo": "again from the start",
}


class Work:
    """Puts the everyday work of teams into a timetable."""

    def __init__(self, company: Company, timetable: Timetable, rng: Random) -> None:
        """Take what the work happens in."""
        self._company, self._timetable, self._rng = company, timetable, rng

    def plan(self, team: Team) -> None:
        """Plan the team's workplans, one after the other over the quarter, and all steps of their tasks."""
        days, rng = self._timetable.days, self._rng
        for number, plan in enumerate(team.plans):
            start = days * (0.02 + 0.93 * number / len(team.plans) + rng.uniform(0, 0.05))
            self._at(start, team, partial(self._begin, team, plan, rng.getrandbits(32)))
            moves = list(lives(plan, start + days * 0.02, days * rng.uniform(0.3, 0.65), rng))
            for move in moves:
                self._at(move.day, team, self._step(team, plan, move))
            closed = max(move.day for move in moves) + days * 0.02
            self._at(closed, team, partial(self._close, team, plan))

    def routine(self, team: Team, number: int) -> None:
        """Plan the scheduled runs; *number* staggers the teams."""
        here, curtain = self._company.here, self._timetable.curtain
        plans: list[tuple[str, int, int, Callable[[], None]]] = [
            (here, 4, 6, partial(self._company.run, here, team, pull=True)),
            (here, 6, 30, partial(self._company.run, here, team, Mode.CHECK, user=team.lead.login, trigger="admin")),
            (SERVER, 4, 53, partial(self._company.run, SERVER, team, pull=True)),
            (LAPTOP, 7, 81, partial(self._company.run, LAPTOP, team, user=team.lead.login, trigger="command")),
        ]
        for host, period, hour, run in plans:
            if host not in self._company.hosts(team):
                continue
            at = self._timetable.start.replace(hour=0, minute=0) + timedelta(hours=hour, minutes=7 * number)
            while at < curtain:
                self._timetable.add(at, f"{team.slug} on {host}", run)
                at += timedelta(days=period)

    def _at(self, day: float, team: Team, happen: Callable[[], None]) -> None:
        self._timetable.add(self._timetable.working(day), team.slug, happen)

    def _step(self, team: Team, plan: Plan, move: Move) -> Callable[[], None]:
        who = self._rng.choice((team.lead, team.lead, *COLLEAGUES))
        host = self._rng.choice(self._company.hosts(team))
        task = plan.task(move.number)
        if move.reason:
            return partial(self._company.reopen, task, move.status, move.reason, _origin(move.way, who, host))
        if move.way == "edit":
            words = f"{plan.tasks[move.number].rstrip('?')}: {_WORDS[move.status]}"
            return partial(self._edit, team, plan, task, move.status, who, host, words)
        return partial(self._company.report, task, move.status, _origin(move.way, who, host))

    def _begin(self, team: Team, plan: Plan, seed: int) -> None:
        desk, now = self._company.workplace(self._company.here, team), self._company.clock.now()
        desk.catch_up()
        desk.write(plan.path, first_text(team, plan, now, Random(seed)))  # noqa: S311 - a plan's handwriting, no secret
        desk.commit(team.lead, now, f"Plan: {plan.title}")
        desk.push()

    def _edit(self, team: Team, plan: Plan, task: str, status: str, who: Person, host: str, words: str) -> None:
        desk = self._company.workplace(host, team)
        desk.catch_up()
        desk.move(plan.path, task, status)
        desk.commit(who, self._company.clock.now(), words)
        desk.push()

    def _close(self, team: Team, plan: Plan) -> None:
        desk = self._company.workplace(self._company.here, team)
        desk.catch_up()
        desk.replace(plan.path, "status: active", "status: done")
        desk.commit(team.lead, self._company.clock.now(), f"Done: {plan.title}")
        desk.push()


def _origin(way: str, who: Person, host: str) -> Actor:
    """Return the source of a report: a token by the API, else a person."""
    if way == Source.API:
        return Actor(f"{host}-reports", Source.API, host)
    return Actor(who.login, way, host)
