"""A status that is seen without git is the one by git, in any state of a clone; what is not plain is left to git."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from consistency.git import clean_status, objects
from consistency.git.clean_status import CleanStatus, read_clean_status
from consistency.git.worktree import list_files, open_checkout, pathspecs
from testing.gitlog import GitProcesses
from testing.repos import Clone
from tests.git.desk import PATTERN

Arrange = Callable[[Clone], object]


def seen(clone: Clone, pattern: str = PATTERN) -> CleanStatus | None:
    return read_clean_status(open_checkout(str(clone.path)), pattern)


def says_git(clone: Clone, pattern: str = PATTERN) -> CleanStatus | None:
    """Return the status by git; None if a workplan differs from HEAD, or is not a plain tracked file."""
    tree = open_checkout(str(clone.path))
    options = ("--porcelain", "--untracked-files=all", "--ignored=no", "--ignore-submodules=all", "--no-renames")
    changed = clone.git("--no-optional-locks", "status", *options, "--", *pathspecs(pattern))
    listing = list_files(tree, pattern)
    if changed or listing.untracked or listing.overlooked or listing.sparse:
        return None
    return CleanStatus(tree.resolve("HEAD^{commit}"), tree.current_branch() or None, listing.paths)


@pytest.fixture
def clone(clone: Clone) -> Clone:
    """A clone with workplans, and an index that is older than now."""
    for name in ("a", "b", "deep/c", "deep/er/d"):
        clone.write(f"workplans/{name}.md", f"{name}\n" * 9)
    clone.write("workplans/notes.txt", "text\n")
    clone.write("src/[slug].py", "pass\n")
    clone.commit()
    settle(clone)
    return clone


def settle(clone: Clone) -> None:
    """Let git look at the files, of which none is as new as the index."""
    for folder, _, names in os.walk(clone.path / "workplans"):
        for name in names:
            os.utime(Path(folder, name), (1, 1), follow_symlinks=False)
    clone.git("update-index", "--refresh", "-q")


def nothing(clone: Clone) -> None:
    pass


def just_written(clone: Clone) -> None:
    clone.write("workplans/a.md", "new\n")
    clone.git("commit", "--quiet", "--all", "--message=x")


def detached(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--detach")


def packed_refs(clone: Clone) -> None:
    clone.git("pack-refs", "--all")


def moved_after_packing(clone: Clone) -> None:
    packed_refs(clone)
    just_written(clone)


def packed(clone: Clone) -> None:
    clone.git("gc", "--quiet")


def in_one_of_several_packs(clone: Clone) -> None:
    for number in range(3):
        clone.git("repack", "-dq")
        clone.git("commit", "--quiet", "--allow-empty", f"--message={number}")
    clone.git("repack", "-dq")
    clone.git("multi-pack-index", "write")


def of_another_name(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "größe/π")


def other_files(clone: Clone) -> None:
    clone.write("README.md", "changed\n")
    clone.write("new.md", "untracked\n")
    clone.write("workplans/deep/new.txt", "untracked\n")


def ignored_elsewhere(clone: Clone) -> None:
    clone.write(".git/info/exclude", "*.log\n")
    clone.write("workplans/x.log", "")


def a_merge(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "other")
    clone.write("workplans/a.md", "theirs\n")
    clone.git("commit", "--quiet", "--all", "--message=x")
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--ff-only", "other")


def names_beyond_ascii(clone: Clone) -> None:
    clone.write("workplans/größe.md", "x\n")
    Path(os.fsdecode(os.fsencode(clone.path) + b"/workplans/\xff.md")).write_text("y\n")
    clone.commit()


def a_linked_folder_elsewhere(clone: Clone) -> None:
    (clone.path / "workplans/link").symlink_to("deep")


SEEN = [
    nothing, just_written, detached, packed_refs, moved_after_packing, packed, in_one_of_several_packs,
    of_another_name, other_files, ignored_elsewhere,
    a_merge, names_beyond_ascii, a_linked_folder_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("state", SEEN)
def test_seen(clone: Clone, git_processes: GitProcesses, state: Arrange) -> None:
    state(clone)
    tree = open_checkout(str(clone.path))
    git_processes.clear()
    found = read_clean_status(tree, PATTERN)
    assert git_processes.calls == []
    assert found is not None
    assert found == says_git(clone)


def test_linked_work_tree(clone: Clone, tmp_path: Path) -> None:
    clone.git("worktree", "add", "--quiet", "-b", "linked", str(tmp_path / "linked"))
    linked = Clone(tmp_path / "linked")
    found = seen(linked)
    assert found is not None
    assert (found, found.branch) == (says_git(linked), "linked")


def test_sha256(clone: Clone, tmp_path: Path) -> None:
    new = Clone(tmp_path / "sha256")
    clone.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main", str(new.path))
    new.write("workplans/a.md", "x\n")
    new.commit()
    found = seen(new)
    assert found is not None
    assert (found, len(found.head)) == (says_git(new), 64)


def unstaged(clone: Clone) -> None:
    clone.write("workplans/a.md", "other\n")


def of_the_same_size_at_once(clone: Clone) -> None:
    """As git's documentation describes a race: the file is changed after the index was written, in the same second."""
    clone.write("workplans/a.md", "old\n")
    clone.git("commit", "--quiet", "--all", "--message=x")
    clone.write("workplans/a.md", "new\n")


