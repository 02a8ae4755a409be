"""What must hold, whatever happens: a pure model of the promises. No Django, git or disk; it is shown photographs."""

from __future__ import annotations

from collections.abc import Iterable

from simulation import drift
from simulation.clones import Clones
from simulation.look import MAIN, History, Hub, Look, Run
from simulation.news import News
from simulation.promise import promise
from simulation.records import Records
from simulation.workplan import RANKS


class Model:
    """What is remembered from step to step, and what is promised of each."""

    def __init__(self, history: History, start: Look, began: Iterable[str]) -> None:
        """On the hosts in *began* a fix has run before *start*."""
        self._history = history
        self._records = Records(start.hub)
        self._clones = Clones(history)
        self._news = News(history)
        self._news.began(began, start)

    def forget(self, task: str) -> None:
        """A person deleted *task* in the hub, with its history."""
        self._records.forget(task)
        self._news.forget(task)

    def clock_set(self) -> None:
        """Somebody set a clock: from now on times do not tell what was before what."""
        self._news.clocks_agree = False

    def half_done(self, host: str, path: str, was: bytes, now: bytes) -> None:
        """A run on *host* has replaced a file, and something else happens before its commit."""
        self._clones.limbo[host][path] = (was, now)

    def stepped(self, hub: Hub) -> None:
        """A step was made, whatever it was. Raises Broken."""
        self._news.moved(hub)
        self._news.moved_back(self._records.check(hub))

    def ran(self, run: Run, before: Look, after: Look) -> None:
        """A run took the world from *before* to *after*. Raises Broken.

        Where something else happened in the middle of it, *before* is the world right after that.
        """
        self._clones.check(run, before, after)
        _no_regress(before.hub, after.hub)
        if run.quiet:
            if run.outcome in ("ok", "skipped"):
                _gates(self._history, run, before, after)
            if run.outcome == "ok":
                self._news.check(run, before, after)
                drift.check(run, after)
        if not run.fixing or run.outcome == "skipped":
            _nothing_written(run, before, after)
        self._news.remember(run, before, after)

    def agreed(self, look: Look) -> None:
        """All have come home. Raises Broken."""
        drift.agreed(self._history, look)


def _no_regress(before: Hub, after: Hub) -> None:
    for kind, was, now in (
        ("task", before.tasks, after.tasks),
        ("workstream", before.workstreams, after.workstreams),
    ):
        for key, status in was.items():
            promise(RANKS[now[key]] >= RANKS[status], f"the run took {kind} {key} from {status} to {now[key]}")


def _nothing_written(run: Run, before: Look, after: Look) -> None:
    """A check, or a fix that is held back: neither hub nor files nor history change."""
    if not run.quiet:
        return
    promise(before.hub.mirrored == after.hub.mirrored, "a check, or a fix held back, wrote to the hub")
    if not run.fixing or not run.pull:  # A pull may have come before, and a limbo ended.
        promise(before.hub.ledger == after.hub.ledger, "a check, or a fix held back, wrote to the ledger")
        promise(before.clones[run.host].heads == after.clones[run.host].heads, "it committed")


def _gates(history: History, run: Run, before: Look, after: Look) -> None:
    clone = before.clones[run.host]
    if not run.fixing:
        return
    if clone.branch != MAIN:
        promise(run.outcome == "skipped" and "C-18" in run.gates, "a fix went on, on another branch")
        return
    promise("C-18" not in run.gates, "a fix took main for another branch")
    if run.online and run.fetched:
        now = after.clones[run.host].head
        behind = after.origin[MAIN] not in history.reachable(now)
        promise(("C-14" in run.gates) == behind, f"behind is {behind}, the gates are {set(run.gates)}")
