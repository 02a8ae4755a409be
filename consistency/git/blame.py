"""Finds the commits that brought a status to a workplan, like `git blame`, for any number of tasks at once.

A task is followed by its id, through renames of its file, to other workplans, and through all parents of a merge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from consistency.core.workplan.model import Workplan
from consistency.core.workplan.new_statuses import ParsedVersion, read_new_statuses
from consistency.git.blobs import blob_id
from consistency.git.files import text_digest
from consistency.git.history import AS_COMMITTED, Commit, History, read_history
from consistency.git.objects import read_objects
from consistency.git.process import GitError, GitMissingError, GitTimeoutError
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError

READ_AHEAD = (8, 64, 512, 4096)
"""Older versions of a file that each round reads; each round is a git process, and there is no other."""

MAX_BLOBS = 10_000
"""Limit of versions of files that are read."""


class FileStatus(NamedTuple):
    """The status of a task in a file of the work tree; `uuid` is that of its row."""

    path: str
    task: str
    uuid: str
    status: str


class Introduction(NamedTuple):
    """A commit that brought a status. `digest` is that of the whole file in it.

    `again` says that the file had the same contents before, and others in between.
    """

    commit: Commit
    digest: str
    again: bool


class Provenance(NamedTuple):
    """The origin of a status: commits (several if merged branches brought it), or uncommitted.

    Neither if unknown: it is older than this clone's history, or in objects that the clone lacks.
    """

    commits: tuple[Introduction, ...] = ()
    uncommitted: bool = False


NOT_KNOWN = Provenance()
UNCOMMITTED = Provenance(uncommitted=True)


class Provenances(NamedTuple):
    """The provenance of each status, and the history that was searched."""

    of: Mapping[FileStatus, Provenance]
    history: History


class _OutsideError(StateHubError):
    """The search leaves the history that was read."""


class _NotReadError(StateHubError):
    """A blob must be read first."""


class _LostError(StateHubError):
    """The clone lacks an object or a commit that decides."""


def find_provenances(
    tree: WorkTree,
    pattern: str,
    head: str,
    statuses: Collection[FileStatus],
    *,
    tips: Iterable[str] = (),
    since: str = "",
    listed: Collection[str] = (),
    parsed: Mapping[str, Sequence[ParsedVersion]] = MappingProxyType({}),
) -> Provenances:
    """Find where each of *statuses* comes from, in the history of the commit *head* ('' for none).

    *parsed* are versions of files that were parsed already, by path. The returned history includes that of *tips*. If
    *since* is given, the history since that commit is searched before the whole of it: without a process if its commits
    are few, and changed nothing but files that are *listed* to match *pattern*.
    Raises GitTimeoutError, GitMissingError; after any other failure every provenance is unknown.
    """
    if not head:
        return Provenances(dict.fromkeys(statuses, UNCOMMITTED), History({}))
    try:
        if since and since != head:
            with suppress(_OutsideError):
                history = read_history(tree, pattern, [head, *tips], since, listed)
                return Provenances(_Search(tree, history, head, parsed, _OutsideError).find(statuses), history)
        history = read_history(tree, pattern, [head, *tips])
        return Provenances(_Search(tree, history, head, parsed, _LostError).find(statuses), history)
    except (GitTimeoutError, GitMissingError):
        raise
    except GitError:
        return Provenances(dict.fromkeys(statuses, NOT_KNOWN), History({}, cut=True))


class _Search:
    """A search in one history. *outside* is the error if it leaves that history."""

    def __init__(
        self,
        tree: WorkTree,
        history: History,
        head: str,
        parsed: Mapping[str, Sequence[ParsedVersion]],
        outside: type[Exception],
    ) -> None:
        self._history, self._head, self._outside = history, head, outside
        self._blobs = _Blobs(tree, parsed, head)
        self._wanted: dict[str, str] = {}  # Blob → its path.

    def find(self, statuses: Collection[FileStatus]) -> dict[FileStatus, Provenance]:
        """Find the provenance of each status. Raises _OutsideError."""
        found: dict[FileStatus, Provenance] = {}
        self._blobs.read(self._at_head(statuses))
        for ahead in READ_AHEAD:
            self._wanted = {}
            for status in statuses:
                if status not in found:
                    with suppress(_NotReadError):
                        found[status] = self._find(status)
            if not self._wanted:
                break
            self._blobs.read(
                (blob, path) for name, at in self._wanted.items() for blob, path in self._older(name, at, ahead)
            )
        return {status: found.get(status, NOT_KNOWN) for status in statuses}

    def _at_head(self, statuses: Collection[FileStatus]) -> Iterator[tuple[str, str]]:
        for path in dict.fromkeys(status.path for status in statuses):
            yield self._name_at_head(path), path
            yield from self._older("", path, READ_AHEAD[0])

    def _name_at_head(self, path: str) -> str:
        """Return the blob of *path* at HEAD; a name for git to resolve if the history does not have it."""
        return self._history.blob_at(self._head, path) or f"{self._head}:{path}"

    def _older(self, blob: str, path: str, number: int) -> Iterator[tuple[str, str]]:
        """Yield *blob* and up to *number* versions of *path* before it."""
        if blob:
            yield blob, path
        versions = [name for change in self._history.versions(path).values() for name in (change.new, change.old)]
        start = versions.index(blob) if blob and blob in versions else 0
        yield from ((name, path) for name in dict.fromkeys(versions[start:][: 2 * number]) if name)

    def _find(self, status: FileStatus) -> Provenance:
        name = self._name_at_head(status.path)
        if name in self._blobs.absent:
            return UNCOMMITTED
        version = self._blobs.versions.get(name)
        # Missing in this clone, or a workplan in the work tree but not in git, for example because of a filter.
        if version is None or version.statuses is None:
            return NOT_KNOWN
        if version.status_of(status) != status.status:
            return UNCOMMITTED
        try:
            return Provenance(tuple(self._commits(status)))
        except _LostError:
            return NOT_KNOWN

    def _commits(self, status: FileStatus) -> list[Introduction]:
        """Return the commits that brought *status* to HEAD, that on the line of first parents first."""
        found: dict[str, Introduction] = {}
        pending, seen = [(self._head, status.path)], set[tuple[str, str]]()
        while pending:
            at, path = pending.pop()
            # Down the line of first parents to the commit that changed the file.
            while (at, path) not in seen:
                seen.add((at, path))
                commit = self._history.commits.get(at)
                if commit is None:
                    raise self._outside
                if at in self._history.shallow:
                    raise _LostError
                sources = self._sources(commit, path, status)
                pending += reversed(sources[1:])
                if not sources:
                    found.setdefault(at, self._brought(commit, path))
                    break
                at, path = sources[0]
        return list(found.values())

    def _sources(self, commit: Commit, path: str, status: FileStatus) -> list[tuple[str, str]]:
        """Return the (parent, path) pairs from which *commit* has the status at *path*."""
        blob = self._history.blob_at(commit.id, path) or ""
        return [
            (parent, source)
            for number, parent in enumerate(commit.parents)
            for source in self._sources_in(commit, parent, number, path, blob, status)
        ]

    def _sources_in(
        self, commit: Commit, parent: str, number: int, path: str, blob: str, status: FileStatus
    ) -> list[str]:
        if number == 0 and path not in commit.changes:
            return [path]
        old = self._blob_in(commit, parent, number, path)
        if old == blob:
            return [path]
        if old:
            before = self._status(old, path, status)
            if before:
                return [path] if before == status.status else []
        if path not in commit.changes:
            return []
        # The block was not in this file: it may come from another one that the same commit changed.
        others = {
            source: name
            for source in commit.changes
            if source != path and (name := self._blob_in(commit, parent, number, source))
        }
        renamed = [source for source, name in others.items() if name == blob]
        if renamed:
            return renamed[:1]
        self._want(others)
        return [source for source, name in others.items() if self._status(name, source, status) == status.status]

    def _blob_in(self, commit: Commit, parent: str, number: int, path: str) -> str:
        if number == 0 and path in commit.changes:
            return commit.changes[path].old
        blob = self._history.blob_at(parent, path)
        if blob is None:
            raise self._outside
        return blob

    def _want(self, blobs: Mapping[str, str]) -> None:
        """Request all of *blobs* (path → blob) at once. Raises _NotReadError if one is not read yet."""
        missing = {blob: path for path, blob in blobs.items() if blob not in self._blobs.requested}
        if missing:
            self._wanted.update(missing)
            raise _NotReadError

    def _status(self, blob: str, path: str, status: FileStatus) -> str:
        """Return the task's status in the blob, '' for none; in an invalid version it is that of the next one."""
        self._want({path: blob})
        version = self._blobs.versions.get(blob)
        if version is None:
            raise _LostError
        return status.status if version.statuses is None else version.status_of(status)

    def _brought(self, commit: Commit, path: str) -> Introduction:
        blob = self._history.blob_at(commit.id, path) or ""
        same = {each for each, change in self._history.versions(path).items() if change.new == blob} - {commit.id}
        again = bool(same) and not same.isdisjoint(self._history.below(commit.parents))
        return Introduction(commit, self._blobs.digest_of(blob), again)


