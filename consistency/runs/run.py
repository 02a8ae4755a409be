"""One run over one checkout: read → compare → plan → apply → record (design, "Data flow")."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from consistency.core.actions import WriteBack, result_of
from consistency.core.codes import BEHIND, NO_CHECKOUT, UNANNOUNCED, UNREACHABLE, WRITEBACK_FAILED
from consistency.core.comparison.drift import Drift
from consistency.core.comparison.gates import as_info, is_gate
from consistency.core.comparison.reachability import unannounced
from consistency.core.comparison.snapshot import HubWorkstream
from consistency.core.finding import SAID_ONCE, UNPUSHED, Action, Finding
from consistency.db.bulk import insert_row, update_row
from consistency.db.finding_history import fingerprint, record_findings, resolve_moved
from consistency.db.own_commits import record_own_commit
from consistency.db.proposals import may_be_proposed
from consistency.db.resolution import Doubts, RunScope
from consistency.git.committer import Written
from consistency.git.lock import CheckoutLockedError
from consistency.git.process import GitError
from consistency.git.roots import first_commits
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import NotAWorkTreeError, WorkTree
from consistency.models import Mode, Run, RunState
from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.fetching import OpenCheckout
from consistency.runs.ledger_update import record_written_files
from consistency.runs.options import RunOptions
from consistency.runs.preflight import Warn, inspect_checkout, upstream_key
from consistency.runs.reachability import remember_fetch
from consistency.runs.sync import HubBusyError, Sync, compare_checkout, fix_hub
from statehub.models import Checkout, Repo, Writeback
from statehub.text import escape_unstorable

if TYPE_CHECKING:
    from consistency.runs.propose import Proposed

MAX_PUSH_ATTEMPTS = 3
"""How often a push is tried if other pushes are faster."""

_OF_START = {"id", "checkout", "mode", "dry_run", "trigger", "user", "version", "started_at"}
_OF_END = [field.name for field in Run._meta.concrete_fields if field.name not in _OF_START]
"""The fields of a run's row that its end writes."""


def run_checkout(opened: OpenCheckout, options: RunOptions, warn: Warn) -> CheckoutOutcome:
    """Check or fix the checkout of *opened* and record the run. *warn* gets one line per problem without a finding.

    Raises CheckoutLockedError if another run is working there, GitMissingError, and django.db.Error if the hub is gone.
    """
    if isinstance(opened.error, CheckoutLockedError):
        raise opened.error
    options = options.for_checkout(opened.checkout)
    if opened.waited:  # The other run may have changed these.
        with suppress(Checkout.DoesNotExist):
            opened.checkout.refresh_from_db(fields=("head", "tip", "unreachable_since", "fetch_timeouts", "rung_at"))
    return _Running(opened, options, warn).go()


@dataclass(slots=True)
class _Result:
    """The result of a run so far.

    `arrived` are the workstreams that moved here from other repos, as they were before. `push` is how its push ended,
    '' if there was none; `pushed` counts the commits; `all_pushed` says that no own commit is left unpushed.
    """

    outcome: RunState = RunState.OK
    findings: list[Finding] = field(default_factory=list)
    scope: RunScope = field(default_factory=RunScope)
    state: CheckoutStatus | None = None
    commit: str | None = None
    arrived: list[HubWorkstream] = field(default_factory=list)
    push: str = ""
    pushed: int = 0
    all_pushed: bool = False
    error: str = ""


class _MadeAgainError(GitError):
    """A clone of the hub's own was made again in the middle of a run, which begins once more."""


