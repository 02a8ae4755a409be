"""Every status in the hub has its records, from the first to the one it has now; no record ever changes."""

from __future__ import annotations

from collections import defaultdict

from tests.simulation.look import Change, Hub
from tests.simulation.promise import promise
from tests.simulation.workplan import RANKS


class Records:
    """The records until now."""

    def __init__(self, hub: Hub) -> None:
        self._first = dict(hub.tasks)
        self._changes: dict[int, Change] = {change.pk: change for change in hub.changes}

    def forget(self, task: str) -> None:
        """Forget *task*: a person deleted it in the hub, with its history."""
        self._first.pop(task, None)
        self._changes = {pk: change for pk, change in self._changes.items() if change.task != task}

    def check(self, hub: Hub) -> set[str]:
        """Return the tasks that were moved in the hub, to a lower or equal rank, since the last look. Raises Broken."""
        back = set[str]()
        now = {change.pk: change for change in hub.changes}
        promise(
            self._changes.items() <= now.items(), "records were changed or lost:", self._changes.keys() - now.keys()
        )
        for pk in sorted(now.keys() - self._changes.keys()):
            if now[pk].source != "file" and RANKS[now[pk].new] <= RANKS[now[pk].old]:
                back.add(now[pk].task)
        self._changes = now
        moves: dict[str, list[Change]] = defaultdict(list)
        for change in hub.changes:
            moves[change.task].append(change)
            promise(change.reopen or RANKS[change.new] >= RANKS[change.old], "a step back without a reopen:", change)
            promise(change.source != "file" or not change.reopen, "a run reopened a task:", change)
        promise(
            self._first.keys() <= hub.tasks.keys(),
            "tasks are gone from the hub:",
            self._first.keys() - hub.tasks.keys(),
        )
        for task, status in hub.tasks.items():
            at = self._first.setdefault(task, moves[task][0].old if moves[task] else status)
            for change in moves[task]:
                promise(change.old == at, f"{task} was {at}, and its next record begins elsewhere:", change)
                at = change.new
            promise(at == status, f"{task} is {status} in the hub, its records end with {at}")
        return back
