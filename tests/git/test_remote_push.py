"""How a commit gets to the repo's branch, and which settings of the clone forbid it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.remote import (
    Pushed,
    push,
)
from consistency.git.worktree import WorkTree, open_checkout
from testing.repos import Clone, Origin
from tests.git.desk import advance, fetched, fetched_status, tracking_commit, upstream_of, url_of

Hook = Callable[[str, str], Path]


class TestPushSettings:
    """The clone's own settings of where a push goes hold, or it is refused."""

    def refusal(self, clone: Clone, *settings: tuple[str, str]) -> str:
        for name, value in settings:
            clone.git("config", "--add", name, value)
        tree = open_checkout(str(clone.path))
        before, head = clone.git("for-each-ref", "refs/remotes"), clone.commit("Mine")
        upstream = upstream_of(tree)
        result = push(tree, upstream, tracking_commit(clone), head, 10)
        assert (result.error, result.rejected) == (upstream.push_refusal, False)
        assert clone.git("for-each-ref", "refs/remotes") == before
        return upstream.push_refusal

    @pytest.mark.parametrize("setting", ["branch.main.pushRemote", "remote.pushDefault"])
    def test_name_no_remote(self, origin: Origin, clone: Clone, setting: str) -> None:
        theirs = origin.head
        words = f"{setting.lower()} is 'no_push', which is not a remote of the clone"
        assert (self.refusal(clone, (setting, "no_push")), origin.head) == (words, theirs)

    def test_are_those_of_the_repos_branch(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "topic")
        assert "no_push" in self.refusal(clone, ("branch.main.pushRemote", "no_push"))
        clone.git("config", "--unset-all", "branch.main.pushRemote")
        clone.git("config", "branch.topic.pushRemote", "no_push")
        tree = open_checkout(str(clone.path))
        assert push(tree, upstream_of(tree), tracking_commit(clone), clone.head, 10) == Pushed()
        assert origin.head == clone.head

    @pytest.mark.parametrize(
        "settings",
        [
            [("branch.main.pushRemote", "fork")],
            [("remote.pushDefault", "fork")],
            [("remote.origin.pushurl", "{fork}")],
            [("remote.origin.pushurl", "{origin}"), ("remote.origin.pushurl", "{fork}")],
            [("url.{fork}.pushInsteadOf", "{origin}")],
            [("remote.origin.url", "{fork}")],
        ],
    )
    def test_lead_elsewhere(
        self, origin: Origin, clone: Clone, new_origin: Callable[[str], Origin], settings: list[tuple[str, str]]
    ) -> None:
        fork = new_origin("fork")
        clone.git("remote", "add", "fork", str(fork.path))
        theirs = (origin.head, fork.head)
        places = {"fork": str(fork.path), "origin": str(origin.path)}
        words = self.refusal(clone, *((name.format(**places), value.format(**places)) for name, value in settings))
        assert words.startswith("the clone pushes to ")
        assert url_of(fork) in words
        assert words.endswith(f", which is not the repo's origin {url_of(origin)}")
        assert (origin.head, fork.head) == theirs

    @pytest.mark.parametrize(
        "settings",
        [
            [("remote.origin.pushurl", "file://{origin}")],
            [("remote.pushDefault", "same")],
            [("branch.main.pushRemote", "same")],
            [("remote.pushDefault", "no_push"), ("branch.main.pushRemote", "origin")],
            [("url.{origin}.pushInsteadOf", "nowhere:"), ("url.{origin}.insteadOf", "nowhere:")],
            [("remote.origin.url", "file://{origin}")],
            [("push.default", "nothing")],
            [("remote.origin.push", "refs/heads/other:refs/heads/other")],
            [("push.gpgSign", "true"), ("gpg.program", "false")],
        ],
    )
    def test_lead_to_the_same_place(self, origin: Origin, clone: Clone, settings: list[tuple[str, str]]) -> None:
        clone.git("remote", "add", "same", f"file://{origin.path}")
        clone.git("branch", "private")
        for name, value in settings:
            clone.git("config", "--add", name.format(origin=origin.path), value.format(origin=origin.path))
        tree, head = open_checkout(str(clone.path)), clone.commit("Mine")
        assert push(tree, upstream_of(tree), tracking_commit(clone), head, 10) == Pushed()
        assert origin.git("for-each-ref", "--format=%(objectname) %(refname)") == f"{head} refs/heads/main"

    def test_ask_for_what_cannot_be_done(self, origin: Origin, clone: Clone) -> None:
        clone.git("branch", "private")
        clone.git("config", "remote.origin.mirror", "true")
        tree, theirs = open_checkout(str(clone.path)), origin.git("for-each-ref")
        result = push(tree, upstream_of(tree), tracking_commit(clone), clone.commit("Mine"), 10)
        assert result == Pushed("fatal: --mirror can't be combined with refspecs")
        assert origin.git("for-each-ref") == theirs

    def test_password_is_not_told(self, clone: Clone) -> None:
        words = self.refusal(clone, ("remote.origin.pushurl", "https://me:secret@example.org/x.git"))
        assert ("secret" in words, "example.org/x" in words) == (False, True)