class _Running:
    """One run, from the creation of its row to the last change of it."""

    def __init__(self, opened: OpenCheckout, options: RunOptions, warn: Warn) -> None:
        self._opened, self._checkout = opened, opened.checkout
        self._options, self._warn = options, warn
        self._seconds: dict[str, float] = {step: round(spent, 4) for step, spent in opened.seconds.items()}
        self._result = _Result()
        self._run = Run(
            checkout=opened.checkout,
            mode=options.mode,
            dry_run=options.dry_run,
            trigger=options.trigger,
            user=options.user,
            version=options.version,
        )
        insert_row(self._run)

    def go(self) -> CheckoutOutcome:
        """Do the work and record its result, whatever it is."""
        slug = self._checkout.repo.slug
        try:
            if self._opened.error is not None:
                raise self._opened.error
            if self._opened.tree is not None:
                self._work_or_make_again(self._opened.tree)
        except NotAWorkTreeError as error:
            advice = "register_repo NEW-PATH if it has moved, retire_checkout PATH if it is gone for good"
            self._result = _Result(RunState.ERROR, [Finding(NO_CHECKOUT, f"{error} ({advice})")])
        except (GitError, OSError, HubBusyError) as error:
            self._result = _Result(RunState.ERROR, state=self._result.state, error=f"{slug}: {error}")
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of our own stops one checkout, never the run
            message = f"internal error, please report it: {type(error).__name__}: {error}"
            self._result = _Result(RunState.ERROR, state=self._result.state, error=f"{slug}: {message}")
        return self._end()

    def _work_or_make_again(self, tree: WorkTree) -> None:
        """Do the whole run; once more if git fails in one of the hub's own clones, and that could be made again."""
        try:
            self._work(tree)
        except GitError as error:
            is_again = isinstance(error, _MadeAgainError) or self._opened.make_again(error, self._options)
            if not is_again or self._opened.tree is None:
                raise
            self._result = _Result()
            self._work(self._opened.tree)

    def _work(self, tree: WorkTree) -> None:
        self._round_until_pushed(tree)
        self._withdraw_proposal(tree)

    def _round_until_pushed(self, tree: WorkTree) -> None:
        """Do the whole run again and again, until no other push is faster than its own, if it pushes."""
        self._round(tree, self._options)
        for _ in range(MAX_PUSH_ATTEMPTS - 1):
            if not self._publish(tree):
                return
            before, self._result = self._result, _Result()
            self._opened.fetch(self._options.fetch_timeout, writes=self._options.writes)
            self._round(tree, self._options._replace(pull=True))
            self._carry_over(before)
        self._publish(tree, last=True)

    def _round(self, tree: WorkTree, options: RunOptions) -> None:
        result = self._result
        with self._phase("look"):
            preflight = inspect_checkout(self._opened, tree, options, self._warn)
            result.state = preflight.state
        if self._is_held(preflight.gates):
            result.scope = RunScope(inspected=True)
            return
        with self._phase("compare"):
            if options.writes:
                synced = fix_hub(self._checkout, tree, preflight.state, options)
                result.arrived = [] if synced.gates else synced.arrived
            else:
                synced = compare_checkout(self._checkout, tree, preflight.state, options)
        if self._is_held(synced.gates):
            result.findings += [drift.finding for drift in synced.comparison.drifts]
            result.scope = self._compared(synced, tried=False)
            return
        write = self._propose if options.propose and options.writes else self._write_back
        with self._phase("writeback"):
            write(tree, preflight.state, synced)

    def _is_held(self, gates: tuple[Finding, ...]) -> bool:
        """Report the closed *gates*; return whether they end the run: a check changes nothing and goes on."""
        fixing = self._options.mode is Mode.FIX
        self._result.findings += gates if fixing else as_info(gates)
        if gates and fixing:
            self._result.outcome = RunState.SKIPPED
        return bool(gates) and fixing

    def _compared(self, synced: Sync, *, tried: bool) -> RunScope:
        state, commit = self._result.state, self._result.commit
        due = set[str]() if tried else {item.path for item in synced.writebacks}
        is_pushed = not commit and state is not None and state.ahead == 0
        return RunScope(compared=True, doubts=Doubts(synced.comparison.doubts), due=due, is_pushed=is_pushed)

    def _write_back(self, tree: WorkTree, state: CheckoutStatus, synced: Sync) -> None:
        options, result, due = self._options, self._result, synced.writebacks
        dirty = {item.path for item in due} & state.dirty if options.writeback else set[str]()
        clean = [item for item in due if item.path not in dirty] if options.writes and options.writeback else []
        written = Written()
        if clean:
            from consistency.git.writeback import write_back  # Slow to import; most runs write nothing.

            known = {item.workplan.path: item.workplan for item in synced.scan.side.known}
            scan, record = synced.scan, partial(record_own_commit, self._checkout.repo_id)
            written = write_back(
                tree, state, clean, scan.digests, options.committer, options.max_size,
                record, known, scan.overlooked,
            )  # fmt: skip
            self._make_again_after(written.faults)
        if options.writes:
            record_written_files(self._checkout, synced, written.files)
        skipped = {item.path for item in due} - {item.path for item in clean}
        result.findings += [self._judged(drift, written, skipped) for drift in synced.comparison.drifts]
        workplans = {item.path: item.workplan for item in due}
        if options.mode is Mode.FIX:
            message = "workplan has uncommitted changes — skipping writeback"
            skipped_files = [(path, key) for path, key in workplans.items() if path in dirty]
            result.findings += [Finding(BEHIND, message, file=path, workplan=key) for path, key in skipped_files]
        self._report_faults(written.faults, due)
        result.commit = written.commit
        result.scope = self._compared(synced, tried=options.writes and options.writeback)

    def _make_again_after(self, faults: Iterable[tuple[str | None, str]]) -> None:
        """Make one of the hub's own clones again if git could not commit in it. Raises _MadeAgainError."""
        why = next((why for path, why in faults if path is None), "")
        if why and self._opened.make_again(GitError(why), self._options):
            raise _MadeAgainError(why)

    def _report_faults(self, faults: Iterable[tuple[str | None, str]], due: Iterable[WriteBack]) -> None:
        """Report why files could not be written: the *faults* as (path, message)."""
        workplans = {item.path: item.workplan for item in due}
        for path, why in faults:
            message, workplan = f"writeback was not possible: {why}", workplans.get(path or "")
            self._result.findings.append(Finding(WRITEBACK_FAILED, message, file=path, workplan=workplan))

    def _propose(self, tree: WorkTree, state: CheckoutStatus, synced: Sync) -> None:
        """Propose what is due; without the remote's tip, and HEAD at it, what is proposed stays as it is."""
        result, due = self._result, synced.writebacks
        record_written_files(self._checkout, synced, {})
        is_at_tip = self._opened.fetched.ok and state.head == state.tip
        is_idle = is_at_tip and not due and not may_be_proposed(self._checkout.repo)
        done = None
        if is_at_tip and not is_idle:
            from consistency.runs.propose import propose_statuses  # Slow to import; few repos need it.

            known = {item.workplan.path: item.workplan for item in synced.scan.side.known}
            done = propose_statuses(self._opened, tree, state.tip, due, synced.scan.digests, known, self._options)
        faults = done.faults if done else ()
        self._make_again_after(faults)
        failed = {path for path, _ in faults}
        skipped = {item.path for item in due} - failed if None not in failed else set[str]()
        result.findings += [self._judged(drift, Written(), skipped) for drift in synced.comparison.drifts]
        self._report_faults(faults, due)
        result.scope = self._compared(synced, tried=is_at_tip)._replace(proposal_known=is_idle)
        self._take_proposed(done)

    def _withdraw_proposal(self, tree: WorkTree) -> None:
        """Remove what an earlier run has proposed if the repo no longer wants proposals."""
        checkout, options, state = self._checkout, self._options, self._result.state
        is_wanted = checkout.repo.writeback == Writeback.PROPOSE or not checkout.managed
        if is_wanted or not options.writes or state is None or self._result.outcome is not RunState.OK:
            return
        if not may_be_proposed(checkout.repo):
            self._result.scope = self._result.scope._replace(proposal_known=True)
        elif self._opened.fetched.ok:
            from consistency.runs.propose import propose_statuses

            self._take_proposed(propose_statuses(self._opened, tree, state.tip, (), {}, {}, options))

    def _take_proposed(self, done: Proposed | None) -> None:
        result = self._result
        if done is None:
            return
        result.findings += [done.finding] if done.finding else []
        result.push = done.error or result.push
        result.scope = result.scope._replace(proposal_known=done.known)

    def _judged(self, drift: Drift, written: Written, skipped: set[str]) -> Finding:
        """Return the finding of *drift*, with the action that was taken."""
        action = drift.action
        if action is None or not self._options.writes:
            return drift.finding
        if not isinstance(action, WriteBack) or action.path in written.files:
            return drift.finding._replace(action=result_of(action))
        return drift.finding._replace(action=Action.SKIPPED if action.path in skipped else Action.FAILED)

    def _carry_over(self, before: _Result) -> None:
        """Keep the results of the round *before* that are still true: its commit, unless that was dropped."""
        result = self._result
        is_kept = result.state is not None and result.state.head == before.commit
        result.arrived += before.arrived
        seen = {finding.dedup_key for finding in result.findings}
        done = [each for each in before.findings if each.is_fixed and each.dedup_key not in seen]
        result.findings[:0] = [each for each in done if is_kept or each.action is not Action.WRITTEN_BACK]
        if is_kept:
            result.commit = result.commit or before.commit

    def _publish(self, tree: WorkTree, *, last: bool = False) -> bool:
        """Push the commits, if the options say so; return whether to do all again, because another push was faster."""
        options, result = self._options, self._result
        if not (options.push and options.writes and options.writeback) or result.state is None:
            return False
        if result.outcome is not RunState.OK and result.commit:
            self._unpushed("rejected because the remote had new commits, and pulling them failed")
            return False
        from consistency.runs.push import push_own_commits  # Slow to import; most runs push nothing.

        skipped = result.outcome is not RunState.OK
        held = ", ".join(finding.code for finding in result.findings if skipped and is_gate(finding))
        with self._phase("push"):
            done = push_own_commits(self._opened, tree, result.state, result.commit, options, held)
        result.pushed += done.pushed
        if done.rejected and not last:
            return True
        result.all_pushed = not done.error
        if done.error:
            self._unpushed(done.error)
        elif done.pushed:
            result.push = "ok"
        return False

    def _unpushed(self, why: str) -> None:
        self._result.push = why
        self._result.findings.append(UNPUSHED._replace(message=f"committed, not pushed: {why}"))

    def _end(self) -> CheckoutOutcome:
        run, result = self._run, self._result
        result.findings += remember_fetch(self._opened, self._options.unreachable_hours)
        of_clone: dict[str, int | None] = {}
        if self._opened.own is not None:
            from consistency.runs.managed import remember_clone

            of_clone = remember_clone(self._opened)
            if self._opened.own.note:
                self._warn(f"{self._checkout.repo.slug}: {self._opened.own.note}")
        result.findings += unannounced(self._checkout.unannounced_at, timezone.now())
        state, findings = result.state, tuple(result.findings)
        is_pushed = result.scope.is_pushed or result.all_pushed
        scope = result.scope._replace(is_pushed=is_pushed, answered=self._opened.answered)
        with transaction.atomic():
            with self._phase("record"):
                had = record_findings(run, findings, scope.covers, timezone.now(), result.commit)
                resolve_moved(run, result.arrived, timezone.now())
                self._record_in_checkout(of_clone)
            outcome = self._outcome(findings, had)
            self._close(outcome, state)
        return outcome

    def _outcome(self, findings: tuple[Finding, ...], had: frozenset[str]) -> CheckoutOutcome:
        """Return the result for reports; *had* are the fingerprints of those of *findings* that were open before."""
        run, result, state = self._run, self._result, self._result.state
        findings = tuple(each for each in findings if not (each.code in SAID_ONCE and fingerprint(each) in had))
        return CheckoutOutcome(
            slug=self._checkout.repo.slug,
            path=self._checkout.path,
            run_id=str(run.pk),
            outcome=str(result.outcome),
            converged=result.outcome is RunState.OK and all(map(_no_drift, findings)),
            freshness=str(state.freshness) if state else None,
            head=result.commit or (state.head if state else None),
            ahead=self._ahead(),
            behind=state.behind if state else None,
            writeback_commit=result.commit,
            findings=findings,
            error=result.error or None,
            push=result.push,
            fetch=self._opened.fetched.outcome,
            known=frozenset(finding.dedup_key for finding in findings if had and fingerprint(finding) in had),
            writeback=self._checkout.repo.writeback,
        )

    def _ahead(self) -> int | None:
        """Count the commits that the upstream lacks after the run; None if that is not known."""
        result = self._result
        if result.state is None or result.state.ahead is None:
            return None
        made = result.commit is not None and result.commit != result.state.head and result.state.upstream is not None
        return result.state.ahead + made - result.pushed

    def _record_in_checkout(self, of_clone: Mapping[str, int | None]) -> None:
        """Update the checkout's row: the changes *of_clone*, and the commits that the hub has taken from it."""
        state, is_ok = self._result.state, self._result.outcome is RunState.OK
        taken = state if self._options.writes and is_ok else None
        if changed := {**of_clone, **(self._taken(taken) if taken else {})}:
            update_row(Checkout, self._checkout.pk, changed)
        if taken:
            self._learn_history()

    def _taken(self, state: CheckoutStatus) -> dict[str, Any]:
        """Return the commits that the hub has taken, if they are new: their statuses are older than later reopens."""
        head, tip = self._result.commit or state.head or "", self._opened.fetched.tip or state.tip
        taken: dict[str, Any] = {}
        if (head, tip) != (self._checkout.head, self._checkout.tip):
            taken = {"head": head, "tip": tip}
        if (rung_at := self._checkout.rung_at) is not None and self._opened.fetched.ok:
            taken |= {"rung_at": None, "push_lag": (timezone.now() - rung_at).total_seconds()}
        return taken

    def _learn_history(self) -> None:
        """Record the first commits of the repo once they are known: a hub of an earlier version does not have them."""
        repo, tree, upstream = self._checkout.repo, self._opened.tree, self._opened.upstream
        if repo.first_commits or tree is None or tree.is_shallow:
            return
        if found := first_commits(tree, upstream.remote if upstream else ""):
            Repo.objects.filter(pk=repo.pk, first_commits=[]).update(first_commits=found)

    def _close(self, outcome: CheckoutOutcome, state: CheckoutStatus | None) -> None:
        run, opened = self._run, self._opened
        run.outcome = outcome.outcome
        run.converged = outcome.converged
        run.error = escape_unstorable(outcome.error or "")
        run.head = outcome.head or ""
        run.ahead = outcome.ahead
        run.behind = outcome.behind
        run.freshness = outcome.freshness or ""
        run.writeback_commit = outcome.writeback_commit or ""
        run.push = escape_unstorable(outcome.push)
        run.fetch = escape_unstorable(opened.fetched.outcome)
        run.upstream_place = escape_unstorable(upstream_key(opened))
        run.tip = opened.fetched.tip
        run.fetched_at = opened.fetched_at
        if state is not None:
            run.branch = escape_unstorable(state.branch or "")
            run.upstream = escape_unstorable(state.upstream or "")
        run.counts = outcome.counts
        run.seconds = self._seconds
        run.finished_at = timezone.now()
        update_row(Run, run.pk, {name: getattr(run, name) for name in _OF_END})

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = round(self._seconds.get(name, 0) + time.perf_counter() - started, 4)


def _no_drift(finding: Finding) -> bool:
    """Return whether files and hub agree in spite of *finding*."""
    is_unpushed = finding.dedup_key == UNPUSHED.dedup_key
    return finding.is_fixed or is_gate(finding) or is_unpushed or finding.code in (UNREACHABLE, UNANNOUNCED, *SAID_ONCE)
