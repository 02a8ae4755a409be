"""Which repositories are found below a folder, and which of them are left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.git.clones import FoundClone, find_clones
from testing.repos import Clone, Origin


def found(folder: Path) -> list[tuple[str, str]]:
    """List path below *folder* and the reason why it is left out, of each."""
    return [(os.path.relpath(each.path, folder), each.skipped) for each in find_clones(str(folder))]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (folder := tmp_path / "work").mkdir()
    return folder


def clone_to(origin: Origin, path: Path, *options: str) -> Clone:
    path.parent.mkdir(parents=True, exist_ok=True)
    origin.git("clone", "--quiet", *options, str(origin.path), str(path))
    return Clone(path)


def test_clones_in_the_order_of_their_names(origin: Origin, top: Path) -> None:
    for name in ("b/two", "a", "b/one", "c/d/e/f"):
        clone_to(origin, top / name)
    assert found(top) == [("a", ""), ("b/one", ""), ("b/two", ""), ("c/d/e/f", "")]


def test_folder_that_is_a_clone_itself(origin: Origin, top: Path) -> None:
    clone = clone_to(origin, top / "home")
    clone_to(origin, top / "home" / "src" / "one")
    clone_to(origin, top / "home" / "src" / "one" / "vendor" / "two")
    assert found(clone.path) == [(".", ""), ("src/one", "")]
    assert found(top) == [("home", "")]


def test_what_is_not_a_clone_of_its_own(origin: Origin, top: Path) -> None:
    clone_to(origin, top / "bare.git", "--bare")
    main = clone_to(origin, top / "main")
    main.git("worktree", "add", "--quiet", str(top / "linked"))
    main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin.path), "sub")
    clone_to(origin, top / "apart", f"--separate-git-dir={top / '.elsewhere'}")
    linked = f"a linked work tree of another clone; register_repo {top / 'linked'} registers it"
    assert found(top) == [
        ("apart", ""),
        ("bare.git", "a bare repository has no work tree"),
        ("linked", linked),
        ("main", ""),
    ]
    assert found(main.path) == [(".", ""), ("sub", "a submodule belongs to the repository around it")]


def test_folders_that_are_not_entered(origin: Origin, top: Path) -> None:
    for name in ("node_modules/x", ".cache/x", "web/node_modules/y", "venv/z", "site-packages/q"):
        clone_to(origin, top / name)
    assert found(top) == []


def test_links_are_not_followed(origin: Origin, top: Path, tmp_path: Path) -> None:
    clone_to(origin, tmp_path / "outside")
    (top / "loop").symlink_to(top)
    (top / "outside").symlink_to(tmp_path / "outside")
    clone_to(origin, top / "inside")
    assert found(top) == [("inside", "")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_folder_that_cannot_be_read(top: Path) -> None:
    (top / "closed").mkdir(mode=0)
    try:
        assert list(find_clones(str(top))) == [FoundClone(str(top / "closed"), "cannot be read: Permission denied")]
    finally:
        (top / "closed").chmod(0o700)


def test_folder_that_is_gone(top: Path) -> None:
    assert list(find_clones(str(top / "away"))) == [
        FoundClone(str(top / "away"), "cannot be read: No such file or directory")
    ]