def staged(clone: Clone) -> None:
    unstaged(clone)
    clone.git("add", "workplans/a.md")


def staged_and_taken_back(clone: Clone) -> None:
    before = clone.read("workplans/a.md")
    staged(clone)
    (clone.path / "workplans/a.md").write_bytes(before)


def staged_elsewhere(clone: Clone) -> None:
    clone.write("new", "")
    clone.git("add", "new")


def deleted(clone: Clone) -> None:
    (clone.path / "workplans/a.md").unlink()


def removed_from_the_index(clone: Clone) -> None:
    clone.git("rm", "--quiet", "--cached", "workplans/a.md")


def untracked(clone: Clone) -> None:
    clone.write("workplans/deep/er/new.md", "")


def ignored(clone: Clone) -> None:
    clone.write(".git/info/exclude", "new.md\n")
    clone.write("workplans/new.md", "")


def intended(clone: Clone) -> None:
    clone.write("workplans/new.md", "")
    clone.git("add", "--intent-to-add", "workplans/new.md")


def executable(clone: Clone) -> None:
    (clone.path / "workplans/a.md").chmod(0o755)


def a_link(clone: Clone) -> None:
    deleted(clone)
    (clone.path / "workplans/a.md").symlink_to("b.md")


def a_committed_link(clone: Clone) -> None:
    a_link(clone)
    clone.git("commit", "--quiet", "--all", "--message=x")


def a_folder(clone: Clone) -> None:
    deleted(clone)
    clone.write("workplans/a.md/x.txt", "")


def a_folder_behind_a_link(clone: Clone) -> None:
    """The files behind it are the same as before, with all their properties."""
    (clone.path / "workplans").rename(clone.path.parent / "elsewhere")
    (clone.path / "workplans").symlink_to(clone.path.parent / "elsewhere")


def a_lower_folder_behind_a_link(clone: Clone) -> None:
    (clone.path / "workplans/deep").rename(clone.path / "deep")
    (clone.path / "workplans/deep").symlink_to("../deep")


def a_repository(clone: Clone) -> None:
    clone.git("init", "--quiet", str(clone.path / "workplans/inner"))


def overlooked(clone: Clone) -> None:
    clone.git("update-index", "--assume-unchanged", "workplans/a.md")
    unstaged(clone)


def skipped(clone: Clone) -> None:
    clone.git("update-index", "--skip-worktree", "workplans/a.md")


def sparse(clone: Clone) -> None:
    clone.git("sparse-checkout", "set", "src")


