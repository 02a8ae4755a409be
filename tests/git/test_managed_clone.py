"""Clones of the hub's own on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.core.comparison.gates import EMPTY
from consistency.git.credentials import TokenSource
from consistency.git.history import MAX_NEW_COMMITS
from consistency.git.managed_clone import (
    BranchMissingError,
    CloneError,
    CloneTooLargeError,
    ManagedClone,
    fast_forward,
    is_made_by_hub,
    measure,
    needs_maintenance,
    remove_clone,
    reset_to,
)
from consistency.git.process import Git
from consistency.git.remote import Fetched, fetch, push
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import photograph

SECONDS = 20.0


def clone_of(origin: Origin, path: Path, branch: str = "main", *, limit: int = 10**9) -> ManagedClone:
    """Describe a clone of *origin* at *path*."""
    url = str(origin.path)
    return ManagedClone(str(path), url, url.removesuffix(".git"), "file://", branch, "", TokenSource(), limit)


def made(origin: Origin, path: Path, branch: str = "main") -> ManagedClone:
    """Make a clone and accept it."""
    clone = clone_of(origin, path, branch)
    assert clone.make(SECONDS)[1].ok
    clone.accept()
    return clone


class TestMake:
    def test_beside_its_place_and_then_moved(self, origin: Origin, tmp_path: Path) -> None:
        clone = clone_of(origin, tmp_path / "clones" / "a")
        assert (clone.is_whole(), clone.make(SECONDS)) == (False, ("main", Fetched("ok", origin.head)))
        assert (clone.is_whole(), clone.is_new()) == (True, True)
        clone.accept()
        assert (clone.is_whole(), clone.is_new()) == (True, False)
        assert [each.name for each in (tmp_path / "clones").iterdir()] == ["a"]

    def test_default_branch_of_the_remote(self, origin: Origin, tmp_path: Path) -> None:
        origin.git("branch", "--move", "main", "trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        assert clone_of(origin, tmp_path / "a", "").make(SECONDS) == ("trunk", Fetched("ok", origin.head))

    def test_whole_history(self, origin: Origin, clone: Clone, tmp_path: Path) -> None:
        for number in range(3):
            clone.commit(f"{number}")
        clone.push()
        made(origin, tmp_path / "a")
        assert Clone(tmp_path / "a").log() == ["2", "1", "0", "Start"]

    @pytest.mark.parametrize("name", ['it\'s "a" branch/ü;$x'.replace(" ", "_"), "a.b/c", "x" * 150])
    def test_names_of_all_kinds(self, origin: Origin, clone: Clone, tmp_path: Path, name: str) -> None:
        clone.git("push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
        folder = tmp_path / 'a "folder"; ü $x\\'
        own = made(origin, folder / "a b", name)
        found = Clone(folder / "a b")
        assert (found.git("branch", "--show-current"), found.status(), own.is_whole()) == (name, [], True)
        assert found.git("config", "remote.origin.url") == str(origin.path)
        assert fetch(own.tree(), own.upstream(), SECONDS) == Fetched("ok", clone.head)
        commit = found.commit("More")
        assert push(own.tree(), own.upstream(), clone.head, commit, SECONDS).error == ""
        assert origin.git("rev-parse", f"refs/heads/{name}") == commit

    def test_remote_without_a_commit(self, origin: Origin, tmp_path: Path) -> None:
        origin.git("update-ref", "-d", "refs/heads/main")
        clone = clone_of(origin, tmp_path / "a")
        assert (clone.make(SECONDS), clone.is_whole()) == (("main", Fetched(EMPTY)), True)

    def test_branch_that_is_not_there(self, origin: Origin, tmp_path: Path) -> None:
        with pytest.raises(BranchMissingError, match="the remote has no branch 'x'; its default branch is 'main'"):
            clone_of(origin, tmp_path / "a", "x").make(SECONDS)
        assert not (tmp_path / "a").exists()

    def test_old_one_stays_if_it_fails(self, origin: Origin, tmp_path: Path) -> None:
        clone = made(origin, tmp_path / "a")
        (tmp_path / "a" / "mine").touch()
        origin.path.rename(tmp_path / "away")
        with pytest.raises(CloneError, match="does not appear to be a git repository"):
            clone.make(SECONDS)
        assert ((tmp_path / "a" / "mine").exists(), clone.is_whole()) == (True, True)
        assert sorted(each.name for each in tmp_path.iterdir() if each.name[0] == "a") == ["a", "away"]

    def test_one_that_is_too_large(self, origin: Origin, clone: Clone, tmp_path: Path) -> None:
        clone.write("big", os.urandom(3_000_000))
        clone.commit()
        clone.push()
        with pytest.raises(CloneTooLargeError) as caught:
            clone_of(origin, tmp_path / "a", limit=1_000_000)._replace(url=f"file://{origin.path}").make(SECONDS)
        assert 1_000_000 < caught.value.size < 2_000_000
        assert not (tmp_path / "a").exists()


class TestWorkOfOthers:
    """Whatever the hub has not made is kept."""

    def test_is_moved_away(self, origin: Origin, clone: Clone, tmp_path: Path) -> None:
        folder = tmp_path / "clones"
        origin.git("clone", "--quiet", str(origin.path), str(folder / "a"))
        Clone(folder / "a").write("README.md", "unsaved work")
        assert not is_made_by_hub(str(folder / "a"))
        made(origin, folder / "a")
        assert is_made_by_hub(str(folder / "a"))
        (aside,) = folder.glob("a.aside-*")
        assert sorted(each.name for each in folder.iterdir()) == ["a", aside.name]
        assert Clone(aside / "a").read("README.md") == b"unsaved work"

    @pytest.mark.parametrize("kind", ["file", "link", "folder"])
    def test_is_moved_away_whatever_it_is(self, origin: Origin, tmp_path: Path, kind: str) -> None:
        folder = tmp_path / "clones"
        folder.mkdir()
        if kind == "link":
            (folder / "a").symlink_to(tmp_path)
        elif kind == "folder":
            (folder / "a").mkdir()
        else:
            (folder / "a").write_text("notes")
        made(origin, folder / "a")
        (aside,) = folder.glob("a.aside-*/a")
        assert (aside.is_file(), aside.is_symlink()) == (kind == "file", kind == "link")

    def test_stays_beside_it(self, origin: Origin, tmp_path: Path) -> None:
        """Only folders of its own attempts are removed, whatever the others are called."""
        names = ["a.work-mine", "a.work-12345678", ".a.work-notes-of-a-person", ".a.work-b.work-12345678"]
        for name in (*names, ".a.work-abcd_123"):
            (tmp_path / "clones" / name).mkdir(parents=True)
        made(origin, tmp_path / "clones" / "a")
        assert sorted(each.name for each in (tmp_path / "clones").iterdir()) == sorted([*names, "a"])

    @pytest.mark.parametrize("kind", ["file", "link", "folder", "clone", "nothing"])
    def test_is_not_removed(self, origin: Origin, tmp_path: Path, kind: str) -> None:
        """A registration that is undone removes the clone that it has made, and nothing else in its place."""
        made(origin, tmp_path / "own")
        path = tmp_path / "a"
        if kind == "file":
            path.write_text("notes")
        elif kind == "link":
            path.symlink_to(tmp_path / "own")
        elif kind == "folder":
            path.mkdir()
        elif kind == "clone":
            origin.git("clone", "--quiet", str(origin.path), str(path))
        remove_clone(str(path))
        assert os.path.lexists(path) == (kind != "nothing")
        assert (tmp_path / "own" / ".git").is_dir()
        remove_clone(str(tmp_path / "own"))
        assert not (tmp_path / "own").exists()

    def test_is_not_whole(self, origin: Origin, tmp_path: Path) -> None:
        """Not even a repository with git's own settings alone gets those of the hub."""
        Git(str(tmp_path)).run("init", "--quiet", str(tmp_path / "a"))
        config = tmp_path / "a" / ".git" / "config"
        before = config.read_text()
        assert (clone_of(origin, tmp_path / "a").is_whole(), config.read_text()) == (False, before)

    def test_broken_clone_of_the_hub_is_not_kept(self, origin: Origin, tmp_path: Path) -> None:
        folder = tmp_path / "clones"
        clone = made(origin, folder / "a")
        (folder / "a" / ".git" / "config").unlink()
        assert clone.make(SECONDS)[1].ok
        assert [each.name for each in folder.iterdir()] == ["a"]


