"""One run over one checkout: read → compare → plan → apply → record (design, "The way of the data")."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from django.db import DatabaseError, transaction
from django.utils import timezone

from consistency.checkout.commit import Written, recover
from consistency.checkout.git import GitError
from consistency.checkout.lock import locked
from consistency.checkout.worktree import (
    NO_UPSTREAM,
    NOT_ASKED,
    NotAWorkTree,
    State,
    WorkTree,
    fast_forward,
    fetch,
    look,
    open_checkout,
)
from consistency.checkout.writeback import write_back
from consistency.core.actions import DONE_WORD, WriteBack
from consistency.core.codes import Severity
from consistency.core.compare import Drift
from consistency.core.finding import Action, Finding
from consistency.hub import evaluated
from consistency.hub.episodes import Evaluated, record_findings
from consistency.models import Mode, Run, RunState
from consistency.options import Options
from consistency.report.outcome import CheckoutOutcome
from consistency.sync import HubBusy, Synced, compare_checkout, fix_hub, remember_written
from statehub.escapes import storable
from statehub.models import Checkout

Warn = Callable[[str], None]


def run_checkout(checkout: Checkout, options: Options, warn: Warn) -> CheckoutOutcome:
    """Check or fix *checkout* and record it. *warn* is told, in one line each, what is no finding.

    Raises Locked where another run is at work there, GitMissing, and django.db.Error where the hub is gone.
    """
    try:
        tree = open_checkout(checkout.path)
    except NotAWorkTree as error:
        return _Running(checkout, options, warn).missing(str(error))
    with locked(tree):
        return _Running(checkout, options, warn).go(tree)


@dataclass(slots=True)
class _Result:
    """What a run has come to so far."""

    outcome: RunState = RunState.OK
    findings: list[Finding] = field(default_factory=list)
    evaluated: Evaluated = evaluated.nothing
    state: State | None = None
    commit: str | None = None
    error: str = ""


class _Running:
    """One run, from its row's beginning to its end."""

    def __init__(self, checkout: Checkout, options: Options, warn: Warn) -> None:
        self._checkout, self._options, self._warn = checkout, options, warn
        self._seconds: dict[str, float] = {}
        self._run = Run.objects.create(
            checkout=checkout,
            mode=options.mode,
            dry_run=options.dry_run,
            trigger=options.trigger,
            user=options.user,
            version=options.version,
        )

    def missing(self, why: str) -> CheckoutOutcome:
        """The checkout is not there."""
        return self._end(_Result(RunState.ERROR, [Finding.of("C-01", why)]))

    def go(self, tree: WorkTree) -> CheckoutOutcome:
        """The checkout is there and ours."""
        result = _Result()
        try:
            self._work(tree, result)
        except (GitError, OSError, HubBusy) as error:
            result = _Result(RunState.ERROR, state=result.state, error=f"{self._checkout.repo.slug}: {error}")
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of our own stops one checkout, never the run
            words = f"internal error, please report it: {type(error).__name__}: {error}"
            result = _Result(RunState.ERROR, state=result.state, error=f"{self._checkout.repo.slug}: {words}")
        return self._end(result)

    def _work(self, tree: WorkTree, result: _Result) -> None:
        with self._phase("look"):
            state = result.state = self._look(tree)
        if state.held_back:
            result.findings.append(self._gate())
            if self._options.mode is Mode.FIX:
                result.outcome, result.evaluated = RunState.SKIPPED, evaluated.only_the_gate
                return
        with self._phase("compare"):
            if self._options.writes:
                synced = fix_hub(self._checkout, tree, state, self._options, timezone.now())
            else:
                synced = compare_checkout(self._checkout, tree, self._options)
        with self._phase("writeback"):
            self._write_back(tree, state, synced, result)

    def _look(self, tree: WorkTree) -> State:
        options, pattern = self._options, self._checkout.repo.workplans
        if options.writes:
            for path in recover(tree):
                self._warn(f"{tree.top}/{path}: an earlier writeback was cut off; the file is as it was before it")
        fetched = fetch(tree, options.fetch_timeout) if options.fetch else NOT_ASKED
        if options.pull and fetched not in ("ok", NO_UPSTREAM, NOT_ASKED):
            self._warn(f"{tree.top}: pull failed: {fetched}")
        state = look(tree, pattern, fetched)
        if options.pull and options.writes and state.held_back:
            try:
                fast_forward(tree, options.committer.timeout)
            except GitError as error:
                self._warn(f"{tree.top}: pull failed: {error}")
            state = look(tree, pattern, fetched)
        return state

    def _gate(self) -> Finding:
        slug = self._checkout.repo.slug
        message = f"Repo '{slug}' is behind remote — pull before fixing to avoid clobbering remote progress"
        finding = Finding.of("C-14", message)
        return replace(finding, severity=Severity.INFO) if self._options.mode is Mode.CHECK else finding

    def _write_back(self, tree: WorkTree, state: State, synced: Synced, result: _Result) -> None:
        options, due = self._options, synced.writebacks
        dirty = {item.path for item in due} & state.dirty if options.writeback else set[str]()
        clean = [item for item in due if item.path not in dirty] if options.writes and options.writeback else []
        written = Written()
        if clean:
            known = {item.workplan.path: item.workplan for item in synced.reading.side.known}
            written = write_back(tree, state, clean, synced.reading.digests, options.committer, options.max_size, known)
            remember_written(self._checkout, synced, written.files)
        skipped = {item.path for item in due} - {item.path for item in clean}
        result.findings += [self._judged(drift, written, skipped) for drift in synced.comparison.drifts]
        if options.mode is Mode.FIX:
            result.findings += _uncommitted(due, dirty)
        result.findings += _faults(due, written)
        result.commit = written.commit
        tried = options.writes and options.writeback
        result.evaluated = evaluated.compared(synced.comparison.doubts, {item.path for item in due}, tried=tried)

    def _judged(self, drift: Drift, written: Written, skipped: set[str]) -> Finding:
        """The finding, with what was done about it."""
        action = drift.action
        if action is None or not self._options.writes:
            return drift.finding
        if not isinstance(action, WriteBack):
            return replace(drift.finding, action=DONE_WORD[type(action)])
        if action.path in written.files:
            return replace(drift.finding, action=Action.WRITTEN_BACK)
        return replace(drift.finding, action=Action.SKIPPED if action.path in skipped else Action.FAILED)

    def _end(self, result: _Result) -> CheckoutOutcome:
        run, state, findings = self._run, result.state, tuple(result.findings)
        with self._phase("record"), transaction.atomic():
            record_findings(run, findings, result.evaluated, timezone.now(), result.commit)
        outcome = CheckoutOutcome(
            slug=self._checkout.repo.slug,
            path=self._checkout.path,
            run_id=str(run.pk),
            outcome=str(result.outcome),
            converged=result.outcome is RunState.OK and all(map(_no_drift, findings)),
            freshness=str(state.freshness) if state else None,
            head=result.commit or (state.head if state else None),
            ahead=(state.ahead if state else 0) + _one_more(result),
            behind=state.behind if state else 0,
            writeback_commit=result.commit,
            findings=findings,
            error=result.error or None,
        )
        self._close(outcome, state)
        return outcome

    def _close(self, outcome: CheckoutOutcome, state: State | None) -> None:
        run = self._run
        run.outcome, run.converged, run.error = outcome.outcome, outcome.converged, storable(outcome.error or "")
        run.head, run.ahead, run.behind = outcome.head or "", outcome.ahead, outcome.behind
        run.freshness, run.writeback_commit = outcome.freshness or "", outcome.writeback_commit or ""
        if state is not None:
            run.fetch, run.branch, run.upstream = map(storable, (state.fetch, state.branch or "", state.upstream or ""))
        run.counts, run.seconds, run.finished_at = outcome.counts, self._seconds, timezone.now()
        run.save(force_update=True)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = round(time.perf_counter() - started, 4)


def _no_drift(finding: Finding) -> bool:
    """Whether nothing of it is left. That a checkout is behind its remote is no drift against the hub."""
    return finding.mended or (finding.code == "C-14" and finding.file is None)


def _one_more(result: _Result) -> int:
    return 1 if result.commit and result.state and result.state.upstream else 0


def _uncommitted(due: Iterable[WriteBack], dirty: set[str]) -> list[Finding]:
    workplans = {item.path: item.workplan for item in due if item.path in dirty}
    message = "workplan has uncommitted changes — skipping writeback"
    return [Finding.of("C-14", message, file=path, workplan=key) for path, key in workplans.items()]


def _faults(due: Iterable[WriteBack], written: Written) -> list[Finding]:
    workplans = {item.path: item.workplan for item in due}
    return [
        Finding.of("C-16", f"writeback was not possible: {words}", file=path, workplan=workplans.get(path or ""))
        for path, words in written.faults
    ]
