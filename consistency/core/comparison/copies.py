"""Tracked files come first: an untracked file that shares a workplan's id with a tracked one is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from consistency.core.comparison.snapshot import Copy, FileSnapshot, HubWorkstream


def without_copies(files: FileSnapshot, workstreams: Iterable[HubWorkstream]) -> FileSnapshot:
    """Return *files* with the untracked copies of tracked workplans set apart.

    A tracked file whose id cannot be read now is taken for the one that the hub knows at its path (*workstreams*).
    """
    if not files.untracked:
        return files
    tracked = _tracked(files, workstreams)
    settled = [(file.path, file.key) for file in files.settled]
    found = settled + [(item.workplan.path, item.workplan.key) for item in files.known]
    copies = tuple(
        Copy(path, key, tracked[key]) for path, key in sorted(found) if path in files.untracked and key in tracked
    )
    paths = {copy.path for copy in copies}
    return files._replace(
        settled=tuple(file for file in files.settled if file.path not in paths),
        known=tuple(item for item in files.known if item.workplan.path not in paths),
        copies=copies,
    )


def _tracked(files: FileSnapshot, workstreams: Iterable[HubWorkstream]) -> Mapping[str, str]:
    """Return the ids of the tracked workplans, each with its path."""
    unreadable = {file.path for file in files.unreadable}
    keys = [(row.key, row.path) for row in workstreams if row.path in unreadable]
    keys += [(file.key, file.path) for file in files.unreadable if file.key]
    keys += [(file.key, file.path) for file in files.settled]
    keys += [(item.workplan.key, item.workplan.path) for item in files.known]
    return {key: path for key, path in keys if path not in files.untracked}
