"""Explains why files that look like workplans are not read: links, nested repositories, ignored, another pattern."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from consistency.core.comparison.unmatched import named
from consistency.core.workplan.source import says_workplan
from consistency.git.files import FileReadError, open_regular
from consistency.git.names import canonical, to_git
from consistency.git.process import GitError
from consistency.git.worktree import Listing, WorkTree, fields, pathspecs
from statehub.globs import excluded_globs, included_globs
from statehub.text import name_some

MAX_FOLDERS, MAX_FILES, MAX_BYTES = 2_000, 200, 4_096
"""Limits of the search for links: folders, files behind a link, bytes read of each file."""

SEARCH_SECONDS = 20.0
"""Time limit of the search of a whole repo, which is made at every run until a file matches the pattern."""

_WILDCARD = re.compile(r"[*?\[\\]")
_TYPE_WORKPLAN = r"^type:[[:blank:]]*[\"']?workplan[\"']?[[:space:]]*$"
_SUBMODULE = re.compile(r"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)


def why_unread(tree: WorkTree, paths: Collection[str], listing: Listing, pattern: str) -> dict[str, str]:
    """Return those of *paths*, which were not read, that exist, each with the reason.

    Costs one git process, and only if one exists that is not in *listing*.
    """
    reasons = {path: why for path in paths if (why := _why_unreachable(tree, path))}
    listed = set(listing.paths)
    for path in set(paths) - reasons.keys():
        full = tree.file(path)
        if not os.path.lexists(full):
            if path in listing.sparse:
                reasons[path] = "a sparse checkout leaves the file out of the work tree"
        elif path not in listed:
            reasons[path] = "a folder now" if os.path.isdir(full) else ""
        elif os.path.islink(full):
            reasons[path] = "a link to another workplan"
    unlisted = {path for path, why in reasons.items() if not why}
    ignored = _ignored(tree, unlisted)
    for path in unlisted:
        rule = ignored.get(path)
        reasons[path] = (
            f"git ignores it ({rule})" if rule else f"it does not match the repo's workplan {named(pattern)}"
        )
    return reasons


def linked_folders(tree: WorkTree, listing: Listing, pattern: str) -> dict[str, str]:
    """Return the links to folders within *pattern* that hold workplans, each with why it is not followed.

    Costs one git process, and only if there are any. Nested repositories are not included.
    """
    hidden = _hidden_folders(tree, listing, pattern)
    return {folder: why for folder, why in hidden.items() if os.path.islink(tree.file(folder))}


def _hidden_folders(tree: WorkTree, listing: Listing, pattern: str) -> dict[str, str]:
    """Return the links to folders and the nested repositories within *pattern* that hold workplans, with the reason."""
    reasons: dict[str, str] = {}
    for glob in included_globs(pattern):
        name = glob.rpartition("/")[2]
        for folder in _folders(tree, listing, glob):
            is_excluded = any(fnmatchcase(f"{folder}/x.md", each) for each in excluded_globs(pattern))
            why = "" if folder in reasons or is_excluded else _why_hidden(tree, folder)
            if why and not _is_listed(tree, folder, listing) and _holds_workplans(tree.file(folder), name):
                reasons[folder] = why
    ignored = _ignored(tree, reasons)
    return {folder: why for folder, why in reasons.items() if folder not in ignored}


def nearest(tree: WorkTree, listing: Listing, pattern: str) -> list[str]:
    """Return hints on files that nearly match *pattern*, which no file matches; a sentence each."""
    heads = dict.fromkeys(filter(None, map(_head, included_globs(pattern))))
    unreachable = dict.fromkeys(filter(None, (_why_unreachable(tree, f"{head}/x") for head in heads)))
    if unreachable:
        return list(unreachable)
    hints = [f"{folder} is {why}" for folder, why in _hidden_folders(tree, listing, pattern).items()]
    if listing.paths:
        where = "a sparse checkout leaves them out of" if listing.sparse else "they are deleted in"
        hints.append(f"git has {name_some(listing.paths)}, but {where} the work tree")
    options = ("-z", "--others", "--ignored", "--exclude-standard", "--")
    ignored = fields(tree.git.run("ls-files", *options, *pathspecs(pattern), magic_pathspecs=True))
    if ignored:
        hints.append(f"git ignores {name_some(ignored)}")
    elsewhere = _find_workplans(tree)
    if elsewhere and not hints:
        hints.append(f"`type: workplan` is in {name_some(elsewhere)}")
    return hints


def _head(glob: str) -> str:
    """Return the folder that *glob* begins with, before any wildcard; '' for the top."""
    parts = glob.split("/")[:-1]
    wild = next((number for number, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    return "/".join(parts[:wild])


def _why_unreachable(tree: WorkTree, path: str) -> str:
    """Return why git does not reach *path*: a folder above it is a link or a repository; '' if it does."""
    submodules: set[str] | None = None
    parts = path.split("/")[:-1]
    for number in range(1, len(parts) + 1):
        folder = "/".join(parts[:number])
        if why := _why_hidden(tree, folder):
            return f"{folder} is {why}"
        if not os.path.lexists(tree.file(f"{folder}/{parts[number]}" if number < len(parts) else path)):
            submodules = _submodules(tree) if submodules is None else submodules
            if folder in submodules:
                return f"{folder} is a submodule that is not checked out"
    return ""


def _why_hidden(tree: WorkTree, folder: str) -> str:
    """Return why the files in *folder* are not read, '' if they are."""
    full = tree.file(folder)
    if os.path.islink(full):
        target = canonical(os.readlink(full))
        if not os.path.exists(full):
            return f"a link to {target}, which is not there"
        return f"a link to the folder {target}: such links are not followed" if os.path.isdir(full) else ""
    if os.path.lexists(os.path.join(full, ".git")):
        kind = "a submodule" if folder in _submodules(tree) else "a git repository of its own"
        return f"{kind}: register it separately (register_repo {shlex.quote(canonical(full))})"
    return ""


def _submodules(tree: WorkTree) -> set[str]:
    try:
        text = Path(tree.file(".gitmodules")).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {path.strip('"') for path in _SUBMODULE.findall(text)}


def _folders(tree: WorkTree, listing: Listing, glob: str) -> Iterator[str]:
    """Yield the folders that have or could have matching files, including links and nested repositories."""
    head = _head(glob)
    if head and "/" in glob[len(head) + 1 :]:
        yield from islice(_below(tree, head), MAX_FOLDERS)
    elif not head:
        # Not the whole tree, which may be large: the folders of its workplans.
        parents = {""}
        for path in listing.paths:
            while path := path.rpartition("/")[0]:
                parents.add(path)
        yield from islice((sub for parent in sorted(parents) for sub in _links(tree, parent)), MAX_FOLDERS)


def _below(tree: WorkTree, head: str) -> Iterator[str]:
    top = tree.file(head)
    for folder, names, _ in os.walk(top):
        inside = canonical(os.path.relpath(folder, top))
        for name in list(names):
            path = os.path.normpath(f"{head}/{inside}/{canonical(name)}")
            yield path
            if os.path.lexists(os.path.join(folder, name, ".git")):
                names.remove(name)


def _links(tree: WorkTree, parent: str) -> Iterator[str]:
    try:
        with os.scandir(tree.file(parent) if parent else tree.top) as entries:
            names = sorted(canonical(entry.name) for entry in entries if entry.is_dir())
    except OSError:
        return
    yield from (f"{parent}/{name}" if parent else name for name in names if name != ".git")


def _is_listed(tree: WorkTree, folder: str, listing: Listing) -> bool:
    """Return whether the files behind the link *folder* are read under their own names."""
    root, target = os.path.realpath(tree.top), os.path.realpath(tree.file(folder))
    inside = "" if target == root else canonical(os.path.relpath(target, root)) + "/"
    return os.path.islink(tree.file(folder)) and any(path.startswith(inside) for path in listing.paths)


def _holds_workplans(folder: str, name: str) -> bool:
    """Return whether one of the first files in *folder* with a name like *name* is a workplan."""

    def files() -> Iterator[str]:
        for parent, folders, names in islice(os.walk(folder), MAX_FOLDERS):
            folders[:] = sorted(each for each in folders if each != ".git")
            yield from (os.path.join(parent, each) for each in sorted(names) if fnmatchcase(each, name))

    return any(map(_is_workplan, islice(files(), MAX_FILES)))


def _is_workplan(full: str) -> bool:
    try:
        with open_regular(full) as file:
            return says_workplan(file.read(MAX_BYTES))
    except (OSError, FileReadError):
        return False


def _ignored(tree: WorkTree, paths: Collection[str]) -> dict[str, str]:
    """Return those of *paths* that git ignores, each with the rule as `FILE:LINE: PATTERN`."""
    if not paths:
        return {}
    # "./" hides pathspec magic, which this command cannot switch off.
    names = b"".join(b"./" + to_git(path) + b"\0" for path in sorted(paths))
    options = ("--verbose", "-z", "--stdin")
    try:
        output = tree.git.run("check-ignore", *options, stdin=names, magic_pathspecs=True, ok=(0, 1))
    except GitError:  # A path that is now beyond a link or in a repository.
        return {}
    parts = fields(output)
    return {
        path.removeprefix("./"): f"{source}:{line}: {rule}"
        for source, line, rule, path in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=False)
        if not rule.startswith("!")
    }


def _find_workplans(tree: WorkTree) -> list[str]:
    """Return all Markdown files of the repo that say `type: workplan`; none if the search fails or takes too long."""
    options = ("--untracked", "-I", "-l", "-z", "--no-color", "--no-recurse-submodules", "--threads=1", "-E")
    search = ("grep", *options, "-e", _TYPE_WORKPLAN, "--", ":(top)*.md")
    try:
        return fields(tree.git.run(*search, timeout=SEARCH_SECONDS, magic_pathspecs=True, ok=(0, 1)))
    except GitError:
        return []
