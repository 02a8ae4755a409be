"""Proposes the hub's statuses for a repo with a protected branch: one commit on the tip of the repo's branch.

It waits on a branch of its own until a person merges it. It is built again when either side moves, and removed when
nothing is left to say. If a person removes it, it is not made again until it would say something else. Only the hub's
own commits are ever replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consistency.core import forges
from consistency.core.actions import StatusWritten, WriteBack
from consistency.core.finding import PROPOSED, Finding
from consistency.core.proposals import Step, next_step, proposal_branch
from consistency.core.workplan.model import Workplan
from consistency.db.own_commits import mark_withdrawn, read_own_commits, record_own_commit
from consistency.db.proposals import (
    read_proposal,
    record_attempt,
    record_closed,
    record_proposed,
    record_withdrawn,
    settle_withdrawn,
)
from consistency.git.committer import Written
from consistency.git.own_commits import contains_commit
from consistency.git.process import GitError
from consistency.git.remote import PushedRef, Upstream, push_ref, read_refs
from consistency.git.worktree import WorkTree
from consistency.git.writeback import SUBJECT, build_writeback
from consistency.models import Proposal
from consistency.runs.fetching import OpenCheckout
from consistency.runs.options import RunOptions

CLOSED = "was closed on {branch} and is not proposed again until there are other statuses to propose"
OCCUPIED = "is not proposed: {branch} has a commit that is not the hub's, which is left alone"


class Proposed(NamedTuple):
    """How it ended: *faults* of files as (path, message), and the finding that something waits or could not be pushed.

    *error* is why it could not be pushed. *known* says that all of it was seen: without a finding, nothing waits.
    """

    faults: Sequence[tuple[str | None, str]] = ()
    finding: Finding | None = None
    error: str = ""
    known: bool = False


def propose_statuses(
    opened: OpenCheckout,
    tree: WorkTree,
    tip: str,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    known: Mapping[str, Workplan],
    options: RunOptions,
) -> Proposed:
    """Propose *items* on *tip*, the commit of the repo's branch that was fetched just now and that HEAD is.

    Without items, a proposal that is there is withdrawn. *digests* and *known* are the files as they were compared.
    """
    upstream = opened.upstream
    if upstream is None:
        return Proposed()
    proposal, built = read_proposal(opened.checkout.repo_id), list[_Built]()

    def record(commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
        built[:] = [_Built(commit, when, changes)]

    settle_withdrawn(proposal, opened.fetched_at)
    written = Written()
    if items:
        written = build_writeback(tree, tip, items, digests, options.committer, options.max_size, record, known)
        if written.commit is None:  # Whatever is proposed stays until that works.
            return Proposed(written.faults)
    done = _Proposing(opened, upstream, tree, tip, proposal, options, built[-1] if built else _Built()).settle()
    return done._replace(faults=written.faults)


class _Built(NamedTuple):
    """A commit that was built, its time in seconds since 1970, and its statuses; '' and none without any."""

    commit: str = ""
    authored: int = 0
    changes: Sequence[StatusWritten] = ()


@dataclass(frozen=True, slots=True)
class _Proposing:
    """Brings the branch on the remote to the commit that it should have."""

    opened: OpenCheckout
    upstream: Upstream
    tree: WorkTree
    tip: str
    proposal: Proposal
    options: RunOptions
    built: _Built

    def settle(self) -> Proposed:
        """Bring the branch to the commit that was built; remove it if there is none."""
        wanted = self.built.commit
        if not wanted and not self.proposal.base:
            return Proposed(known=True)
        try:
            if self.proposal.base and not self._is_current:
                self._drop_other_branch()
            if self._is_lost:
                self._find_request(wanted)
            return self._take(wanted, self._read(self._ref))
        except GitError as error:
            return self._failed(str(error))

    @property
    def _forge(self) -> str:
        repo = self.opened.checkout.repo
        return forges.find_forge(repo.forge, self.upstream.url)

    @property
    def _web(self) -> str:
        return forges.web_address(self.opened.checkout.repo.remote, self.upstream.url)

    @property
    def _by_agit(self) -> bool:
        return self._forge in forges.AGIT

    @property
    def _branch(self) -> str:
        return proposal_branch(self.upstream.branch)

    @property
    def _ref(self) -> str:
        """The full name of the branch on the remote; with AGit '' before the first push."""
        if self._by_agit:
            return self.proposal.branch if self._is_current else ""
        return _full(self._branch)

    @property
    def _is_current(self) -> bool:
        """Return whether the record is of the ref that proposals are made on now."""
        if self._by_agit:
            return not self.proposal.branch or self.proposal.branch.startswith("refs/")
        return self.proposal.branch == self._branch

    @property
    def _is_lost(self) -> bool:
        """Return whether a run ended before it could record which request the forge had opened."""
        return self._by_agit and bool(self.proposal.base) and not self.proposal.branch

    def _find_request(self, wanted: str) -> None:
        """Find the request that has the commit *wanted*."""
        found = read_refs(self.tree, self.upstream, "refs/pull/*/head", self.options.fetch_timeout)
        self.proposal.branch = next((ref for ref, commit in found.items() if commit == wanted), "")

    def _read(self, ref: str) -> str:
        refs = read_refs(self.tree, self.upstream, ref, self.options.fetch_timeout) if ref else {}
        return refs.get(ref, "")

    def _is_own(self, commit: str) -> bool:
        return bool(commit and read_own_commits(self.opened.checkout.repo_id, [commit]))

    def _take(self, wanted: str, there: str) -> Proposed:
        own = there != wanted and self._is_own(there)
        merged = there not in ("", wanted) and not own and contains_commit(self.tree, self.tip, there)
        is_same = not there and wanted != self.proposal.commit and self._says_the_same()
        step = next_step(wanted, self.proposal.commit, there, own=own, merged=merged, is_same=is_same)
        if step is Step.PUSH or (step is Step.LEAVE and self._by_agit):
            return self._push(wanted, there, own=own)
        if step is Step.WAIT:
            self._record_built()
            record_proposed(self.proposal, wanted, self._page(self.proposal.page))
            return self._waiting()
        if step is Step.REST:
            record_closed(self.proposal)
            return self._found(CLOSED.format(branch=self._branch))
        if step is Step.LEAVE:
            return self._found(OCCUPIED.format(branch=self._branch))
        if step is Step.WITHDRAW and not self._by_agit:
            done = push_ref(self.tree, self.upstream, "", self._ref, self.options.push_timeout, lease=there)
            if done.error:
                return self._failed(done.error)
            there = ""
        record_withdrawn(self.proposal, () if there else (self.proposal.commit,))
        return Proposed(known=True)

    def _says_the_same(self) -> bool:
        """Return whether the commit that was proposed last has the statuses of the one that was built."""
        proposed = [self.proposal.commit] if self.proposal.commit else []
        last = next(iter(read_own_commits(self.opened.checkout.repo_id, proposed).values()), ())
        return bool(last) and _statuses(last) == _statuses(self.built.changes)

    def _record_built(self) -> None:
        """Record the commit that was built as the hub's own, unless it is the one that waits."""
        commit, repo = self.built.commit, self.opened.checkout.repo_id
        if commit != self.proposal.commit or self.proposal.proposed_at is None:
            record_own_commit(repo, commit, self.built.authored, self.built.changes)
            mark_withdrawn(repo, [commit], withdrawn=False)

    def _push(self, wanted: str, there: str, *, own: bool) -> Proposed:
        self._record_built()  # From now on the remote may have it.
        again = own or self._is_lost
        record_attempt(self.proposal, self.proposal.branch if self._by_agit else self._branch, self.tip)
        target, source, forge = self.upstream.branch, self._branch, self._forge
        ref, lease = (f"refs/for/{target}", None) if self._by_agit else (self._ref, there)
        told = forges.push_options(forge, source, target, SUBJECT, again=again)
        done = push_ref(self.tree, self.upstream, wanted, ref, self.options.push_timeout, lease=lease, options=told)
        if done.error and lease is not None and self._read(ref) == wanted:  # Another host was faster.
            done = PushedRef(ref=ref)
        if done.error:
            if self._by_agit and there and not own:  # The forge keeps a request of which others have made commits.
                return self._found(f"{OCCUPIED.format(branch=self._branch)} ({done.error})")
            return self._failed(done.error)
        if self._by_agit:
            self.proposal.branch = done.ref
        record_proposed(self.proposal, wanted, self._page(done.message), replaced=there if own else "")
        return self._waiting()

    def _drop_other_branch(self) -> None:
        """Remove the hub's commit from the branch of an earlier proposal: the repo has another branch or forge now."""
        branch, removed = self.proposal.branch, set[str]()
        if branch and not branch.startswith("refs/") and self._is_own(there := self._read(_full(branch))):
            done = push_ref(self.tree, self.upstream, "", _full(branch), self.options.push_timeout, lease=there)
            if done.error:
                raise GitError(done.error)
            removed = {there}
        self.proposal.branch = ""
        record_withdrawn(self.proposal, removed)

    def _page(self, named: str) -> str:
        """Return the page of the request that is *named* there, else the one on which a person opens it."""
        opened = forges.find_request_page(named, self._web) or forges.agit_page(self._web, self.proposal.branch)
        return opened or forges.new_request_page(self._forge, self._web, self._branch, self.upstream.branch)

    def _waiting(self) -> Proposed:
        page = f": {self.proposal.page}" if self.proposal.page else ""
        return self._found(f"waits as a proposal on {self._branch}{page}")

    def _failed(self, error: str) -> Proposed:
        return self._found(f"is not proposed on {self._branch}: {error}")._replace(error=error)

    def _found(self, message: str) -> Proposed:
        return Proposed(finding=PROPOSED._replace(message=message), known=True)


def _statuses(changes: Iterable[StatusWritten]) -> set[tuple[str, str, str]]:
    """Return the new status of each task, whatever the old one was."""
    return {(change.workplan, change.task, change.new) for change in changes}


def _full(branch: str) -> str:
    return f"refs/heads/{branch}"
