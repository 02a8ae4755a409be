"""Which open findings a run has evaluated: only these does it resolve when it no longer sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from consistency.core.codes import BEHIND, BLOCK_GONE, CODES, UNANNOUNCED, UNREACHABLE, WRITEBACK_FAILED, Scope
from consistency.core.comparison.drift import Unevaluated
from consistency.core.finding import PROPOSED, UNPUSHED
from consistency.db.finding_history import fingerprint
from consistency.models import Finding
from statehub.text import escape_unstorable

_PUSH = fingerprint(UNPUSHED)
_PROPOSAL = fingerprint(PROPOSED)
_FILE = (Scope.FILE,)
_WORKPLAN = (*_FILE, Scope.WORKPLAN)
_BLOCK = (*_WORKPLAN, Scope.BLOCK)


class Doubts:
    """The files, workplans and tasks that a comparison left unevaluated, named as the database stores them."""

    def __init__(self, doubts: Iterable[Unevaluated] = ()) -> None:
        self._files, self._workplans = set[str](), set[str]()
        self._tasks: dict[tuple[str, str], bool] = {}
        for doubt in doubts:
            workplan, task = escape_unstorable(doubt.workplan or ""), escape_unstorable(doubt.task or "")
            if doubt.file:
                self._files.add(escape_unstorable(doubt.file))
            elif task:
                self._tasks[workplan, task] = doubt.there or self._tasks.get((workplan, task), False)
            else:
                self._workplans.add(workplan)

    def concern(self, row: Finding, scope: Scope) -> bool:
        """Return whether *row*, of a code with this *scope*, may or may not be over."""
        if row.file in self._files:
            return scope not in _FILE
        if row.workplan in self._workplans:
            return scope not in _WORKPLAN
        is_there = self._tasks.get((row.workplan, row.task))
        return is_there is not None and scope not in _BLOCK and not (row.code == BLOCK_GONE and is_there)


class RunScope(NamedTuple):
    """How far a run got: it `inspected` the checkout, and `compared` it with the hub, all but the `doubts`.

    `due` are the files for which a writeback is due that was not tried. `is_pushed` says that the upstream has all
    commits, `answered` that the remote answered, `proposal_known` that the run saw whether a proposal waits there.
    """

    inspected: bool = False
    compared: bool = False
    doubts: Doubts = Doubts()
    due: Collection[str] = ()
    is_pushed: bool = False
    answered: bool = False
    proposal_known: bool = False

    def covers(self, row: Finding) -> bool:
        """Return whether the run would have seen the finding of *row* again if it were not over."""
        if row.fingerprint == _PUSH:
            return self.is_pushed
        # Every run looks at the checkout's row.
        if row.fingerprint == _PROPOSAL or row.code == UNANNOUNCED:
            return self.proposal_known or row.code == UNANNOUNCED
        scope = CODES[row.code].scope if row.code in CODES else Scope.HUB
        if scope is Scope.REMOTE and not self.answered:
            return False
        if row.code == UNREACHABLE:
            return True
        if self.compared:
            return not self._awaits_writeback(row) and not self.doubts.concern(row, scope)
        at_gate = scope in (Scope.STATE, Scope.REMOTE) and not row.file
        return self.inspected and (scope is Scope.CHECKOUT or at_gate)

    def _awaits_writeback(self, row: Finding) -> bool:
        if row.file:
            return row.code in (BEHIND, WRITEBACK_FAILED) and row.file in self.due
        return row.code == WRITEBACK_FAILED and bool(self.due)  # That is of the whole commit; C-14 is a gate here.
