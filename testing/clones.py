"""Clones of the hub's own in tests: their folder, and the servers that they come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from testing.gitserver import GitServer, git_server
from testing.repos import Clone
from testing.sshd import SshServer, ssh_server


@pytest.fixture
def clones(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the hub's own clones, for this test alone; processes that it starts use it too."""
    folder = tmp_path / "clones"
    settings.STATEHUB_CLONES = folder
    monkeypatch.setenv("STATEHUB_CLONES", str(folder))
    return folder


def only_clone(folder: Path) -> Clone:
    """Return the only clone in *folder*."""
    (found,) = [each for each in folder.iterdir() if each.is_dir() and each.name[0] != "."]
    return Clone(found)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshServer]:
    """Start an sshd that no key is allowed at yet."""
    with ssh_server(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """Start an https server of the repositories of this test; git trusts its certificate."""
    with git_server(tmp_path, tmp_path / "https") as server:
        home = tmp_path / "home"
        home.mkdir()
        settings = (Path(os.environ["HOME"]) / ".gitconfig").read_text()
        trusted = f'[http "{server.site}"]\n\tsslCAInfo = {server.certificate}\n'
        (home / ".gitconfig").write_text(settings + trusted)
        monkeypatch.setenv("HOME", str(home))
        yield server