class TestIsWhole:
    def test_starts_no_process(self, origin: Origin, tmp_path: Path, git_processes: GitProcesses) -> None:
        clone = made(origin, tmp_path / "a")
        git_processes.clear()
        assert (clone.is_whole(), len(git_processes)) == (True, 0)

    def test_settings_follow_what_is_wanted(self, origin: Origin, tmp_path: Path) -> None:
        clone = made(origin, tmp_path / "a")
        token = TokenSource(file="/run/a token")
        other = clone._replace(url="https://h/a", site="https://h", branch="other", ssh="ssh -i 'k'", token=token)
        assert other.is_whole()
        found = Clone(tmp_path / "a")
        values = {
            "remote.origin.url": "https://h/a",
            "remote.origin.fetch": "+refs/heads/other:refs/remotes/origin/other",
            "branch.other.merge": "refs/heads/other",
            "core.sshcommand": "ssh -i 'k'",
            "credential.helper": "",
            "credential.https://h.helper": token.helper(),
            "core.hookspath": "/dev/null",
        }
        assert {name: found.git("config", name) for name in values} == values
        assert clone.is_whole()
        assert found.git("config", "--default", "none", "core.sshcommand") == "none"

    @pytest.mark.parametrize("name", ["core.worktree", "filter.x.clean", "include.path", "extensions.partialClone"])
    def test_settings_of_others_beside_those_of_git(self, origin: Origin, tmp_path: Path, name: str) -> None:
        clone = made(origin, tmp_path / "a")
        config = tmp_path / "a" / ".git" / "config"
        section, key = name.rsplit(".", 1)
        head = f'[{section.replace(".", chr(32) + chr(34), 1)}"]' if "." in section else f"[{section}]"
        config.write_text(f"{head}\n\t{key} = x\n{config.read_text()}")
        assert not clone.is_whole()


