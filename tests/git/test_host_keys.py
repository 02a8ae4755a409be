"""Host keys of ssh servers."""

from __future__ import annotations

import pytest

from consistency.git.host_keys import (
    HostKey,
    HostKeyError,
    Server,
    parse_server,
    read_keys,
    render_keys,
    render_known_hosts,
    scan_keys,
)
from testing.sshd import SshServer


@pytest.mark.parametrize(
    ("text", "server", "name"),
    [
        ("Git.Example.org", Server("git.example.org"), "git.example.org"),
        ("example.org:22", Server("example.org"), "example.org"),
        ("example.org:2222", Server("example.org", 2222), "[example.org]:2222"),
        ("127.0.0.1:2222", Server("127.0.0.1", 2222), "[127.0.0.1]:2222"),
        ("[example.org]:2222", Server("example.org", 2222), "[example.org]:2222"),
        ("[::1]:2222", Server("::1", 2222), "[::1]:2222"),
        ("::1", Server("::1"), "::1"),
    ],
)
def test_parse_server(text: str, server: Server, name: str) -> None:
    assert (parse_server(text), server.name) == (server, name)


@pytest.mark.parametrize("text", ["", "-oProxyCommand=x", "a@b", "a/b", "a:0", "a:65536", "a,b", "a*", "x" * 300])
def test_name_that_is_not_a_server(text: str) -> None:
    with pytest.raises(HostKeyError, match="a server is HOST or HOST:PORT"):
        parse_server(text)


def test_scan_keys(sshd: SshServer) -> None:
    found = scan_keys(Server("127.0.0.1", sshd.port))
    assert [(key.kind, key.fingerprint) for key in found] == [
        ("ssh-ed25519", sshd.fingerprint("ed25519")),
        ("ssh-rsa", sshd.fingerprint("rsa")),
    ]


def test_lines_of_known_hosts() -> None:
    keys = [HostKey("ssh-ed25519", "AAAA"), HostKey("ssh-rsa", "BBBB")]
    lines = render_keys(Server("h", 23), keys)
    assert lines == "[h]:23 ssh-ed25519 AAAA\n[h]:23 ssh-rsa BBBB\n"
    assert read_keys(lines) == keys
    assert render_known_hosts([lines, "x ssh-rsa CCCC"]).splitlines()[1:] == [*lines.splitlines(), "x ssh-rsa CCCC"]