def test_remote_that_looks_like_an_option(clone: Clone, tmp_path: Path) -> None:
    name = f"--upload-pack=touch {tmp_path}/ran;"
    clone.write(".git/config", clone.read(".git/config").replace(b'"origin"', f'"{name}"'.encode()))
    state = fetched_status(clone)
    assert (state.freshness, state.fetched.outcome) == ("unknown", f"the remote's name '{name}' begins with a dash")
    tree = open_checkout(str(clone.path))
    assert push(tree, upstream_of(tree), tracking_commit(clone), clone.head, 10) == Pushed(
        f"the remote's name '{name}' begins with a dash"
    )
    assert not (tmp_path / "ran").exists()


class TestPush:
    def pushed(self, clone: Clone, tree: WorkTree) -> Pushed:
        return push(tree, upstream_of(tree), tracking_commit(clone), clone.head, 10)

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
        assert (fetched_status(clone).freshness, fetched_status(clone).ahead) == ("fresh", 0)

    def test_another_was_faster(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.git("config", "remote.origin.push", "+refs/heads/*:refs/heads/*")
        clone.commit()
        theirs, result = origin.head, self.pushed(clone, tree)
        assert (result.rejected, result.error.partition(":")[0]) == (True, "[rejected] (stale info)")
        assert origin.head == theirs

    def test_is_refused_by_a_hook(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        hook = origin.path / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'No — not today' >&2\nexit 1\n")
        hook.chmod(0o755)
        theirs = origin.head
        clone.commit()
        result = self.pushed(clone, tree)
        assert (result.rejected, result.error.startswith("[remote rejected] (pre-receive hook declined): ")) == (
            False,
            True,
        )
        assert "No — not today" in result.error
        assert origin.head == theirs

    def test_hook_of_the_clone_is_not_run(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        for name in ("pre-push", "reference-transaction"):
            hook(name, "touch .git/ran; exit 1")
        clone.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--allow-empty", "--message=Mine")
        assert (self.pushed(clone, tree), origin.head) == (Pushed(), clone.head)
        assert not (clone.path / ".git" / "ran").exists()

    def test_branch_that_is_gone_since_the_fetch_is_not_made_again(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        assert fetched(tree).ok
        clone.commit()
        origin.git("branch", "--move", "main", "trunk")
        result = self.pushed(clone, tree)
        assert origin.git("for-each-ref", "--format=%(refname)") == "refs/heads/trunk"
        assert result.error

    def test_remote_that_is_not_there(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        result = self.pushed(clone, tree)
        assert ("does not appear to be a git repository" in result.error, result.rejected) == (True, False)

    def test_another_branch_of_this_clone_that_it_follows_stays(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        before = clone.git("rev-parse", "main")
        head = clone.commit()
        assert (self.pushed(clone, tree), clone.git("rev-parse", "main")) == (Pushed(), before)
        assert origin.head == head

    def test_submodules_are_not_pushed(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("submodule", "--quiet", "add", str(origin.path), "sub")
        clone.git("config", "push.recurseSubmodules", "on-demand")
        clone.git("-C", "sub", "commit", "--quiet", "--allow-empty", "--message=Theirs")
        theirs, head = clone.git("-C", "sub", "rev-parse", "HEAD"), clone.commit()
        assert self.pushed(clone, tree) == Pushed()
        assert (origin.head, theirs in origin.git("rev-list", "--all").split()) == (head, False)