class _Version(NamedTuple):
    """A version of a file: its digest, and its statuses by task id and UUID, None if it is not a workplan."""

    digest: str
    statuses: dict[str, str] | None = None

    def status_of(self, status: FileStatus) -> str:
        statuses = self.statuses or {}
        return statuses.get(status.uuid) or statuses.get(status.task, "")


class _Blobs:
    """The versions of workplans that were read, by blob; `absent` are the requested ones that do not exist."""

    def __init__(self, tree: WorkTree, parsed: Mapping[str, Sequence[ParsedVersion]], head: str) -> None:
        self._tree, self._parsed = tree, parsed
        self._by_blob = {blob_id(each.data, like=head): each for known in parsed.values() for each in known}
        self._alike: dict[str, ParsedVersion] = {}
        self.requested = {*self._by_blob}
        self.absent: set[str] = set()
        self.versions = {blob: _Version("", _statuses(each.workplan)) for blob, each in self._by_blob.items()}

    def digest_of(self, blob: str) -> str:
        """Return the digest of the file's bytes in *blob*; '' if they were not read."""
        if blob in self._by_blob:
            return text_digest(self._by_blob[blob].data)
        version = self.versions.get(blob)
        return version.digest if version else ""

    def read(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read blobs, given as (name, path), with one git process; not those that are parsed already."""
        paths = {name: path for name, path in wanted if name not in self.requested and "\n" not in name}
        paths = dict(islice(paths.items(), max(0, MAX_BLOBS - len(self.requested))))
        if not paths:
            return
        self.requested |= paths.keys()
        found = read_objects(self._tree, list(paths), AS_COMMITTED, up_to_failure=True)
        for name, each in zip(paths, found, strict=False):
            if each is None or each.kind != "blob":
                self.absent.add(name)
            else:
                self.versions[name] = self._parse(paths[name], each.data)

    def _parse(self, path: str, data: bytes) -> _Version:
        digest, workplan = text_digest(data), self._read_alike(path, data)
        if workplan is None:
            from consistency.core.workplan.parse import parse_workplan  # Slow to import.

            parsed = parse_workplan(path, data)
            if not isinstance(parsed, Workplan):
                return _Version(digest)
            workplan = parsed
            self._alike.setdefault(path, ParsedVersion(data, parsed))
        return _Version(digest, _statuses(workplan))

    def _read_alike(self, path: str, data: bytes) -> Workplan | None:
        """Return the workplan if *data* differs from a version that was parsed before in nothing but statuses."""
        others = [*self._parsed.get(path, ()), *filter(None, [self._alike.get(path)])]
        found = (read_new_statuses(other.workplan, data, other.data.__eq__) for other in others)
        return next((each[0] for each in found if each is not None), None)


def _statuses(workplan: Workplan) -> dict[str, str]:
    by_id = {block.key: block.status for block in workplan.blocks}
    return by_id | {block.uuid: block.status for block in workplan.blocks if block.uuid}
