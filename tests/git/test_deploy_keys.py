"""Deploy keys."""

from __future__ import annotations

import shlex
from pathlib import Path
from threading import Thread

import pytest

from consistency.git.deploy_keys import DeployKeyError, DeployKeys


def test_threads_at_once_make_one_key(tmp_path: Path) -> None:
    keys, found = DeployKeys(str(tmp_path / "keys")), list[str]()
    threads = [Thread(target=lambda: found.append(keys.ensure(7, "a comment"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), found[0].endswith(" a comment")) == (6, 1, True)
    assert sorted(each.name for each in (tmp_path / "keys").iterdir()) == [".gitignore", "7", "7.pub"]


def test_ssh_command(tmp_path: Path) -> None:
    """Only this key, only trusted hosts, never a question; for folders with blanks, too."""
    folder = tmp_path / "a folder"
    keys = DeployKeys(str(folder))
    assert shlex.split(keys.ssh_command(7)) == [
        "ssh", "-i", f"{folder}/7", "-oIdentitiesOnly=yes", "-oIdentityAgent=none",
        f'-oUserKnownHostsFile="{folder}/known_hosts"', "-oGlobalKnownHostsFile=/dev/null",
        "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no", "-oCheckHostIP=no", "-oBatchMode=yes",
        "-oConnectTimeout=20", "-oServerAliveInterval=20",
    ]  # fmt: skip


def test_previous_key_goes_once_the_new_one_works(tmp_path: Path) -> None:
    folder, asked = tmp_path / "keys", list[str]()
    keys = DeployKeys(str(folder))

    def answer(ssh: str) -> bool:
        asked.append(ssh)
        return is_pasted

    keys.ensure(7, "a comment")
    assert (keys.drop_previous(7, answer), asked) == (False, [])
    keys.rotate(7, "a comment")
    is_pasted = False
    assert (keys.drop_previous(7, answer), keys.has_previous(7)) == (False, True)
    is_pasted = True
    assert (keys.drop_previous(7, answer), keys.has_previous(7)) == (True, False)
    assert [shlex.split(ssh)[1:4] for ssh in asked] == [["-i", f"{folder}/7", "-oIdentitiesOnly=yes"]] * 2


def test_previous_key_of_a_rotation_that_was_faster_stays(tmp_path: Path) -> None:
    keys = DeployKeys(str(tmp_path / "keys"))
    keys.ensure(7, "a comment")
    keys.rotate(7, "a comment")
    works = (tmp_path / "keys" / "7").read_text()

    def rotate(ssh: str) -> bool:
        assert keys.drop_previous(7, lambda _: True)
        keys.rotate(7, "a comment")
        return True

    assert (keys.drop_previous(7, rotate), keys.has_previous(7)) == (False, True)
    assert (tmp_path / "keys" / "7.previous").read_text() == works


def test_known_hosts_are_written_if_they_differ(tmp_path: Path) -> None:
    keys = DeployKeys(str(tmp_path / "keys"))
    keys.write_known_hosts("h ssh-rsa AAAA\n")
    written = keys.known_hosts.stat()
    keys.write_known_hosts("h ssh-rsa AAAA\n")
    assert (keys.known_hosts.read_text(), keys.known_hosts.stat()) == ("h ssh-rsa AAAA\n", written)
    keys.write_known_hosts("")
    assert keys.known_hosts.read_text() == ""


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployKeyError, match="file: File exists"):
        DeployKeys(str(tmp_path / "file")).ensure(7, "x")


def test_program_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployKeyError, match="ssh-keygen is not on the PATH: install OpenSSH's client"):
        DeployKeys(str(tmp_path / "keys")).ensure(7, "x")