def test_fast_forward(origin: Origin, clone: Clone, tmp_path: Path) -> None:
    own = made(origin, tmp_path / "a")
    found, before = Clone(tmp_path / "a"), origin.head
    clone.write("news", "x")
    tip = clone.commit()
    clone.push()
    assert fetch(own.tree(), own.upstream(), SECONDS).ok
    found.git("checkout", "--quiet", "--detach")
    fast_forward(own.tree(), "main", tip)
    assert found.head == before
    found.git("checkout", "--quiet", "main")
    found.git("pack-refs", "--all")
    assert fast_forward(own.tree(), "main", tip) == (before, tip)
    assert (found.head, found.status()) == (tip, [])
    found.commit("Own")
    for other in (before, tip, found.head):
        assert fast_forward(own.tree(), "main", other) is None
    assert found.log() == ["Own", "Change", "Start"]


@pytest.mark.parametrize("change", ["edit", "stage", "add", "delete"])
def test_fast_forward_overwrites_nothing(origin: Origin, clone: Clone, tmp_path: Path, change: str) -> None:
    own = made(origin, tmp_path / "a")
    found, before = Clone(tmp_path / "a"), origin.head
    clone.write("README.md", "theirs")
    clone.write("new", "theirs")
    tip = clone.commit()
    clone.push()
    assert fetch(own.tree(), own.upstream(), SECONDS).ok
    found.write("new" if change == "add" else "README.md", "mine")
    if change == "stage":
        found.git("add", "README.md")
    elif change == "delete":
        found.git("rm", "--quiet", "--cached", "README.md")
    photo = photograph(found)
    assert fast_forward(own.tree(), "main", tip) is None
    assert (photograph(found), found.head) == (photo, before)


def test_fast_forward_over_a_merge(origin: Origin, clone: Clone, tmp_path: Path) -> None:
    own = made(origin, tmp_path / "a")
    before = origin.head
    clone.git("checkout", "--quiet", "-b", "topic")
    clone.write("topic", "x")
    clone.commit()
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "topic")
    clone.push()
    assert fetch(own.tree(), own.upstream(), SECONDS).ok
    assert fast_forward(own.tree(), "main", clone.head) == (before, clone.head)


def test_fast_forward_over_many_commits_is_left_to_others(origin: Origin, clone: Clone, tmp_path: Path) -> None:
    own = made(origin, tmp_path / "a")
    for _ in range(MAX_NEW_COMMITS + 1):
        clone.git("commit", "--quiet", "--allow-empty", "--message=x")
    clone.push()
    assert fetch(own.tree(), own.upstream(), SECONDS).ok
    assert fast_forward(own.tree(), "main", clone.head) is None
    clone.git("reset", "--quiet", "--hard", "HEAD~1")
    assert fast_forward(own.tree(), "main", clone.head) is not None


def test_reset_to(origin: Origin, tmp_path: Path) -> None:
    own = made(origin, tmp_path / "a")
    found = Clone(tmp_path / "a")
    found.write(".gitignore", "ignored\n")
    found.write("ignored/x", "x")
    found.git("init", "--quiet", "nested")
    found.write("README.md", "x")
    found.git("update-index", "--skip-worktree", "README.md")
    reset_to(own.tree(), "main", origin.head)
    assert (found.head, found.read("README.md")) == (origin.head, b"# A repo\n")
    assert sorted(each.name for each in found.path.iterdir()) == [".git", "README.md"]


def test_measure(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    empty = measure(str(tmp_path))
    (tmp_path / "a" / "b" / "c").write_bytes(os.urandom(100_000))
    (tmp_path / "a" / "link").symlink_to("/usr")
    assert 100_000 <= measure(str(tmp_path)) - empty < 120_000


def test_needs_maintenance(origin: Origin, tmp_path: Path) -> None:
    own = made(origin, tmp_path / "a")
    objects = tmp_path / "a" / ".git" / "objects"
    assert not needs_maintenance(own.git_dir)
    (objects / "17").mkdir(exist_ok=True)
    for number in range(27):
        (objects / "17" / f"{number:038}").touch()
    assert needs_maintenance(own.git_dir)
    for file in (objects / "17").iterdir():
        file.unlink()
    (objects / "pack").mkdir(exist_ok=True)
    for number in range(51):
        (objects / "pack" / f"pack-{number}.pack").touch()
    assert needs_maintenance(own.git_dir)
