"""A plain clone is recognised by its settings, in one process; for all others git is asked for the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.config import read_config
from consistency.git.process import GitError
from consistency.git.worktree import NotAWorkTreeError, WorkTree, find_worktree
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin

Layout = Callable[[Clone], Path]


def plain(clone: Clone) -> WorkTree | None:
    return read_config(str(clone.path)).plain_worktree()


def asked(path: Path) -> WorkTree | None:
    """Return the work tree whose top *path* is, as git says; None if it is none."""
    try:
        tree = find_worktree(str(path))
    except NotAWorkTreeError:
        return None
    if not os.path.samefile(tree.top, path):
        return None
    return tree._replace(common_dir=os.path.realpath(tree.common_dir))


def as_it_is(clone: Clone) -> Path:
    return clone.path


def behind_a_link(clone: Clone) -> Path:
    link = clone.path.parent / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(clone.path)
    return link


def shallow(clone: Clone) -> Path:
    for _ in range(2):
        clone.commit()
    cut = clone.path.with_name("cut")
    clone.git("clone", "--quiet", "--depth=1", f"file://{clone.path}", str(cut))
    return cut


def with_worktree_config(clone: Clone) -> Path:
    clone.git("config", "extensions.worktreeConfig", "true")
    return clone.path


def inside_another(clone: Clone) -> Path:
    inner = clone.path / "inner"
    clone.git("clone", "--quiet", str(clone.path), str(inner))
    return inner


def of_sha256(clone: Clone) -> Path:
    new = clone.path.with_name("sha256")
    clone.git("init", "--quiet", "--object-format=sha256", str(new))
    return new


@pytest.mark.parametrize(
    "layout", [as_it_is, behind_a_link, shallow, with_worktree_config, inside_another, of_sha256],
)  # fmt: skip
def test_plain_clone(clone: Clone, layout: Layout, git_processes: GitProcesses) -> None:
    path = layout(clone)
    expected = asked(path)
    git_processes.clear()
    assert plain(Clone(path)) == expected is not None
    assert len(git_processes) == 1


def linked(clone: Clone) -> Path:
    clone.git("worktree", "add", "--quiet", str(clone.path.with_name("linked")))
    return clone.path.with_name("linked")


def separate(clone: Clone) -> Path:
    clone.git("init", "--quiet", f"--separate-git-dir={clone.path.with_name('separate.git')}")
    return clone.path


def git_folder_is_a_link(clone: Clone) -> Path:
    (clone.path / ".git").rename(clone.path.with_name("moved.git"))
    (clone.path / ".git").symlink_to(clone.path.with_name("moved.git"))
    return clone.path


def work_tree_elsewhere(clone: Clone) -> Path:
    clone.git("config", "core.worktree", str(clone.path.parent))
    return clone.path


def work_tree_elsewhere_for_this_one(clone: Clone) -> Path:
    clone.git("config", "extensions.worktreeConfig", "true")
    clone.git("config", "--worktree", "core.worktree", str(clone.path.parent))
    return clone.path


def without_a_work_tree(clone: Clone) -> Path:
    clone.git("config", "core.bare", "true")
    return clone.path


def bare(clone: Clone) -> Path:
    clone.git("clone", "--quiet", "--bare", str(clone.path), str(clone.path.with_name("bare.git")))
    return clone.path.with_name("bare.git")


def bare_but_called_otherwise(clone: Clone) -> Path:
    path = bare(clone)
    Clone(path).git("config", "core.bare", "false")
    (path / ".git").mkdir()
    return path


def folder_inside(clone: Clone) -> Path:
    (clone.path / "folder").mkdir()
    return clone.path / "folder"


def folder_with_something_called_git(clone: Clone) -> Path:
    (clone.path / "folder" / ".git").mkdir(parents=True, exist_ok=True)
    return clone.path / "folder"


def folder_behind_a_link(clone: Clone) -> Path:
    folder = folder_with_something_called_git(clone)
    link = clone.path.parent / "elsewhere"
    link.symlink_to(folder)
    return link


def head_is_broken(clone: Clone) -> Path:
    clone.write(".git/HEAD", "nonsense\n")
    return clone.path


def of_a_later_version(clone: Clone) -> Path:
    clone.git("config", "core.repositoryFormatVersion", "99")
    return clone.path


def with_an_extension_of_later(clone: Clone) -> Path:
    clone.git("config", "core.repositoryFormatVersion", "1")
    clone.git("config", "extensions.ofLater", "true")
    return clone.path


def without_format_version(clone: Clone) -> Path:
    clone.git("config", "--unset", "core.repositoryFormatVersion")
    return clone.path


def of_another_user(clone: Clone) -> Path:
    if os.geteuid():
        pytest.skip("only root may give files away")
    for path in (clone.path, clone.path / ".git"):
        os.chown(path, 12345, 12345)
    return clone.path


def line_end_in_its_name(clone: Clone) -> Path:
    return clone.path.rename(clone.path.with_name("a\nb"))


def separator_above_a_folder(clone: Clone) -> Path:
    (clone.path / "a:b" / "folder" / ".git").mkdir(parents=True, exist_ok=True)
    return clone.path / "a:b" / "folder"


@pytest.mark.parametrize(
    "layout",
    [
        linked, separate, git_folder_is_a_link, work_tree_elsewhere, work_tree_elsewhere_for_this_one,
        without_a_work_tree, bare, bare_but_called_otherwise, folder_inside, folder_with_something_called_git,
        folder_behind_a_link, of_a_later_version, with_an_extension_of_later, without_format_version, head_is_broken,
        of_another_user, line_end_in_its_name, separator_above_a_folder,
    ],
)  # fmt: skip
def test_git_must_say(clone: Clone, layout: Layout) -> None:
    path = layout(clone)
    try:
        assert plain(Clone(path)) is None
    except GitError:
        assert asked(path) is None


def test_settings_of_a_repository_around_it_are_not_its_own(clone: Clone) -> None:
    assert "remote.origin.url" in read_config(str(clone.path)).values
    assert read_config(str(folder_with_something_called_git(clone))).values == {}
    assert read_config(str(folder_behind_a_link(clone))).values == {}


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"cannot change to '.*/gone': No such file or directory"):
        read_config(str(tmp_path / "gone"))


def test_all_values_in_gits_order(clone: Clone, origin: Origin) -> None:
    clone.git("config", "--add", "remote.origin.url", "second\nline")
    clone.git("config", "core.sshCommand", "one")
    clone.git("config", "--add", "core.sshCommand", "two")
    config = read_config(str(clone.path))
    assert config.values["remote.origin.url"] == [str(origin.path), "second\nline"]
    assert (config.last("core.sshcommand"), config.last("no.such", "none")) == ("two", "none")
