"""register_repo --protocol: the session protocol in a file of the checkout."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from consistency.cli.session_protocol import TEMPLATE
from consistency.core.marked_section import BEGIN, END, render
from consistency.git.lock import locked
from consistency.git.worktree import open_checkout
from statehub.models import Repo
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from tests.cli.helpers import run

pytestmark = pytest.mark.usefixtures("hub")


def section(slug: str = "clone", workplans: str = "workplans/**/*.md") -> bytes:
    """Return the markers, and what is to stand between them."""
    return BEGIN + b"\n" + render(TEMPLATE.read_text("utf-8"), slug, workplans).encode() + END


UNMATCHED = "no file matches the repo's workplan pattern 'workplans/**/*.md'\n"
"""Message of a registration of a repo without workplans."""


def keep(clone: Clone, file: str | Path = "CLAUDE.md", *options: str) -> Ended:
    return run("register_repo", clone.path, "--protocol", file, *options)


def says(clone: Clone, file: str | Path, line: str) -> None:
    """Check that the command on a known checkout says *line* of the protocol."""
    known = f"{clone.path} is registered already, as 'clone' (0 files match)\n"
    assert keep(clone, file) == Ended(0, f"{known}{line}\n", UNMATCHED)


def everything(clone: Clone) -> dict[str, bytes | str]:
    """Return all files of the work tree, git's own left out, with what they hold or where they lead."""
    paths = [path for path in clone.path.rglob("*") if ".git" not in path.parts]
    return {
        str(path.relative_to(clone.path)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in paths
        if path.is_symlink() or path.is_file()
    }


def refused(clone: Clone, file: str | Path, why: str) -> None:
    """Check that nothing is registered or written, and one line says why."""
    before, head = everything(clone), clone.head
    assert keep(clone, file) == Ended(2, "", f"error: {why}\n")
    assert not Repo.objects.exists()
    assert (everything(clone), clone.head) == (before, head)


def test_protocol_is_written_added_and_renewed(hub: Hub, clone: Clone) -> None:
    head = clone.head
    ended = hub.manage("register_repo", clone.path, "--protocol", "CLAUDE.md")
    new = f"registered {clone.path} as 'clone', workplans: workplans/**/*.md"
    assert (ended.exit, ended.stderr, ended.stdout.startswith(new)) == (0, UNMATCHED, True)
    assert ended.stdout.splitlines()[1:] == ["CLAUDE.md: created with the session protocol; commit it"]
    assert clone.read("CLAUDE.md") == section() + b"\n"
    says(clone, "CLAUDE.md", "CLAUDE.md: the session protocol is up to date")
    says(clone, "README.md", "README.md: the session protocol was added; commit it")
    assert clone.read("README.md") == b"# A repo\n\n" + section() + b"\n"
    clone.write("README.md", clone.read("README.md").replace(b"## Session", b"## My own session") + b"\nMore")
    says(clone, "README.md", "README.md: the session protocol was updated; commit it")
    assert clone.read("README.md") == b"# A repo\n\n" + section() + b"\n\nMore"
    assert (clone.head, clone.status()) == (head, [" M README.md", "?? CLAUDE.md"])


def test_protocol_follows_slug_and_workplans(clone: Clone) -> None:
    assert keep(clone, "CLAUDE.md", "--slug", "net-kingdom").exit == 0
    assert clone.read("CLAUDE.md") == section("net-kingdom") + b"\n"
    ended = keep(clone, "CLAUDE.md", "--workplans", "a`b-->/*.md")
    assert ended.stdout.splitlines()[1:] == ["CLAUDE.md: the session protocol was updated; commit it"]
    assert clone.read("CLAUDE.md") == section("net-kingdom", "a`b-->/*.md") + b"\n"


def test_file_keeps_what_is_its_own(clone: Clone) -> None:
    text = b"\xef\xbb\xbf# Rules\r\n\r\n" + BEGIN + b"\r\nold\r\n" + END + b"\r\n\r\nthe \xc3\xa9nd"
    file = clone.write("CLAUDE.md", text)
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65533)
    owner = (file.stat().st_uid, file.stat().st_gid)
    assert keep(clone).exit == 0
    block = section().replace(b"\n", b"\r\n")
    assert clone.read("CLAUDE.md") == b"\xef\xbb\xbf# Rules\r\n\r\n" + block + b"\r\n\r\nthe \xc3\xa9nd"
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid, file.stat().st_gid) == (0o640, *owner)
    assert sorted(os.listdir(clone.path)) == [".git", "CLAUDE.md", "README.md"]