def unmerged(clone: Clone) -> None:
    lines = [f"100644 {clone.git('rev-parse', 'HEAD:README.md')} {stage}\tworkplans/a.md" for stage in (1, 2, 3)]
    clone.git("update-index", "--index-info", input="".join(f"{line}\n" for line in lines))


def no_index(clone: Clone) -> None:
    (clone.path / ".git/index").unlink()


def no_commit(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "new")


def packed_as_a_delta(clone: Clone) -> None:
    """Let HEAD's commit be nearly the bytes of an older and larger one."""
    text = "".join(f"{number}\n" for number in range(200))
    for message in (text * 2, text):
        clone.git("commit", "--quiet", "--allow-empty", f"--message={message}")
    clone.git("gc", "--quiet")
    (index,) = (clone.path / ".git/objects/pack").glob("*.idx")
    assert f"{clone.head} commit" in (listed := clone.git("verify-pack", "-v", str(index)))
    assert len(next(line for line in listed.splitlines() if line.startswith(clone.head)).split()) == 7


def packed_with_an_old_index(clone: Clone) -> None:
    clone.git("config", "pack.indexVersion", "1")
    clone.git("gc", "--quiet")


def packed_elsewhere(clone: Clone) -> None:
    """Let HEAD's objects be those of another repository."""
    clone.git("clone", "--quiet", "--bare", ".", "../objects.git")
    (clone.path / ".git/objects/info/alternates").write_text(str(clone.path.parent / "objects.git/objects"))
    for folder in (clone.path / ".git/objects").glob("??"):
        shutil.rmtree(folder)


def packed_and_cut_off(clone: Clone) -> None:
    clone.git("gc", "--quiet")
    (pack,) = (clone.path / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, 12)


def packed_with_an_index_cut_off(clone: Clone) -> None:
    clone.git("gc", "--quiet")
    (index,) = (clone.path / ".git/objects/pack").glob("*.idx")
    index.chmod(0o644)
    os.truncate(index, 1100)


def replaced(clone: Clone) -> None:
    """Let another tree be HEAD's."""
    just_written(clone)
    clone.git("replace", "HEAD", "HEAD^")


def replaced_and_packed(clone: Clone) -> None:
    replaced(clone)
    packed_refs(clone)


def starred(clone: Clone) -> None:
    """A pattern also matches to the letter."""
    clone.write("workplans/**/*.md/x.txt", "")
    clone.commit()


def split_index(clone: Clone) -> None:
    clone.git("update-index", "--split-index")


def a_symbolic_branch(clone: Clone) -> None:
    clone.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    clone.git("symbolic-ref", "HEAD", "refs/heads/alias")


def head_behind(clone: Clone) -> None:
    just_written(clone)
    clone.git("update-ref", "HEAD", "HEAD^")


def a_folder_like_a_workplan(clone: Clone) -> None:
    clone.git("init", "--quiet", str(clone.path / "workplans/inner.md"))


LEFT_TO_GIT = [
    unstaged, of_the_same_size_at_once, staged, staged_and_taken_back, staged_elsewhere, deleted,
    removed_from_the_index, untracked, ignored, intended, executable, a_link, a_committed_link, a_folder,
    a_folder_behind_a_link, a_lower_folder_behind_a_link, a_repository, a_folder_like_a_workplan,
    overlooked, skipped, sparse, unmerged, no_index,
    no_commit, packed_as_a_delta, packed_with_an_old_index, packed_elsewhere, packed_and_cut_off,
    packed_with_an_index_cut_off, replaced, replaced_and_packed, starred, split_index, a_symbolic_branch, head_behind,
]  # fmt: skip


