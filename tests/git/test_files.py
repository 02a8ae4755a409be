"""Files are read for what they are: inside the repo, regular, within the limit."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from consistency.git.files import READER_VERSION, ReadFile, digest, digest_of, read_files, text_digest

LIMIT = 100
OUT = "a link that leads out of the repo"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "w").mkdir(parents=True)
    return folder


def read(top: Path, *paths: str, limit: int = LIMIT) -> list[ReadFile]:
    return list(read_files(str(top), list(paths), limit))


def fault(top: Path, path: str, *others: str) -> str:
    found = [file for file in read(top, path, *others) if file.path == path]
    assert [file.data for file in found] == [None]
    return found[0].fault


def test_bytes_as_they_are(top: Path) -> None:
    data = bytes(range(100))
    (top / "w" / "a.md").write_bytes(data)
    (top / "w" / "empty.md").touch()
    assert read(top, "w/a.md", "w/empty.md") == [ReadFile("w/a.md", data), ReadFile("w/empty.md", b"")]


def test_file_that_is_gone_is_left_out(top: Path) -> None:
    (top / "file").touch()
    assert read(top, "w/gone.md", "gone/gone.md", "file/gone.md") == []


def test_file_that_vanishes_after_the_listing(top: Path) -> None:
    for name in ("a", "b"):
        (top / f"{name}.md").write_text(name)
    reading = read_files(str(top), ["a.md", "b.md"], LIMIT)
    assert next(reading) == ReadFile("a.md", b"a")
    (top / "b.md").unlink()
    assert list(reading) == []


def test_system_that_gives_a_part_at_first(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"0123456789" * 5
    (top / "a.md").write_bytes(content)
    read_all = os.read
    monkeypatch.setattr("os.read", lambda descriptor, size: read_all(descriptor, min(size, 7)))
    assert read(top, "a.md") == [ReadFile("a.md", content)]
    monkeypatch.setattr("os.read", lambda *_: b"")
    assert read(top, "a.md") == [ReadFile("a.md", content)]
    assert read(top, "a.md", limit=49) == [ReadFile("a.md", None, "larger than the limit of 49 bytes")]


def test_size_at_and_over_the_limit(top: Path) -> None:
    (top / "at.md").write_bytes(b"x" * LIMIT)
    (top / "over.md").write_bytes(b"x" * (LIMIT + 1))
    assert read(top, "at.md")[0].data == b"x" * LIMIT
    assert fault(top, "over.md") == "larger than the limit of 100 bytes"


def test_huge_file_is_not_read(top: Path) -> None:
    with (top / "huge.md").open("wb") as file:
        file.truncate(1 << 40)
    assert fault(top, "huge.md") == "larger than the limit of 100 bytes"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a file whose size is given as 0")
def test_file_that_is_longer_than_it_was_when_opened() -> None:
    # Files of /proc have the size 0: for the reader, they grow while they are read.
    proc = Path("/proc/self")
    [file] = read(proc, "cmdline", limit=100_000)
    assert file.data == Path("/proc/self/cmdline").read_bytes()
    assert fault(proc, "smaps") == "larger than the limit of 100 bytes"


def test_link_inside_the_repo(top: Path) -> None:
    (top / "plan.md").write_text("x")
    (top / "w" / "link.md").symlink_to("../plan.md")
    assert read(top, "w/link.md") == [ReadFile("w/link.md", b"x")]


def test_link_to_another_listed_file_is_left_out(top: Path) -> None:
    (top / "w" / "a.md").write_text("x")
    (top / "w" / "link.md").symlink_to("a.md")
    (top / "w" / "twice.md").symlink_to("link.md")
    assert read(top, "w/a.md", "w/link.md", "w/twice.md") == [ReadFile("w/a.md", b"x")]


@pytest.mark.parametrize("target", ["../../secret", "/etc/hostname", "../../nowhere", "../../repo-2/x", "../.."])
def test_link_that_leads_out(top: Path, target: str) -> None:
    (top.parent / "secret").write_text("x")
    (top.parent / "repo-2").mkdir()
    (top.parent / "repo-2" / "x").write_text("x")
    (top / "w" / "link.md").symlink_to(target)
    assert fault(top, "w/link.md") == OUT


def test_link_that_leads_out_by_way_of_another(top: Path) -> None:
    (top / "w" / "out").symlink_to("../..")
    (top.parent / "secret").write_text("x")
    (top / "w" / "link.md").symlink_to("out/secret")
    assert fault(top, "w/link.md") == OUT


def test_dangling_link(top: Path) -> None:
    (top / "w" / "link.md").symlink_to("nothing.md")
    assert fault(top, "w/link.md") == "a link to a file that is not there"
    assert fault(top, "w/link.md", "w/nothing.md") == "a link to a file that is not there"


def test_links_in_a_circle(top: Path) -> None:
    (top / "w" / "self.md").symlink_to("self.md")
    (top / "w" / "a.md").symlink_to("b.md")
    (top / "w" / "b.md").symlink_to("a.md")
    assert [file.fault for file in read(top, "w/self.md", "w/a.md", "w/b.md")] == [
        "a link to a file that is not there"
    ] * 3


def test_folder_that_became_a_link(top: Path) -> None:
    (top.parent / "outside").mkdir()
    (top.parent / "outside" / "x.md").write_text("secret")
    (top / "plans").mkdir()
    (top / "plans" / "x.md").write_text("x")
    (top / "out").symlink_to("../outside")
    (top / "in").symlink_to("plans")
    (top / "round").symlink_to("round")
    assert fault(top, "out/x.md") == OUT
    (top / "deep").mkdir()
    (top / "deep" / "top").symlink_to("../../repo")
    assert read(top, "in/x.md", "deep/top/plans/x.md") == []
    assert fault(top, "round/x.md").startswith("cannot be read: ")


def test_repo_by_way_of_a_link(top: Path) -> None:
    (top / "a.md").write_text("x")
    (top.parent / "link").symlink_to(top)
    assert read(top.parent / "link", "a.md") == [ReadFile("a.md", b"x")]


def test_what_is_no_regular_file(top: Path) -> None:
    (top / "folder.md").mkdir()
    os.mkfifo(top / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(top)  # names of sockets must be short
        try:
            server.bind("socket.md")
        finally:
            os.chdir(here)
        assert fault(top, "socket.md").startswith("cannot be read: ")
    assert fault(top, "folder.md") == "not a regular file"
    assert fault(top, "pipe.md") == "not a regular file"


def test_link_to_a_device_in_the_repo(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a device")
    try:
        os.mknod(top / "null.md", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices here")
    (top / "w" / "link.md").symlink_to("../null.md")
    assert {fault(top, "null.md"), fault(top, "w/link.md")} <= {
        "not a regular file",
        "cannot be read: Permission denied",
    }


def test_unreadable(top: Path) -> None:
    (top / "a.md").write_text("x")
    (top / "a.md").chmod(0)
    if os.access(top / "a.md", os.R_OK):
        pytest.skip("root may read every file")
    assert fault(top, "a.md") == "cannot be read: Permission denied"


def test_name_that_is_not_utf8(top: Path) -> None:
    assert fault(top, os.fsdecode(b"caf\xe9.md")) == "its name is not UTF-8; rename it"


def test_name_beyond_the_systems_limit(top: Path) -> None:
    assert fault(top, "x" * 300) == "cannot be read: File name too long"


def test_digest_is_of_the_bytes_and_of_how_they_are_read() -> None:
    assert digest(b"x") == hashlib.sha256(READER_VERSION + b"x").hexdigest()
    assert digest(b"x") != hashlib.sha256(b"x").hexdigest()
    assert len({digest(b""), digest(b"x"), digest(b"x\n")}) == 3


def test_digest_of_text_is_the_same_with_every_line_end() -> None:
    texts = b"", b"a\nb\n", b"a\r\nb\n", b"a\rb\n", b"a\r\rb\r\n\r\n"
    assert [text_digest(text) for text in texts] == [
        hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest() for text in texts
    ]
    assert text_digest(texts[1]) == text_digest(texts[2]) != text_digest(texts[3])


def test_digest_of_a_file(top: Path) -> None:
    (top / "a").write_bytes(b"x")
    (top / "link").symlink_to("a")
    os.mkfifo(top / "pipe")
    assert [digest_of(str(top / name)) for name in ("a", "link", "pipe", "gone", "w")] == [digest(b"x")] + [None] * 4
