"""Fixtures for one checkout: its work tree, and hooks in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.worktree import WorkTree, open_checkout
from testing.repos import Clone


@pytest.fixture
def tree(clone: Clone) -> WorkTree:
    return open_checkout(str(clone.path))


@pytest.fixture
def hook(clone: Clone) -> Callable[[str, str], Path]:
    """Write a shell script as a hook of `clone`; the value is its file."""

    def write(name: str, script: str) -> Path:
        file = clone.write(f".git/hooks/{name}", f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return write


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write an executable shell script; the value is its file."""

    def write(name: str, script: str) -> Path:
        file = tmp_path / "programs" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return write
