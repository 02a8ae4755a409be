"""trust_host: host keys are pinned on a person's word."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from statehub.models import TrustedHost
from testing.hub import Hub
from testing.manage import ROOT
from testing.sshd import SshServer, free_port
from tests.cli.helpers import cannot_run, run

pytestmark = pytest.mark.usefixtures("hub", "clones")


def lines(sshd: SshServer, note: str = "") -> str:
    """Return the fingerprints as the command shows them."""
    name = f"[127.0.0.1]:{sshd.port}"
    kinds = (("ssh-ed25519", "ed25519"), ("ssh-rsa", "rsa"))
    return "".join(f"{name} {kind} {sshd.fingerprint(file)}{note}\n" for kind, file in kinds)


def pinned(sshd: SshServer, kind: str = "ed25519", verb: str = "pinned") -> str:
    return f"{verb}: [127.0.0.1]:{sshd.port} ssh-{kind} {sshd.fingerprint(kind)}\n"


def public(sshd: SshServer, kind: str = "ed25519") -> str:
    """Return the line of a known_hosts file for a key of the server."""
    words = (sshd.folder / f"host_{kind}.pub").read_text().split()
    return f"[127.0.0.1]:{sshd.port} {words[0]} {words[1]}\n"


def known_hosts(clones: Path) -> list[str]:
    """Return the lines of the file that ssh reads, without the comment."""
    return (clones / ".keys" / "known_hosts").read_text().splitlines(keepends=True)[1:]


def on_a_terminal(hub: Hub, answer: str, *args: str) -> tuple[int, str, str]:
    """Run the command at a terminal and type *answer*; return exit status, stdout and stderr."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "manage.py", "trust_host", *args]
    with subprocess.Popen(
        command, cwd=ROOT, env={**environment, "DATABASE_URL": hub.url}, stdin=theirs, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, out, err


def test_without_a_terminal_nothing_is_pinned(sshd: SshServer) -> None:
    ended = run("trust_host", sshd.name)
    message = "error: nothing is pinned: compare the fingerprints, then give --fingerprint SHA256:…\n"
    assert (ended.exit, ended.stdout, ended.stderr) == (2, lines(sshd), message)
    assert not TrustedHost.objects.exists()


def test_fingerprint_pins_that_key_alone(sshd: SshServer, clones: Path) -> None:
    ended = run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint())
    assert (ended.exit, ended.stdout, ended.stderr) == (0, lines(sshd) + pinned(sshd), "")
    row = TrustedHost.objects.get()
    assert (row.name, row.keys, row.who != "") == (f"[127.0.0.1]:{sshd.port}", public(sshd), True)
    assert known_hosts(clones) == [public(sshd)]


def test_other_fingerprint_pins_nothing(sshd: SshServer) -> None:
    ended = run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint(), "--fingerprint", "SHA256:other")
    message = f"error: [127.0.0.1]:{sshd.port} has no key with the fingerprint SHA256:other: nothing is pinned\n"
    assert (ended.exit, ended.stdout, ended.stderr) == (2, lines(sshd), message)
    assert not TrustedHost.objects.exists()


@pytest.mark.parametrize("answer", ["no", "", "y", "YES please"])
def test_person_who_does_not_say_yes(hub: Hub, sshd: SshServer, answer: str) -> None:
    exit, out, err = on_a_terminal(hub, answer, sshd.name)
    assert (exit, err, TrustedHost.objects.exists()) == (2, "error: nothing is pinned\n", False)
    assert out.startswith(lines(sshd) + "Are these the fingerprints that the server's owner publishes?")


def test_person_who_says_yes_pins_all(hub: Hub, sshd: SshServer, clones: Path) -> None:
    exit, out, err = on_a_terminal(hub, "yes", sshd.name)
    assert (exit, err, out.endswith(pinned(sshd) + pinned(sshd, "rsa"))) == (0, "", True)
    assert known_hosts(clones) == [public(sshd), public(sshd, "rsa")]


def test_again_with_the_same_keys(hub: Hub, sshd: SshServer) -> None:
    on_a_terminal(hub, "yes", sshd.name)
    ended = run("trust_host", sshd.name)
    message = f"[127.0.0.1]:{sshd.port} is trusted already, with these keys\n"
    assert (ended.exit, ended.stdout, ended.stderr) == (0, lines(sshd, " (pinned)") + message, "")


def test_changed_keys_are_replaced_on_a_persons_word(hub: Hub, sshd: SshServer, clones: Path) -> None:
    run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint())
    gone = pinned(sshd, verb="no longer pinned")
    sshd.change_host_keys()
    other = f"[127.0.0.1]:{sshd.port} has other keys than those pinned: its owner must have changed them\n"
    ended = run("trust_host", sshd.name)
    assert (ended.exit, ended.stderr.startswith(other), known_hosts(clones) == [public(sshd)]) == (2, True, False)
    exit, out, err = on_a_terminal(hub, "yes", sshd.name)
    assert (exit, err, out.endswith(gone + pinned(sshd) + pinned(sshd, "rsa"))) == (0, other, True)
    assert known_hosts(clones) == [public(sshd), public(sshd, "rsa")]


def test_other_servers_stay(sshd: SshServer, clones: Path) -> None:
    TrustedHost.objects.create(name="git.example.org", keys="git.example.org ssh-ed25519 AAAA")
    run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint())
    assert known_hosts(clones) == [public(sshd), "git.example.org ssh-ed25519 AAAA\n"]


def test_server_that_does_not_answer() -> None:
    port = free_port()
    ended = run("trust_host", f"127.0.0.1:{port}")
    assert (ended.exit, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: [127.0.0.1]:{port} shows no host key")


@pytest.mark.parametrize("server", ["git@example.org", "example.org/x", "example.org:0", "example.org:x", "a b"])
def test_name_that_is_not_a_server(server: str) -> None:
    assert run("trust_host", server) == cannot_run("a server is HOST or HOST:PORT, without a user and without a path")
