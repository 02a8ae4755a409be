"""Every order of what people, programs and fixes can do to one task, and what must come of each.

Orders that lead to the same state are one from there on: the graph of different states is walked, not each order.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from statehub.statuses import rank
from tests.multihost.matrix_rules import RuleBrokenError
from tests.multihost.matrix_world import State, World

ROUNDS = 4
"""Rounds of a fix that pulls and pushes, on each machine, after which all of them agree."""


class News(NamedTuple):
    """State of the promises, in a person's terms.

    `pending`: an edit that no run has taken to the hub yet. `stands`: a person reopened the task after all runs knew of
    every edit, and no one has moved it forward since: so it stays. `rests` are the machines whose file agreed with the
    hub at their last fix, if the hub has not moved since: what their file says then on equal rank is taken.
    """

    pending: bool = False
    stands: bool = False
    rests: str = ""


class End(NamedTuple):
    """State at which the machines agree; `anew`: a person has rebased commits, which states them again."""

    state: State
    anew: bool


class Point(NamedTuple):
    """State after an order of actions; `used` are the actions that may not come again."""

    state: State
    news: News
    used: frozenset[str]


@dataclass
class Figures:
    """Coverage of the matrix."""

    orders: int = 0
    states: int = 0
    ends: int = 0
    steps: int = 0
    fixes: int = 0
    seconds: float = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.orders} orders of actions lead to {self.states} states and {self.ends} ends, by {self.steps} "
            f"different steps, {self.fixes} of them fixes, in {self.seconds:.0f} s; {len(self.faults)} faults"
        )


class Matrix:
    """Walks the graph up to *length* actions, each once in an order or, with *again*, any number of times."""

    def __init__(self, world: World, length: int, *, again: bool = False) -> None:
        self.world, self._length, self._again = world, length, again
        self._ends: dict[tuple[State, str, bool], End | RuleBrokenError] = {}
        self._judged: set[tuple[State, News]] = set()
        self._reached: dict[State, tuple[str, ...]] = {}
        self.figures = Figures()

    def walk(self) -> Figures:
        """Take all orders; every fault comes with the shortest of those that lead to it."""
        began, figures = time.perf_counter(), self.figures
        layer: dict[Point, tuple[int, tuple[str, ...]]] = {
            Point(self.world.start, News(), frozenset()): (1, ()),
        }
        for length in range(self._length + 1):
            figures.orders += sum(number for number, _ in layer.values())
            for point, (_, order) in layer.items():
                self._reached.setdefault(point.state, order)
                self._judge(point, order)
            layer = self._next(layer) if length < self._length else {}
        figures.states = len(self._reached)
        figures.ends = len({end.state for end in self._ends.values() if isinstance(end, End)})
        figures.steps, figures.fixes = self.world.steps, self.world.fixes
        figures.seconds = time.perf_counter() - began
        return figures

    def play(self, *order: str) -> list[str]:
        """Take one *order* alone, and bring its end to rest; all that is wrong."""
        point = Point(self.world.start, News(), frozenset())
        for number, action in enumerate(order, 1):
            try:
                state, news = self._take(point, action)
            except RuleBrokenError as fault:
                self._fault(order[:number], "", fault)
                return self.figures.faults
            point = Point(state, news, frozenset())
        self._judge(point, order)
        return self.figures.faults

    def sample(self, number: int) -> list[tuple[tuple[str, ...], State]]:
        """Return some of the states reached, far ones, each with an order that leads there."""
        longest = [(order, state) for state, order in self._reached.items() if len(order) == self._length]
        return random.Random(1).sample(longest, min(number, len(longest)))

    def _next(self, layer: dict[Point, tuple[int, tuple[str, ...]]]) -> dict[Point, tuple[int, tuple[str, ...]]]:
        found: dict[Point, tuple[int, tuple[str, ...]]] = {}
        for point, (number, order) in layer.items():
            for action in self.world.actions:
                if action in point.used:
                    continue
                try:
                    state, news = self._take(point, action)
                except RuleBrokenError as fault:
                    self._fault((*order, action), "", fault)
                    continue
                used = point.used if self._again else point.used | {action}
                after = Point(state, news, used)
                before, shortest = found.get(after, (0, (*order, action)))
                found[after] = before + number, shortest
        return found

    def _take(self, point: Point, action: str) -> tuple[State, News]:
        world, before, news = self.world, point.state, point.news
        state, outcome = world.take(action, before)
        if outcome == "ok":
            self._require_equal_rank(point, action[-1], state)
            if self._is_heard_of(before, action[-1]) or self._is_heard_of(state, action[-1]):
                news = news._replace(pending=False)
        news = news._replace(rests=self._rests(point, action[-1] if outcome == "ok" else "", state))
        if not action.startswith("fix ") and self._is_edited_now(before, state):
            news = News(pending=True, rests=news.rests)
        if action == "report":
            news = news._replace(stands=False)
        if action == "reopen" and state != before:
            news = news._replace(stands=not news.pending)
        return state, news

    def _require_equal_rank(self, point: Point, name: str, after: State) -> None:
        """Check that on equal rank a fix takes the file's status only if the file alone has moved."""
        file, hub = self.world.said_by(name, point.state)
        wanted = file if name in point.news.rests else hub
        if file != hub and rank(file) == rank(hub) and (now := self.world.said_by(name, after)[1]) != wanted:
            raise RuleBrokenError(f"the hub said {hub} and {name}'s file {file}: it was to be {wanted} and is {now}")

    def _rests(self, point: Point, fixed: str, after: State) -> str:
        """Return the machines at rest after a step: an ended fix on the machine *fixed*, or ('') something else."""
        rests = set(point.news.rests if after.hub == point.state.hub else "") - {fixed}
        if fixed and len(set(self.world.said_by(fixed, after))) == 1:
            rests.add(fixed)
        return "".join(sorted(rests))

    def _is_edited_now(self, before: State, after: State) -> bool:
        """Return whether a step has made A's file say what a person sets there."""
        file = self.world.statuses(after)[0]
        return file == self.world.edited != self.world.statuses(before)[0]

    def _is_heard_of(self, state: State, name: str) -> bool:
        """Return whether a run on this machine sees A's edit, in a commit."""
        says, _ = self.world.said_by(name, state)
        return says == self.world.edited and not (name == "a" and self.world.is_edited(state))

    # ---- The end of every order --------------------------------------------------------------------------------------

    def _judge(self, point: Point, order: tuple[str, ...]) -> None:
        if (point.state, point.news) in self._judged:
            return
        self._judged.add((point.state, point.news))
        for machines in ("ab", "ba"):
            for mine in (False, True):
                try:
                    self._require_end(point, self._end(point.state, machines, mine))
                except RuleBrokenError as fault:
                    self._fault(order, f"{machines[0]} first{', A wins conflicts' if mine else ''}", fault)

    def _require_end(self, point: Point, end: End) -> None:
        """Check that all agree, only a person has undone anything, and a reopen is kept unless there was news."""
        words = self.world.disagreement(end.state)
        if words:
            raise RuleBrokenError(words)
        status, before = self.world.statuses(end.state)[2], self.world.statuses(point.state)[2]
        if rank(status) < rank(before):
            raise RuleBrokenError(f"{before} in the hub has come to be {status}")
        if point.news.stands and not end.anew and status != "todo":
            raise RuleBrokenError(f"the task was reopened, and old news have made it {status}")

    def _end(self, state: State, machines: str, mine: bool) -> End:
        """Return the state after all machines agree; those named first begin."""
        known = self._ends.get((state, machines, mine))
        if known is None:
            try:
                known = self._come_together(state, machines, mine)
            except RuleBrokenError as fault:
                known = fault
            self._ends[state, machines, mine] = known
        if isinstance(known, RuleBrokenError):
            raise known
        return known

    def _come_together(self, state: State, machines: str, mine: bool) -> End:
        settled = self.world.variant.settle(self.world, state, mine=mine)
        anew, state = settled.a != state.a, settled
        for _ in range(ROUNDS):
            before = state
            for name in machines:
                if name == "a":
                    state = self.world.commit(state)
                state, _ = self.world.fix(name, state, sync=True)
                if name == "a":
                    rebased = self.world.rebase(state, mine=mine)
                    anew, state = anew or self.world.is_made_anew(state, rebased), rebased
            if state == before:
                return End(state, anew)
        raise RuleBrokenError(f"after {ROUNDS} rounds something moves still")

    def _fault(self, order: tuple[str, ...], ending: str, fault: RuleBrokenError) -> None:
        self.figures.faults.append(" | ".join(filter(None, (", ".join(order) or "nothing", ending))) + f": {fault}")
