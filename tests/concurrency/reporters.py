"""Many who report statuses through the API at once, each in its own way, and what they were answered."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from statehub.statuses import TASK_STATUSES, rank
from tests.concurrency.line import Answer, Json, Line

REOPENS = 2
"""Of one task at most: a third would be one of a task that goes back and forth."""

TRIES = 5


@dataclass
class Report:
    """One reported status. `mark` stays with the move, as its commit; `shown` is the task as answered."""

    reporter: int
    mark: str
    task: str
    status: str
    reopen: bool = False
    answer: int = 0
    shown: Json | None = None


@dataclass
class Sight:
    """One task as shown to a reporter; `fresh` if it was so at that moment, not when the answer was kept."""

    reporter: int
    task: str
    status: str
    at: str
    fresh: bool


@dataclass
class Journal:
    """Actions and observations of all reporters, in the order of the answers; `wrongs` are forbidden answers."""

    reports: list[Report] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    replays: int = 0
    wrongs: list[str] = field(default_factory=list)


@dataclass
class Budget:
    """State that all reporters share: how many operations are left, and how often each task was reopened."""

    operations: int
    reopened: Counter[str] = field(default_factory=Counter)

    def take(self) -> bool:
        """Return whether there is one operation more to do, and take it."""
        self.operations -= 1
        return self.operations >= 0

    def may_reopen(self, task: str) -> bool:
        """Return whether *task* may be reopened once more, and note that."""
        self.reopened[task] += 1
        return self.reopened[task] <= REOPENS


def report_all(
    port: int, secrets: Sequence[str], tasks: Sequence[str], operations: int, pause: float, seed: int
) -> Journal:
    """Report from one connection for each of the *secrets*, until all *operations* are done."""
    journal, budget = Journal(), Budget(operations)
    reporters = [
        _Reporter(number, Line(port, secret), Line(port, secret), tasks, budget, journal, Random(f"{seed}-{number}"))
        for number, secret in enumerate(secrets)
    ]

    async def work() -> None:
        await asyncio.gather(*(reporter.work(pause) for reporter in reporters))

    asyncio.run(work())
    return journal


class _Reporter:
    """One of them. It has a second line, for calls that it makes twice at once."""

    def __init__(
        self,
        number: int,
        line: Line,
        second: Line,
        tasks: Sequence[str],
        budget: Budget,
        journal: Journal,
        chance: Random,
    ) -> None:
        self._number, self._line, self._second, self._tasks = number, line, second, tasks
        self._budget, self._journal, self._chance = budget, journal, chance
        self._last: dict[str, str] = {}

    async def work(self, pause: float) -> None:
        """Do operations until none are left."""
        ways: list[Callable[[], Awaitable[None]]] = [self._plain, self._keyed, self._matched, self._batch, self._reopen]
        try:
            while self._budget.take():
                await asyncio.sleep(self._chance.random() * pause)
                (way,) = self._chance.choices(ways, weights=(40, 25, 20, 8, 7))
                await way()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self._journal.wrongs.append(f"reporter {self._number} was not answered: {error!r}")
        finally:
            self._line.close()
            self._second.close()

    async def _plain(self) -> None:
        report = self._report()
        self._note([report], await self._line.call("PATCH", f"tasks/{report.task}/", _body(report)))

    async def _keyed(self) -> None:
        """Make the same call several times, as a client does that lost the answers."""
        report, key = self._report(), uuid.uuid4().hex
        call = ("PATCH", f"tasks/{report.task}/", _body(report))
        way = self._chance.choice(["once", "again", "at once", "hang up"])
        if way == "hang up":
            await self._line.hang_up_on(self._chance.random() / 20, *call, Idempotency_Key=key)
        others = [self._second] if way == "at once" else []
        answers = list(await asyncio.gather(*(each.call(*call, Idempotency_Key=key) for each in (self._line, *others))))
        if way == "again":
            answers.append(await self._line.call(*call, Idempotency_Key=key))
        if any(each != answers[0] for each in answers):
            self._journal.wrongs.append(f"one key, two answers: {answers}")
        self._note([report], min(answers, key=lambda each: each.replayed))

    async def _matched(self) -> None:
        """Report with a version; if it is outdated, try again from the present one, a few times."""
        task = self._chance.choice(self._tasks)
        for _ in range(TRIES):
            seen = await self._line.call("GET", f"tasks/{task}/")
            self._note([], seen)
            await asyncio.sleep(self._chance.random() / 10)
            report = self._report(task)
            answer = await self._line.call(
                "PATCH", f"tasks/{task}/", _body(report), If_Match=f'"{seen.json.get("version")}"'
            )
            self._note([report], answer, "moved-on")
            if answer.status != 412:
                return

    async def _batch(self) -> None:
        """Report several tasks of both repos, in any order."""
        reports = [self._report(task) for task in self._chance.sample(self._tasks, self._chance.randint(2, 6))]
        items = [{"task": report.task, **_body(report)} for report in reports]
        self._note(reports, await self._line.call("PATCH", "tasks/", items))

    async def _reopen(self) -> None:
        report = self._report(reopen=True)
        if self._budget.may_reopen(report.task):
            self._note([report], await self._line.call("PATCH", f"tasks/{report.task}/", _body(report)))
        else:
            self._note([], await self._line.call("GET", "tasks/?limit=500"))

    def _report(self, task: str = "", *, reopen: bool = False) -> Report:
        """Make a report of *task*, or of any: mostly a step forward from the last status seen, or back as a reopen."""
        task = task or self._chance.choice(self._tasks)
        last = rank(self._last.get(task, "todo"))
        forward = [status for status in TASK_STATUSES if last <= rank(status) <= last + 1]
        back = [status for status in TASK_STATUSES if rank(status) < max(last, 1)]
        (statuses,) = self._chance.choices([back if reopen else forward, TASK_STATUSES], weights=(9, 1))
        return Report(self._number, uuid.uuid4().hex, task, self._chance.choice(statuses), reopen)

    def _note(self, reports: Sequence[Report], answer: Answer, *expected: str) -> None:
        journal = self._journal
        journal.answers[answer.status] += 1
        journal.replays += answer.replayed
        if answer.kind not in {"", *expected, *(["would-regress"] if reports else [])}:
            journal.wrongs.append(f"reporter {self._number} was answered {answer.status}: {answer.json}")
        for task in answer.tasks:
            journal.sights.append(
                Sight(self._number, task["key"], task["status"], task["status_changed_at"], not answer.replayed)
            )
            self._last[task["key"]] = task["status"]
        shown = {task["key"]: task for task in answer.tasks}
        for report in reports:
            report.answer, report.shown = answer.status, shown.get(report.task)
        journal.reports += reports


def _body(report: Report) -> dict[str, Any]:
    reopen = {"reopen": True, "reason": "not done after all"} if report.reopen else {}
    return {"status": report.status, "host": f"reporter-{report.reporter}", "commit": report.mark, **reopen}
