"""Where a remote is, what a fetch brings, and how a commit gets there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.checkout.git import Git
from consistency.checkout.remote import (
    Fetched,
    Pushed,
    Upstream,
    default_branch,
    normalised,
    origin_of,
    push,
    upstream_of,
)
from consistency.checkout.worktree import WorkTree
from consistency.core.gate import FETCHED, NO_UPSTREAM, NOT_ASKED
from tests.checkout.desk import advance, fetched, seen
from tests.support.repos import Clone, Origin

Hook = Callable[[str, str], Path]


class TestUrls:
    @pytest.mark.parametrize("url", [
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
    ])  # fmt: skip
    def test_all_ways_to_write_one_origin(self, url: str) -> None:
        assert normalised(url, "/base") == "example.org/team/repo"

    def test_address_for_a_host(self) -> None:
        assert normalised("ssh://git@[2001:DB8::1]:22/x.git", "/base") == "[2001:db8::1]/x"
        assert normalised("git@[::1]:x.git", "/base") == "[::1]/x"

    def test_capitals_of_the_path_count(self) -> None:
        assert normalised("https://example.org/Team/Repo", "/") == "example.org/Team/Repo"

    def test_local_ways(self, tmp_path: Path) -> None:
        (tmp_path / "origin.git").mkdir()
        (tmp_path / "clone").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "origin.git")
        base, expected = str(tmp_path / "clone"), str(tmp_path / "origin")
        for url in (
            str(tmp_path / "origin.git"), f"{tmp_path}/origin.git/", f"file://{tmp_path}/origin.git", "../origin.git",
            "../origin.git/", "../clone/../origin.git", "../link", f"{tmp_path}/origin",
        ):  # fmt: skip
            assert normalised(url, base) == expected
        assert normalised("../clone/.git", base) == base

    def test_local_folder_with_a_colon(self, tmp_path: Path) -> None:
        (tmp_path / "a:b").mkdir()
        assert normalised("a:b", str(tmp_path)) == str(tmp_path / "a:b")

    def test_of_a_clone(self, origin: Origin, clone: Clone) -> None:
        assert origin_of(Git(str(clone.path))) == str(origin.path).removesuffix(".git")
        clone.git("remote", "set-url", "origin", "short:repo.git")
        clone.git("config", "url.https://example.org/.insteadOf", "short:")
        clone.git("remote", "set-url", "--add", "origin", "https://elsewhere.example.org/x")
        assert origin_of(Git(str(clone.path))) == "example.org/repo"
        clone.git("remote", "rename", "origin", "upstream")
        assert origin_of(Git(str(clone.path))) == ""


class TestUpstream:
    def test_of_a_clone(self, origin: Origin, tree: WorkTree) -> None:
        place = str(origin.path).removesuffix(".git")
        upstream = Upstream("origin", "refs/heads/main", place)
        assert upstream_of(tree) == upstream
        assert (upstream.place, upstream.host) == (f"{place} refs/heads/main", "")

    def test_is_the_same_place_however_it_is_written(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "rename", "origin", "elsewhere")
        clone.git("config", "core.sshCommand", "ssh -v")
        clone.git("config", "url.ssh://git@example.org:22/.insteadOf", "short:")
        clone.git("config", "url.https://nowhere.example.org/.insteadOf", "sh")
        for url in ("short:team/repo.git", "https://me:secret@Example.org/team/repo"):
            clone.git("remote", "set-url", "elsewhere", url)
            upstream = upstream_of(tree)
            assert upstream == Upstream("elsewhere", "refs/heads/main", "example.org/team/repo", "ssh -v")
            assert (upstream.place, upstream.host) == ("example.org/team/repo refs/heads/main", "example.org")

    def test_is_a_branch_of_this_repository(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        upstream = Upstream(".", "refs/heads/main", "")
        assert upstream_of(tree) == upstream
        assert (upstream.place, upstream.host) == ("", "")

    def test_is_nothing(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("checkout", "--quiet", "--detach")
        assert upstream_of(tree) is None
        clone.git("checkout", "--quiet", "--no-track", "-b", "own")
        assert upstream_of(tree) is None


class TestFetch:
    def test_knows_the_tip(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert fetched(tree) == Fetched(FETCHED, origin.head)

    def test_of_a_branch_of_this_repository_is_none(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        clone.git("remote", "set-url", "origin", "/nowhere")
        assert fetched(tree) == Fetched(FETCHED)

    @pytest.mark.parametrize(("outcome", "ok", "failed"), [
        (FETCHED, True, False), (NOT_ASKED, False, False), (NO_UPSTREAM, False, False), ("fatal: so", False, True),
    ])  # fmt: skip
    def test_outcomes(self, outcome: str, ok: bool, failed: bool) -> None:
        assert (Fetched(outcome).ok, Fetched(outcome).failed) == (ok, failed)


def test_remote_that_looks_like_an_option(clone: Clone, tmp_path: Path) -> None:
    name = f"--upload-pack=touch {tmp_path}/ran;"
    clone.write(".git/config", clone.read(".git/config").replace(b"remote = origin", f'remote = "{name}"'.encode()))
    state = seen(clone)
    assert (state.freshness, state.fetched.outcome) == ("no_upstream", f"the remote's name '{name}' begins with a dash")
    assert not (tmp_path / "ran").exists()


class TestPush:
    def pushed(self, clone: Clone, tree: WorkTree) -> Pushed:
        upstream = upstream_of(tree)
        assert upstream is not None
        return push(tree, upstream, clone.head, 10)

    def test_takes_one_commit_to_the_branch_and_nothing_else(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        clone.git("tag", "--annotate", "--message=x", "mine")
        clone.git("branch", "other")
        clone.git("config", "push.followTags", "true")
        clone.git("config", "push.default", "matching")
        head = clone.commit()
        assert self.pushed(clone, tree) == Pushed()
        assert origin.git("for-each-ref", "--format=%(objectname) %(refname)") == f"{head} refs/heads/main"
        assert (seen(clone).freshness, seen(clone).ahead) == ("fresh", 0)

    def test_another_was_faster(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.git("config", "remote.origin.push", "+refs/heads/*:refs/heads/*")
        clone.commit()
        theirs, result = origin.head, self.pushed(clone, tree)
        assert (result.faster, result.trouble.partition(":")[0]) == (True, "[rejected] (fetch first)")
        assert origin.head == theirs

    def test_is_refused_by_a_hook(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        hook = origin.path / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'No — not today' >&2\nexit 1\n")
        hook.chmod(0o755)
        theirs = origin.head
        clone.commit()
        result = self.pushed(clone, tree)
        assert (result.faster, result.trouble.startswith("[remote rejected] (pre-receive hook declined): ")) == (
            False, True,
        )  # fmt: skip
        assert "No — not today" in result.trouble
        assert origin.head == theirs

    def test_hook_of_the_clone_refuses(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        hook("pre-push", "echo 'Not on a Sunday' >&2; exit 1")
        theirs = origin.head
        clone.commit()
        result = self.pushed(clone, tree)
        assert ("Not on a Sunday" in result.trouble, result.faster, origin.head) == (True, False, theirs)

    def test_remote_that_is_not_there(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        result = self.pushed(clone, tree)
        assert ("does not appear to be a git repository" in result.trouble, result.faster) == (True, False)

    def test_branch_of_this_repository_is_no_place_to_push_to(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        before = clone.git("rev-parse", "main")
        clone.commit()
        words = "the branch follows another one of this repository, which is no place to push to"
        assert (self.pushed(clone, tree), clone.git("rev-parse", "main")) == (Pushed(words), before)


class TestDefaultBranch:
    def test_as_the_clone_has_noted(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        assert default_branch(tree, 10) == "main"

    def test_as_origin_says(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "set-head", "origin", "--delete")
        origin.git("branch", "team/trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/team/trunk")
        assert default_branch(tree, 10) == "team/trunk"

    def test_where_nobody_says(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "set-head", "origin", "--delete")
        origin.git("update-ref", "--no-deref", "HEAD", origin.head)
        assert default_branch(tree, 10) == ""
        clone.git("remote", "remove", "origin")
        assert default_branch(tree, 10) == ""
