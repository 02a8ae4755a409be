"""A file is replaced in one step, or not at all."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from pathlib import Path

import pytest

from consistency.git.atomicfile import (
    FileChangedError,
    move_into_place,
    replace_file,
    stage_files,
    temporary_beside,
)
from consistency.git.files import digest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def replace(file: Path, data: bytes) -> None:
    replace_file(str(file), digest(b"old"), data)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664, 0o4750])
def test_bytes_and_mode(file: Path, mode: int) -> None:
    file.chmod(mode)
    replace(file, b"\xff\r\n\0")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"\xff\r\n\0", mode)
    assert os.listdir(file.parent) == ["file"]


def test_umask_does_not_matter(file: Path) -> None:
    file.chmod(0o666)
    before = os.umask(0o077)
    try:
        replace(file, b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_owner_is_kept(file: Path) -> None:
    os.chown(file, 65534, 65533)
    replace(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65533)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user and back")
def test_owner_that_cannot_be_kept() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        file = Path(name, "file")
        file.write_bytes(b"old")
        os.chown(file, 65533, 65533)
        file.parent.chmod(0o777)
        file.chmod(0o666)
        os.seteuid(65534)
        try:
            replace(file, b"new")
        finally:
            os.seteuid(0)
        assert (file.read_bytes(), file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (b"new", 65534, 0o666)


def test_what_somebody_has_changed_stays(file: Path) -> None:
    file.write_bytes(b"mine")
    with pytest.raises(FileChangedError, match="the file was changed during this run"):
        replace(file, b"new")
    assert (file.read_bytes(), os.listdir(file.parent)) == (b"mine", ["file"])


def test_file_that_was_deleted_stays_so(file: Path) -> None:
    file.unlink()
    with pytest.raises(FileNotFoundError):
        replace(file, b"new")
    assert os.listdir(file.parent) == []


def test_link_that_took_the_files_place_stays(file: Path) -> None:
    (file.parent / "target").write_bytes(b"old")
    file.unlink()
    file.symlink_to("target")
    with pytest.raises(FileChangedError):
        replace(file, b"new")
    assert (file.is_symlink(), (file.parent / "target").read_bytes()) == (True, b"old")


def test_leftover_of_a_killed_process_is_no_obstacle(file: Path) -> None:
    Path(temporary_beside(str(file))).write_bytes(b"half")
    replace(file, b"new")
    assert (file.read_bytes(), os.listdir(file.parent)) == (b"new", ["file"])


def test_no_room(file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            replace(file, b"x" * (2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (file.read_bytes(), os.listdir(file.parent)) == (b"old", ["file"])


def move(file: Path, data: bytes, folder: Path) -> None:
    """Replace *file*, which was b"old", by *data*, which is staged in *folder*."""
    staged = str(folder / "0.new")
    stage_files({staged: data})
    move_into_place(staged, str(file), digest(b"old"))


def test_staged_file_takes_the_place_with_mode_and_bytes(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("staged")
    file.chmod(0o4750)
    move(file, b"\xff\r\n\0", folder)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"\xff\r\n\0", 0o4750)
    assert (os.listdir(file.parent), os.listdir(folder)) == (["file"], [])


def test_staged_on_another_file_system(file: Path) -> None:
    device = file.stat().st_dev
    others = [path for path in ("/dev/shm", "/tmp") if os.access(path, os.W_OK) and os.stat(path).st_dev != device]
    if not others:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        file.chmod(0o640)
        move(file, b"new", Path(folder))
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode), os.listdir(file.parent)) == (b"new", 0o640, ["file"])


def test_staged_file_replaces_nothing_that_somebody_has_changed(
    file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("staged")
    file.write_bytes(b"mine")
    with pytest.raises(FileChangedError, match="the file was changed during this run"):
        move(file, b"new", folder)
    assert (file.read_bytes(), os.listdir(file.parent), os.listdir(folder)) == (b"mine", ["file"], ["0.new"])