def test_file_that_is_up_to_date_is_not_touched(clone: Clone) -> None:
    keep(clone)
    file = clone.path / "CLAUDE.md"
    os.utime(file, (1, 1))
    before = (file.stat().st_ino, file.stat().st_mtime)
    says(clone, "CLAUDE.md", "CLAUDE.md: the session protocol is up to date")
    assert (file.stat().st_ino, file.stat().st_mtime) == before == (before[0], 1)


def test_new_file_has_the_mode_of_the_umask(clone: Clone) -> None:
    before = os.umask(0o027)
    try:
        assert keep(clone).exit == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((clone.path / "CLAUDE.md").stat().st_mode) == 0o640


def test_file_in_a_folder_by_any_path_that_leads_there(clone: Clone) -> None:
    clone.write("docs/a.md", "# A\n")
    run("register_repo", clone.path / "docs")
    says(clone, "docs/a.md", "docs/a.md: the session protocol was added; commit it")
    says(clone, "./docs//a.md", "docs/a.md: the session protocol is up to date")
    says(clone, clone.path / "docs/a.md", "docs/a.md: the session protocol is up to date")
    assert clone.read("docs/a.md") == b"# A\n\n" + section() + b"\n"


def test_link_inside_the_repo_is_followed_and_stays(clone: Clone) -> None:
    clone.write("docs/AGENTS.md", "# A\n")
    (clone.path / "CLAUDE.md").symlink_to("docs/AGENTS.md")
    (clone.path / "other").symlink_to("docs")
    run("register_repo", clone.path)
    says(clone, "CLAUDE.md", "docs/AGENTS.md: the session protocol was added; commit it")
    says(clone, "other/AGENTS.md", "docs/AGENTS.md: the session protocol is up to date")
    assert everything(clone) == {
        "CLAUDE.md": "docs/AGENTS.md",
        "README.md": b"# A repo\n",
        "docs/AGENTS.md": b"# A\n\n" + section() + b"\n",
        "other": "docs",
    }


def test_no_path(clone: Clone) -> None:
    refused(clone, "", "an argument is empty: protocol")


@pytest.mark.parametrize("file", [".", "../x.md", "docs/../../x.md", "docs/../x.md", "/etc/x.md", "..", "/"])
def test_path_that_is_not_in_the_repo(clone: Clone, file: str) -> None:
    clone.write("docs/a.md", "")
    refused(clone, file, f"'{file}' is not a file inside the repository, such as CLAUDE.md")
    assert not (clone.path.parent / "x.md").exists()


def test_folder_whose_name_begins_like_the_repos(clone: Clone, origin: Origin) -> None:
    other = origin.clone("clone-2")
    refused(clone, other.path / "x.md", f"'{other.path}/x.md' is not a file inside the repository, such as CLAUDE.md")
    assert other.status() == []


@pytest.mark.parametrize("file", [".git/x.md", ".GIT/x.md", ".git", "docs/.git/x.md", "linked/x.md"])
def test_gits_own_folder(clone: Clone, file: str) -> None:
    (clone.path / "linked").symlink_to(".git")
    refused(clone, file, f"'{file}' is in git's own folder")
    assert not (clone.path / ".git/x.md").exists()


def test_gits_own_folder_under_another_name(clone: Clone) -> None:
    clone.git("init", "--quiet", "--separate-git-dir", str(clone.path / "store"))
    refused(clone, "store/x.md", "'store/x.md' is in git's own folder")
    refused(clone, "store", "'store' is in git's own folder")


