"""The many ways to write one address, and the machine behind an ssh alias."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consistency.git import addresses
from consistency.git.addresses import is_local, normalize_url, ssh_host


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/team/repo",
            "https://example.org/team/repo.git",
            "https://example.org/team/repo.git/",
            "https://example.org/team/repo/",
            "https://example.org/team/repo/.git",
            "https://user@example.org/team/repo.git",
            "https://user:se:cret@example.org/team/repo.git",
            "https://user:p@ss@example.org/team/repo.git",
            "https://example.org:8443/team/repo.git",
            "HTTPS://Example.ORG/team/repo",
            "http://example.org//team/repo",
            "ssh://git@example.org/team/repo.git",
            "ssh://git@example.org:2222/team/repo.git",
            "git+ssh://example.org/team/repo",
            "git@example.org:team/repo.git",
            "example.org:team/repo",
            "git@example.org:/team/repo.git",
        ],
    )
    def test_all_ways_to_write_one_origin(self, url: str) -> None:
        assert normalize_url(url, "/base") == "example.org/team/repo"

    def test_address_for_a_host(self) -> None:
        assert normalize_url("ssh://git@[2001:DB8::1]:22/x.git", "/base") == "[2001:db8::1]/x"
        assert normalize_url("git@[::1]:x.git", "/base") == "[::1]/x"

    def test_capitals_of_the_path_count(self) -> None:
        assert normalize_url("https://example.org/Team/Repo", "/") == "example.org/Team/Repo"

    def test_local_ways(self, tmp_path: Path) -> None:
        (tmp_path / "origin.git").mkdir()
        (tmp_path / "clone").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "origin.git")
        base, expected = str(tmp_path / "clone"), str(tmp_path / "origin")
        for url in (
            str(tmp_path / "origin.git"),
            f"{tmp_path}/origin.git/",
            f"file://{tmp_path}/origin.git",
            "../origin.git",
            "../origin.git/",
            "../clone/../origin.git",
            "../link",
            f"{tmp_path}/origin",
        ):
            assert normalize_url(url, base) == expected
        assert normalize_url("../clone/.git", base) == base

    def test_local_folder_with_a_colon(self, tmp_path: Path) -> None:
        (tmp_path / "a:b").mkdir()
        assert normalize_url("a:b", str(tmp_path)) == str(tmp_path / "a:b")

    @pytest.mark.parametrize(
        "url",
        [
            "https://github.com/Acme/Orders",
            "https://github.com/acme/orders.git/",
            "https://GitHub.com:443/acme//orders.git",
            "https://www.github.com/acme/orders",
            "git@github.com:Acme/Orders.git",
            "git@github.com.:acme/orders",
            "ssh://git@github.com:22/acme/orders.git",
            "ssh://git@ssh.github.com:443/acme/orders.git",
            "git@ssh.github.com:acme/orders.git",
            "git://github.com:9418/acme/orders",
            "http://token@github.com:80/ACME/orders",
        ],
    )
    def test_well_known_server_by_all_its_names(self, url: str) -> None:
        assert normalize_url(url, "/base") == "github.com/acme/orders"

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("git@gitlab.com:Team/Sub/App.git", "gitlab.com/team/sub/app"),
            ("ssh://git@altssh.gitlab.com:443/Team/Sub/App.git", "gitlab.com/team/sub/app"),
            ("ssh://git@altssh.bitbucket.org:443/Team/App", "bitbucket.org/team/app"),
            ("https://me@bitbucket.org/Team/App.git", "bitbucket.org/team/app"),
            ("https://codeberg.org/Team/App", "codeberg.org/team/app"),
            ("git@example.org:~/App.git", "example.org/App"),
            ("ssh://git@example.org/~/App.git", "example.org/App"),
        ],
    )
    def test_other_servers(self, url: str, address: str) -> None:
        assert normalize_url(url, "/base") == address

    def test_local_or_not(self, tmp_path: Path) -> None:
        assert is_local(normalize_url("../x.git", str(tmp_path)))
        assert not is_local(normalize_url("host:x.git", str(tmp_path)))

    def test_host_of_an_ssh_address_is_resolved(self) -> None:
        asked: list[str] = []

        def resolve(target: str) -> str:
            asked.append(target)
            return "GitHub.com"

        urls = (
            "git@work:acme/orders.git",
            "work:acme/orders",
            "ssh://git@work:22/acme/orders",
            "git+ssh://work/acme/orders",
        )
        for url in urls:
            assert normalize_url(url, "/base", resolve) == "github.com/acme/orders"
        assert asked == ["git@work", "work", "git@work", "work"]
        assert normalize_url("ssh://me:hunter2@work/acme/orders", "/base", resolve) == "github.com/acme/orders"
        assert asked.pop() == "me@work"
        assert normalize_url("https://work/acme/orders", "/base", resolve) == "work/acme/orders"
        assert normalize_url("/srv/work.git", "/base", resolve) == "/srv/work"
        assert len(asked) == 4


class TestSshHost:
    """ssh resolves the alias, without connecting."""

    @pytest.fixture(autouse=True)
    def no_memory(self) -> Iterator[None]:
        ssh_host.cache_clear()
        yield
        ssh_host.cache_clear()

    def command(self, tmp_path: Path, config: str) -> str:
        file = tmp_path / "ssh config"
        file.write_text(config)
        return f"ssh -F '{file}'"

    def test_alias(self, tmp_path: Path) -> None:
        command = self.command(tmp_path, "Host github-work\n  HostName ssh.github.com\n  Port 443\n")
        assert ssh_host("git@github-work", command) == "ssh.github.com"
        assert ssh_host("github-work", command) == "ssh.github.com"
        assert ssh_host("git@elsewhere.example.org", command) == "elsewhere.example.org"

    def test_is_asked_once(self, tmp_path: Path) -> None:
        script = tmp_path / "ssh.sh"
        script.write_text(f"#!/bin/sh\necho x >>{tmp_path}/asked\necho hostname example.org\n")
        script.chmod(0o755)
        assert [ssh_host("git@work", str(script)) for _ in range(3)] == ["example.org"] * 3
        assert (tmp_path / "asked").read_text() == "x\n"

    @pytest.mark.parametrize("command", ["false", "no-such-program-here", "echo", "true", "ssh --no-such-option"])
    def test_that_does_not_tell(self, command: str) -> None:
        assert ssh_host("git@work", command) == "work"

    def test_that_would_be_an_option(self) -> None:
        assert ssh_host("-oProxyCommand=touch x", "ssh") == "-oProxyCommand=touch x"

    def test_that_hangs_is_stopped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(addresses, "SSH_SECONDS", 0.3)
        script = tmp_path / "ssh.sh"
        script.write_text(f"#!/bin/sh\n(sleep 1.5; touch {tmp_path}/late)\n")
        script.chmod(0o755)
        assert ssh_host("work", str(script)) == "work"
        time.sleep(2)
        assert not (tmp_path / "late").exists()
