"""Says why files that look like workplans are not read: links and repositories on the way, ignored, another pattern."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from consistency.core.comparison.unmatched import named
from consistency.core.workplan.parse import says_workplan
from consistency.git.names import canonical, to_git
from consistency.git.process import GitError
from consistency.git.worktree import Listing, WorkTree, fields, pathspecs
from statehub.globs import excluded_globs, included_globs
from statehub.phrases import name_some

MAX_FOLDERS, MAX_FILES, MAX_BYTES = 2_000, 200, 4_096
"""How far to look: folders in which a link may be, files behind one, bytes of each of these."""

SEARCH_SECONDS = 20.0
"""For the search of a whole repo, at every run until something matches its pattern."""

_WILDCARD = re.compile(r"[*?\[\\]")
_SAYS_WORKPLAN = r"^type:[[:blank:]]*[\"']?workplan[\"']?[[:space:]]*$"
_SUBMODULE = re.compile(r"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)


def why_unread(tree: WorkTree, paths: Collection[str], listing: Listing, pattern: str) -> dict[str, str]:
    """Of *paths*, which were not read, those that are there all the same, each with why it was not.

    One git process, and only if some are there that *listing* does not have.
    """
    found = {path: why for path in paths if (why := _on_the_way(tree, path))}
    listed, sparse = set(listing.paths), listing.sparse
    for path in set(paths) & sparse - found.keys():
        if not os.path.lexists(tree.file(path)):
            found[path] = "a sparse checkout leaves the file out of the work tree"
    there = {path for path in paths if path not in found and os.path.lexists(tree.file(path))}
    links = {path for path in there & listed if os.path.islink(tree.file(path))}
    found.update(dict.fromkeys(links, "a link to another workplan"))
    ignored = _ignored(tree, there - listed)
    for path in there - listed:
        if os.path.isdir(tree.file(path)):
            found[path] = "a folder now"
        elif path in ignored:
            found[path] = f"git ignores it ({ignored[path]})"
        else:
            found[path] = f"it does not match the repo's workplan {named(pattern)}"
    return found


def linked_folders(tree: WorkTree, listing: Listing, pattern: str) -> dict[str, str]:
    """The links to folders within *pattern* that hold workplans, each with why it is not entered.

    One git process, and only if there are any. Repositories within the pattern are none of this one's business.
    """
    hidden = _hidden_folders(tree, listing, pattern)
    return {folder: why for folder, why in hidden.items() if os.path.islink(tree.file(folder))}


def _hidden_folders(tree: WorkTree, listing: Listing, pattern: str) -> dict[str, str]:
    """The links to folders and the repositories within *pattern* that hold workplans."""
    found: dict[str, str] = {}
    for glob in included_globs(pattern):
        name = glob.rpartition("/")[2]
        for folder in _folders(tree, listing, glob):
            why = "" if folder in found or _is_excluded(folder, pattern) else _hides(tree, folder)
            if why and not _is_listed(tree, folder, listing) and _holds_workplans(tree.file(folder), name):
                found[folder] = why
    ignored = _ignored(tree, found)
    return {folder: why for folder, why in found.items() if folder not in ignored}


def nearest(tree: WorkTree, listing: Listing, pattern: str) -> list[str]:
    """What comes nearest to the *pattern* that no file matches; a sentence each."""
    heads = dict.fromkeys(filter(None, map(_head, included_globs(pattern))))
    on_the_way = dict.fromkeys(filter(None, (_on_the_way(tree, f"{head}/x") for head in heads)))
    if on_the_way:
        return list(on_the_way)
    hints = [f"{folder} is {why}" for folder, why in _hidden_folders(tree, listing, pattern).items()]
    if listing.paths:
        where = "a sparse checkout leaves them out of" if listing.sparse else "they are deleted in"
        hints.append(f"git has {name_some(listing.paths)}, but {where} the work tree")
    ignored = _list(tree, "--others", "--ignored", "--exclude-standard", "--", *pathspecs(pattern))
    if ignored:
        hints.append(f"git ignores {name_some(ignored)}")
    elsewhere = _elsewhere(tree)
    if elsewhere and not hints:
        hints.append(f"`type: workplan` is in {name_some(elsewhere)}")
    return hints


def _head(glob: str) -> str:
    """The folder that *glob* begins with, without any wildcard; '' for the top."""
    parts = glob.split("/")[:-1]
    wild = next((number for number, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    return "/".join(parts[:wild])


def _on_the_way(tree: WorkTree, path: str) -> str:
    """Why git does not get to *path*: a folder on the way is a link or a repository; '' if it does."""
    submodules: set[str] | None = None
    parts = path.split("/")[:-1]
    for number in range(1, len(parts) + 1):
        folder = "/".join(parts[:number])
        if why := _hides(tree, folder):
            return f"{folder} is {why}"
        if not os.path.lexists(tree.file(f"{folder}/{parts[number]}" if number < len(parts) else path)):
            submodules = _submodules(tree) if submodules is None else submodules
            if folder in submodules:
                return f"{folder} is a submodule that is not checked out"
    return ""


def _hides(tree: WorkTree, folder: str) -> str:
    """Why what is in *folder* is not read, '' if it is."""
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
    """The folders in which matching files are or could be, those that are links or repositories included."""
    head = _head(glob)
    if head and "/" in glob[len(head) + 1 :]:
        yield from islice(_below(tree, head), MAX_FOLDERS)
    elif not head:
        # Not the whole tree, which may be large: where its workplans are.
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


def _is_excluded(folder: str, pattern: str) -> bool:
    """Whether a person has left *folder* out of the pattern."""
    return any(fnmatchcase(f"{folder}/x.md", glob) for glob in excluded_globs(pattern))


def _is_listed(tree: WorkTree, folder: str, listing: Listing) -> bool:
    """Whether the files behind the link *folder* are read under their own names."""
    root, target = os.path.realpath(tree.top), os.path.realpath(tree.file(folder))
    inside = "" if target == root else canonical(os.path.relpath(target, root)) + "/"
    return os.path.islink(tree.file(folder)) and any(path.startswith(inside) for path in listing.paths)


def _holds_workplans(folder: str, name: str) -> bool:
    """Whether one of the first files in *folder* whose names match *name* says that it is a workplan."""
    return any(map(_is_workplan, islice(_files(folder, name), MAX_FILES)))


def _files(folder: str, name: str) -> Iterator[str]:
    for parent, folders, names in islice(os.walk(folder), MAX_FOLDERS):
        folders[:] = sorted(each for each in folders if each != ".git")
        yield from (os.path.join(parent, each) for each in sorted(names) if fnmatchcase(each, name))


def _is_workplan(full: str) -> bool:
    # NONBLOCK: a pipe of that name must not hold the run up.
    try:
        descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            return says_workplan(file.read(MAX_BYTES) or b"")
        except OSError:
            return False


def _ignored(tree: WorkTree, paths: Collection[str]) -> dict[str, str]:
    """Those of *paths* that git ignores, each with the place of the rule. Raises GitError."""
    if not paths:
        return {}
    # With ./ in front none begins with pathspec magic, which this command has no way to switch off.
    names = b"".join(b"./" + to_git(path) + b"\0" for path in sorted(paths))
    try:
        output = tree.git.run(
            "check-ignore", "--verbose", "-z", "--stdin", stdin=names, magic_pathspecs=True, ok=(0, 1)
        )
    except GitError:  # A path that became one beyond a link or in a repository meanwhile.
        return {}
    parts = fields(output)
    return {
        path.removeprefix("./"): f"{source}:{line}: {rule}"
        for source, line, rule, path in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=False)
        if not rule.startswith("!")
    }


def _list(tree: WorkTree, *arguments: str) -> list[str]:
    return fields(tree.git.run("ls-files", "-z", *arguments, magic_pathspecs=True))


def _elsewhere(tree: WorkTree) -> list[str]:
    """The Markdown files of the repo, wherever they are, that say `type: workplan`; none if git cannot tell in time."""
    options = ("--untracked", "-I", "-l", "-z", "--no-color", "--no-recurse-submodules", "--threads=1", "-E")
    search = ("grep", *options, "-e", _SAYS_WORKPLAN, "--", ":(top)*.md")
    try:
        return fields(tree.git.run(*search, timeout=SEARCH_SECONDS, magic_pathspecs=True, ok=(0, 1)))
    except GitError:
        return []
