"""The promises as a pure model, without Django, git or disk: it gets snapshots of the world."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulation import drift
from tests.simulation.clones import Clones
from tests.simulation.look import History, Hub, Look, Run
from tests.simulation.news import News
from tests.simulation.promise import promise
from tests.simulation.records import Records
from tests.simulation.workplan import RANKS


class Model:
    """Memory from step to step, and the promises of each step."""

    def __init__(self, history: History, start: Look, began: Iterable[str]) -> None:
        """Start with a fix that has run on the hosts in *began* before *start*."""
        self._history = history
        self._records = Records(start.hub)
        self._clones = Clones(history)
        self._news = News(history)
        self._news.began(began, start)

    def forget(self, task: str) -> None:
        """Forget *task*: a person deleted it in the hub, with its history."""
        self._records.forget(task)
        self._news.forget(task)

    def cloned_again(self, host: str) -> None:
        """Forget the leftovers of killed runs on *host*: it has another clone now."""
        self._clones.limbo[host].clear()

    def clock_set(self) -> None:
        """Stop ordering events by their times: a clock was set wrong."""
        self._news.clocks_agree = False

    def half_done(self, host: str, path: str, was: bytes, now: bytes) -> None:
        """Note that a run on *host* has replaced a file, and something else happens before its commit."""
        self._clones.limbo[host][path] = (was, now)

    def stepped(self, hub: Hub) -> None:
        """Check any step. Raises Broken."""
        self._news.moved(hub)
        self._news.moved_back(self._records.check(hub), hub)

    def ran(self, run: Run, before: Look, after: Look) -> None:
        """Check a run that took the world from *before* to *after*. Raises Broken.

        If something else happened in the middle of it, *before* is the world right after that.
        """
        self._clones.check(run, before, after)
        _no_regress(before.hub, after.hub)
        if run.quiet:
            if run.outcome in ("ok", "skipped"):
                _gates(self._history, run, before, after)
                _says_unpushed(self._history, run, before, after)
            if run.outcome == "ok":
                self._news.check(run, before, after)
                drift.check(run, after)
        if not run.fixing or run.outcome == "skipped":
            _nothing_written(run, before, after)
        self._news.remember(run, before, after)

    def agreed(self, look: Look) -> None:
        """Check the end, when all have pushed and fixed. Raises Broken."""
        drift.agreed(self._history, look)


def _no_regress(before: Hub, after: Hub) -> None:
    for kind, was, now in (
        ("task", before.tasks, after.tasks),
        ("workstream", before.workstreams, after.workstreams),
    ):
        for key, status in was.items():
            promise(RANKS[now[key]] >= RANKS[status], f"the run took {kind} {key} from {status} to {now[key]}")


def _nothing_written(run: Run, before: Look, after: Look) -> None:
    """Check that a check, or a blocked fix, changes neither hub nor files nor history."""
    if not run.quiet:
        return
    promise(before.hub.mirrored == after.hub.mirrored, "a check, or a fix held back, wrote to the hub")
    if not run.fixing or not run.pull or run.gates & {"C-18", "C-21", "C-22"}:  # Else a pull may have come before.
        promise(before.hub.ledger == after.hub.ledger, "a check, or a fix held back, wrote to the ledger")
        promise(before.clones[run.host].heads == after.clones[run.host].heads, "it committed")
    promise(before.origin == after.origin, "a check, or a fix held back, pushed")


def _gates(history: History, run: Run, before: Look, after: Look) -> None:
    """Check that a fix is blocked if and only if files may not be the repo's, or not its newest."""
    clone, branch = before.clones[run.host], before.hub.branch
    if not run.fixing:
        return
    held = {
        "C-21": bool(clone.under_way),
        "C-22": _is_gone(run, before),
        "C-18": not clone.under_way and _is_off_branch(run, before, clone.branch or clone.detached),
    }
    for code, closed in held.items():
        if closed is not None:
            promise((code in run.gates) == closed, f"{code} is {closed}, the gates are {set(run.gates)}")
            promise(not closed or run.outcome == "skipped", f"a fix went on at {code}")
    if run.online and run.fetched and before.tip and not any(held.values()):
        behind = after.origin[branch] not in history.reachable(after.clones[run.host].head)
        promise(("C-14" in run.gates) == behind, f"behind is {behind}, the gates are {set(run.gates)}")


def _is_gone(run: Run, before: Look) -> bool:
    """Return whether origin answers, and has no such branch although it has others."""
    return run.online and run.fetched and bool(before.origin) and not before.tip


def _is_off_branch(run: Run, before: Look, at: str) -> bool | None:
    """Return whether *at*, a ref or a commit, is neither the repo's branch nor its tip; None if unknown."""
    if _is_gone(run, before):
        return False
    if at.startswith("refs/"):
        return at != before.hub.branch
    if not (run.online and run.fetched):
        return None
    return at != (before.tip or before.clones[run.host].heads.get(before.hub.branch))


def _says_unpushed(history: History, run: Run, before: Look, after: Look) -> None:
    """Check that a run with a push reports unpushed commits of the tool if there are any, and only then."""
    if not (run.fixing and run.push and run.writeback and run.online and run.fetched) or _is_gone(run, before):
        return
    tips = [after.tip] if after.tip else []
    left = history.reachable(after.clones[run.host].head) - history.reachable(*tips)
    mine = left & after.hub.own
    promise(run.says_unpushed == bool(mine), f"unpushed are {mine}, and the run says {run.says_unpushed}")