@pytest.mark.parametrize("state", LEFT_TO_GIT)
def test_left_to_git(clone: Clone, state: Arrange) -> None:
    assert seen(clone) is not None
    state(clone)
    assert seen(clone) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "workplans/**/*.md", "workplans/*.md", "**/*.md", "*.md", "work*/**", "**", "**/deep/**/*.md", "*/*/*.md",
        "workplans/**/d*.md", "workplans/**/*.md\nsrc/*", "workplans/**/*.md\n:!workplans/deep/**", "none/**/*.md",
        "workplans/a*a.md", "workplans/deep/**/**/*.md",
    ],
)  # fmt: skip
def test_patterns(clone: Clone, pattern: str) -> None:
    found = seen(clone, pattern)
    assert found is not None
    assert found == says_git(clone, pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "workplans/a.md", "workplans", "workplans/?.md", "workplans/[ab].md", "workplans/\\*.md", "workplans/a**.md",
        "workplans/***/a.md", "workplans//*.md", "./*.md", "workplans/../*.md", "workplans/**/*.md\n:!workplans/deep",
    ],
)  # fmt: skip
def test_pattern_that_is_left_to_git(clone: Clone, pattern: str) -> None:
    assert seen(clone, pattern) is None


@pytest.mark.parametrize(("limit", "is_seen"), [(7, True), (6, False)])
def test_most_files(clone: Clone, monkeypatch: pytest.MonkeyPatch, limit: int, is_seen: bool) -> None:
    monkeypatch.setattr(clean_status, "MAX_FOUND", limit)
    assert (seen(clone) is not None) is is_seen


@pytest.mark.parametrize(("limit", "is_seen"), [(4, True), (0, False)])
def test_most_packs(clone: Clone, monkeypatch: pytest.MonkeyPatch, limit: int, is_seen: bool) -> None:
    in_one_of_several_packs(clone)
    monkeypatch.setattr(objects, "MAX_PACKS", limit)
    assert (seen(clone) is not None) is is_seen


@pytest.mark.parametrize(("limit", "is_seen"), [(4, True), (3, False)])
def test_most_bytes_of_files_as_new_as_the_index(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, limit: int, is_seen: bool
) -> None:
    just_written(clone)  # 4 bytes
    monkeypatch.setattr(clean_status, "MAX_RACY_BYTES", limit)
    assert (seen(clone) is not None) is is_seen


def write_one(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one\n")


def write_two(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("two\n")


def remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def touch(file: Path) -> None:
    if file.exists():
        os.utime(file, (1, 1))


def make_executable(file: Path) -> None:
    if file.exists():
        file.chmod(0o755)


CHANGES = [write_one, write_two, remove, touch, make_executable]
COMMANDS = [
    "add FILE", "add --all", "rm --cached FILE", "update-index --add FILE", "update-index --refresh -q --unmerged",
    "commit --all --allow-empty --message=x", "commit --allow-empty --message=x", "reset --hard", "reset HEAD~1",
    "reset --soft HEAD~1", "stash --include-untracked", "checkout --force -B other HEAD~1",
    "checkout --force --detach main", "checkout --force main", "pack-refs --all", "read-tree HEAD",
    "repack -adq", "repack -dq",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_seen_is_what_git_says_after_any_steps(clone: Clone, seed: int) -> None:
    chance = random.Random(seed)
    names = ["workplans/a.md", "workplans/deep/c.md", "workplans/new.md", "README.md"]
    for _ in range(3):
        clone.git("commit", "--quiet", "--allow-empty", "--message=x")
    for number in range(40):
        name = chance.choice(names)
        chance.choice(CHANGES)(clone.path / name)
        with suppress(AssertionError):  # git refuses some in some states.
            clone.git(*chance.choice(COMMANDS).replace("FILE", name).split())
        found = seen(clone)
        assert found is None or found == says_git(clone), number
    (clone.path / ".git/index").unlink()
    clone.git("reset", "--quiet", "--hard")
    clone.git("clean", "--quiet", "-ffdx")
    clone.write("workplans/last.md", "x\n")
    clone.commit()
    found = seen(clone)
    assert found is not None
    assert found == says_git(clone)
