"""Reads a small repository from its files, without a process of git: refs, index, commits, trees, blobs.

Objects must be loose, as they are where nothing was packed: the repositories here are small, and gc is off.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

from tests.simulation.look import Commit


class Store:
    """The objects of several repositories that share their history; what was read once is kept."""

    def __init__(self, *git_dirs: Path) -> None:
        self._folders = [folder / "objects" for folder in git_dirs]
        self._commits: dict[str, Commit] = {}
        self._blobs: dict[str, bytes] = {}
        self._trees: dict[str, dict[str, str]] = {}

    def commit(self, name: str) -> Commit:
        """Return the commit *name*."""
        if name not in self._commits:
            head, _, _ = self._read(name).partition(b"\n\n")
            fields = [line.partition(" ")[::2] for line in head.decode().split("\n")]
            idents = {key: value for key, value in fields if key in ("author", "committer")}
            committer = idents["committer"].partition("<")[2].partition(">")[0]
            authored = int(idents["author"].split(" ")[-2])
            parents = tuple(value for key, value in fields if key == "parent")
            self._commits[name] = Commit(name, parents, committer, authored, self._tree(fields[0][1]))
        return self._commits[name]

    def blob(self, name: str) -> bytes:
        """Return the bytes of the blob *name*."""
        if name not in self._blobs:
            self._blobs[name] = self._read(name)
        return self._blobs[name]

    def reachable(self, *names: str) -> set[str]:
        """Return the commits *names* and all their ancestors."""
        found, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.commit(name).parents
        return found

    def _tree(self, name: str) -> dict[str, str]:
        if name not in self._trees:
            files, data = {}, self._read(name)
            while data:
                entry, _, rest = data.partition(b"\0")
                mode, _, path = entry.decode().partition(" ")
                child, data = rest[:20].hex(), rest[20:]
                below = {f"/{deeper}": blob for deeper, blob in self._tree(child).items()} if mode == "40000" else None
                files.update({path + deeper: blob for deeper, blob in below.items()} if below else {path: child})
            self._trees[name] = files
        return self._trees[name]

    def _read(self, name: str) -> bytes:
        for folder in self._folders:
            file = folder / name[:2] / name[2:]
            if file.exists():
                return zlib.decompress(file.read_bytes()).partition(b"\0")[2]
        raise FileNotFoundError(f"no object {name}")


def blob_name(data: bytes) -> str:
    """Return git's name for the blob with these bytes."""
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


def branches(git_dir: Path) -> dict[str, str]:
    """Return the branches and their commits."""
    found = {}
    packed = git_dir / "packed-refs"
    if packed.exists():
        lines = [line.split(" ") for line in packed.read_text().splitlines() if line[0] not in "#^"]
        found = {ref: name for name, ref in lines if ref.startswith("refs/heads/")}
    for file in (git_dir / "refs/heads").rglob("*"):
        if file.is_file() and file.suffix != ".lock":
            found[file.relative_to(git_dir).as_posix()] = file.read_text().strip()
    return found


def ref(git_dir: Path, name: str) -> str:
    """Return the commit of the ref *name*; '' if there is none."""
    if (git_dir / name).exists():
        return (git_dir / name).read_text().strip()
    packed = git_dir / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def head(git_dir: Path) -> tuple[str, str]:
    """Return the ref that HEAD names, or '' and the commit if it names none."""
    text = (git_dir / "HEAD").read_text().strip()
    return (text.removeprefix("ref: "), "") if text.startswith("ref: ") else ("", text)


def folders(top: Path) -> tuple[Path, Path]:
    """Return the git folder of the work tree at *top*, and the one it shares with others (gitrepository-layout)."""
    own = top / ".git"
    if own.is_dir():
        return own, own
    own = Path(own.read_text().strip().removeprefix("gitdir: "))
    return own, (own / (own / "commondir").read_text().strip()).resolve()


_UNDER_WAY = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG", "MERGE_MSG",
    "SQUASH_MSG",
)  # fmt: skip


def under_way(git_dir: Path) -> str:
    """Return git's operation in progress, '' for none."""
    return next((name for name in _UNDER_WAY if (git_dir / name).exists()), "")


def index(git_dir: Path) -> dict[str, str]:
    """Return the blob that is staged for each path, with a word after it if it waits for a merge (gitformat-index)."""
    data = (git_dir / "index").read_bytes() if (git_dir / "index").exists() else bytes(12)
    found, place = {}, 12
    for _ in range(int.from_bytes(data[8:12], "big")):
        end = data.index(b"\0", place + 62)
        stage = data[place + 60] >> 4 & 3
        path = data[place + 62 : end].decode() + (f" (unmerged {stage})" if stage else "")
        found[path] = data[place + 40 : place + 60].hex()
        place += (end - place) // 8 * 8 + 8
    return found


def work_tree(top: Path) -> dict[str, bytes]:
    """Return every file outside of the git folder, ignored ones too, by its path."""
    found = {}
    for folder, folders, names in os.walk(top):
        if ".git" in folders:
            folders.remove(".git")
        for name in set(names) - {".git"}:
            path = Path(folder, name)
            found[path.relative_to(top).as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))
