"""URLs that the hub's own clones are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from consistency.git.remote_url import RemoteUrl, RemoteUrlError, parse_remote_url


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("https://h.org/a/b.git", ("h.org/a/b", "https", "h.org", 0, "https://h.org", "h.org")),
        ("https://H.org:8443/a", ("h.org/a", "https", "h.org", 8443, "https://h.org:8443", "[h.org]:8443")),
        ("http://[::1]:80/a", ("[::1]/a", "http", "[::1]", 80, "http://[::1]:80", "[[::1]]:80")),
        ("ssh://git@h.org/a.git", ("h.org/a", "ssh", "h.org", 0, "ssh://h.org", "h.org")),
        ("ssh://git@h.org:22/a.git", ("h.org/a", "ssh", "h.org", 22, "ssh://h.org:22", "h.org")),
        ("ssh://git@h.org:2222/a.git", ("h.org/a", "ssh", "h.org", 2222, "ssh://h.org:2222", "[h.org]:2222")),
        ("ssh://git@[::1]:2222/a.git", ("[::1]/a", "ssh", "::1", 2222, "ssh://::1:2222", "[::1]:2222")),
        ("git@h.org:a/b.git", ("h.org/a/b", "ssh", "h.org", 0, "ssh://h.org", "h.org")),
        ("h.org:a", ("h.org/a", "ssh", "h.org", 0, "ssh://h.org", "h.org")),
        ("git://h.org/a", ("h.org/a", "git", "h.org", 0, "git://h.org", "h.org")),
        ("/srv/a.git", ("/srv/a", "file", "", 0, "file://", "")),
        ("file:///srv/a.git", ("/srv/a", "file", "", 0, "file://", "")),
    ],
)
def test_parse_remote_url(url: str, parsed: tuple[str, str, str, int, str, str]) -> None:
    found = parse_remote_url(url)
    assert (found.url, *found[1:], found.site, found.known_name) == (url, *parsed)


def test_relative_folder_begins_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_remote_url("a.git") == RemoteUrl(str(tmp_path / "a.git"), str(tmp_path / "a"), "file")


@pytest.mark.parametrize(
    "url",
    [
        "", "-x", "a\nb", "x" * 2001, "nothing", "https:///", "https://h.org", "https://h.org:99999/a",
        "https://h org/a",
        "https://h.org/a?b", "https://h.org/a#b", "https://u@h.org/a", "https://h.org/a@b", "ssh://u:p@h.org/a",
        "ssh://h.org/a@b", "u:p@h.org:a", "u:p@q@h.org:a", "u:p/q@h.org:a",
        "git@h.org:a@b", "git@h.org:a?b", "git@h.org:a#b", "ext::sh", "foo://h.org/a", "file://relative/a",
        "git@h.org: a",
    ],
)  # fmt: skip
def test_refused(url: str) -> None:
    with pytest.raises(RemoteUrlError) as caught:
        parse_remote_url(url)
    assert url == "" or url not in str(caught.value)


def test_protocols_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEHUB_GIT_PROTOCOLS", "https:ssh")
    with pytest.raises(RemoteUrlError, match="the URL's protocol is not one of https, ssh"):
        parse_remote_url("git://h.org/a")