def test_link_that_leads_out(clone: Clone, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_bytes(b"mine\n")
    (clone.path / "CLAUDE.md").symlink_to(outside)
    (clone.path / "docs").symlink_to(tmp_path)
    refused(clone, "CLAUDE.md", "'CLAUDE.md' is not a file inside the repository, such as CLAUDE.md")
    refused(clone, "docs/new.md", "'docs/new.md' is not a file inside the repository, such as CLAUDE.md")
    assert (outside.read_bytes(), (tmp_path / "new.md").exists()) == (b"mine\n", False)


def test_link_to_nothing(clone: Clone) -> None:
    (clone.path / "CLAUDE.md").symlink_to("AGENTS.md")
    refused(clone, "CLAUDE.md", "'CLAUDE.md' is a link to a file that is not there")


def test_links_in_a_circle(clone: Clone) -> None:
    (clone.path / "CLAUDE.md").symlink_to("CLAUDE.md")
    refused(clone, "CLAUDE.md", "'CLAUDE.md' is a link to a file that is not there")


def test_another_repository_inside(clone: Clone, origin: Origin) -> None:
    origin.git("clone", "--quiet", str(origin.path), str(clone.path / "vendor/lib"))
    refused(clone, "vendor/lib/README.md", "vendor/lib/README.md belongs to another repository, vendor/lib")


def test_what_is_no_file(clone: Clone) -> None:
    clone.write("docs/a.md", "")
    os.mkfifo(clone.path / "pipe.md")
    refused_files = {
        "docs": "docs: not a regular file",
        "docs/no/such.md": "docs/no/such.md: there is no folder docs/no",
        "README.md/x.md": "README.md/x.md: there is no folder README.md",
    }
    for file, why in refused_files.items():
        refused(clone, file, why)
    assert keep(clone, "pipe.md") == Ended(2, "", "error: pipe.md: not a regular file\n")


def test_broken_markers(clone: Clone) -> None:
    clone.write("CLAUDE.md", b"# A\n\n" + BEGIN + b"\n")
    line = f"put a line {END.decode()} where the section ends"
    refused(clone, "CLAUDE.md", f"CLAUDE.md, line 3: the begin marker has no end marker after it: {line}")
    clone.write("docs/a.md", b"# A\n\n```html\n" + BEGIN + b"\n" + END + b"\n```\n")
    text = "the marker is in a code block, where it is text: put both markers outside of it, or take them out"
    refused(clone, "docs/a.md", f"docs/a.md, line 4: {text}")
    clone.write("latin.md", b"\n\xe9")
    refused(clone, "latin.md", "latin.md, line 2: the file is not UTF-8 from here on")


def test_file_that_may_not_be_written(clone: Clone) -> None:
    clone.write("CLAUDE.md", "# A\n").chmod(0o444)
    refused(clone, "CLAUDE.md", "CLAUDE.md is read-only (chmod u+w makes it writable)")


def test_file_beyond_the_limit(clone: Clone, settings: pytest.FixtureRequest) -> None:
    settings.STATEHUB_MAX_FILE_SIZE = 8  # type: ignore[attr-defined]  # pytest-django's settings
    refused(clone, "README.md", "README.md: larger than the limit of 8 bytes")


def test_name_that_is_too_long(clone: Clone) -> None:
    name = "x" * 300
    refused(clone, name, f"{name}: cannot be read: File name too long")


def test_disk_that_is_full(clone: Clone) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        ended = keep_without_hub(clone)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ended == "CLAUDE.md cannot be written: File too large"
    assert sorted(os.listdir(clone.path)) == [".git", "README.md"]


def keep_without_hub(clone: Clone) -> str:
    """Fail to write the protocol, without the database, and return the reason."""
    from consistency.cli.repo_files import RepoFileError
    from consistency.cli.session_protocol import keep_protocol

    with pytest.raises(RepoFileError) as caught:
        keep_protocol(open_checkout(str(clone.path)), Repo(slug="clone"), "CLAUDE.md")
    return str(caught.value)


def test_run_at_work_is_not_disturbed(hub: Hub, clone: Clone) -> None:
    with locked(open_checkout(str(clone.path))):
        ended = hub.manage("register_repo", clone.path, "--protocol", "CLAUDE.md")
    line = f"error: another run is working on {clone.path}; try again when it has ended\n"
    assert (ended.exit, ended.stderr) == (2, f"{UNMATCHED}{line}")
    assert sorted(os.listdir(clone.path)) == [".git", "README.md"]
