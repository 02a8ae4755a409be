"""Where a remote is, what a fetch brings, and how a commit gets there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.checkout.git import GitError
from consistency.checkout.remote import (
    Fetched,
    ForeignCloneError,
    Pushed,
    RemoteRefs,
    Upstream,
    default_branch,
    fetch,
    find_origin,
    find_upstream,
    has_commit,
    list_remote,
    normalised,
    push,
    renamed_branch,
)
from consistency.checkout.worktree import WorkTree, open_checkout
from consistency.core.gate import EMPTY, FETCHED, GONE, NO_UPSTREAM, NOT_ASKED
from tests.checkout.desk import advance, fetched, seen, upstream_of
from tests.support.gitlog import GitProcesses
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


def url_of(origin: Origin) -> str:
    """The place of *origin*, `normalised`."""
    return str(origin.path).removesuffix(".git")


def noted(clone: Clone) -> str:
    """The commit of the repo's branch as the clone knows it."""
    return clone.git("for-each-ref", "--format=%(objectname)", "refs/remotes/*/main")


class TestOrigin:
    """Where a clone comes from, when nothing else is known of its repo."""

    def test_of_a_clone(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        assert find_origin(tree) == Upstream("origin", "HEAD", url_of(origin))
        clone.git("remote", "set-url", "origin", "short:repo.git")
        clone.git("config", "url.https://example.org/.insteadOf", "short:")
        clone.git("remote", "set-url", "--add", "origin", "https://elsewhere.example.org/x")
        assert find_origin(tree) == Upstream("origin", "HEAD", "example.org/repo")

    @pytest.mark.parametrize("tracking", [True, False])
    def test_is_the_only_remote_whatever_its_name(self, clone: Clone, tree: WorkTree, tracking: bool) -> None:
        before = find_origin(tree)
        clone.git("remote", "rename", "origin", "github")
        if not tracking:
            clone.git("branch", "--unset-upstream")
        after = find_origin(tree)
        assert before is not None
        assert after == Upstream("github", "HEAD", before.url)

    def test_is_nothing_without_a_remote(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "remove", "origin")
        assert find_origin(tree) is None
        assert find_origin(tree, "example.org/team/repo") is None

    def test_of_several_the_one_that_leads_to_what_is_known(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "fork", "git@example.org:me/repo.git")
        assert find_origin(tree, "example.org/me/repo") == Upstream("fork", "HEAD", "example.org/me/repo")
        for known in ("", url_of(origin), "example.org/unheard/of"):
            assert find_origin(tree, known) == Upstream("origin", "HEAD", url_of(origin))

    def test_of_several_the_tracked_one(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "fork", "git@example.org:me/repo.git")
        clone.git("config", "branch.main.remote", "fork")
        assert find_origin(tree) == Upstream("fork", "HEAD", "example.org/me/repo")

    def test_of_several_none_can_be_told(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "rename", "origin", "b")
        clone.git("remote", "add", "a", "git@example.org:me/repo.git")
        clone.git("branch", "--unset-upstream")
        with pytest.raises(ForeignCloneError) as caught:
            find_origin(tree)
        known, _, remotes = str(caught.value).partition(", and ")
        assert known == "the hub knows of no origin of the repo"
        assert remotes.startswith("the clone's remotes are a (example.org/me/repo), b (/")


class TestUpstream:
    def test_of_a_clone(self, origin: Origin, tree: WorkTree) -> None:
        upstream = Upstream("origin", "refs/heads/main", url_of(origin), push_remote="origin")
        for known in ("", url_of(origin)):
            for branch in ("", "main"):
                assert find_upstream(tree, known, branch) == upstream
        assert (upstream.name, upstream.tracking) == ("origin/main", "refs/remotes/origin/main")
        assert (upstream.key, upstream.host) == (f"{url_of(origin)} refs/heads/main", "")

    def test_is_the_same_place_however_it_is_written(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "rename", "origin", "elsewhere")
        clone.git("config", "core.sshCommand", "ssh -v")
        clone.git("config", "url.ssh://git@example.org:22/.insteadOf", "short:")
        clone.git("config", "url.https://nowhere.example.org/.insteadOf", "sh")
        for url in ("short:team/repo.git", "https://me:secret@Example.org/team/repo"):
            clone.git("remote", "set-url", "elsewhere", url)
            upstream = find_upstream(tree, "example.org/team/repo", "main")
            assert upstream == Upstream("elsewhere", "refs/heads/main", "example.org/team/repo", "ssh -v", "elsewhere")
            assert (upstream.key, upstream.host) == ("example.org/team/repo refs/heads/main", "example.org")

    def test_is_the_repos_branch_whatever_is_checked_out(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        expected = find_upstream(tree, url_of(origin), "main")
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        assert find_upstream(tree, url_of(origin), "main") == expected
        clone.git("checkout", "--quiet", "--detach")
        assert find_upstream(tree, url_of(origin), "main") == expected
        clone.git("checkout", "--quiet", "main")
        clone.git("config", "branch.main.merge", "refs/heads/other")
        clone.git("config", "branch.main.remote", "nowhere")
        assert find_upstream(tree, url_of(origin), "main") == expected
        clone.git("config", "--unset-all", "remote.origin.fetch")
        clone.git("branch", "--unset-upstream")
        assert find_upstream(tree, url_of(origin), "main") == expected

    def test_is_what_the_clone_says_if_the_hub_knows_nothing(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("config", "branch.main.merge", "refs/heads/other")
        assert upstream_of(tree, "").ref == "refs/heads/other"
        clone.git("branch", "--unset-upstream")
        assert upstream_of(tree, "").ref == "refs/heads/main"
        clone.git("checkout", "--quiet", "--detach")
        with pytest.raises(ForeignCloneError, match="HEAD is detached, and the hub does not know which branch"):
            find_upstream(tree, "", "")

    def test_is_nothing_without_a_remote(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "remove", "origin")
        assert find_upstream(tree, "", "main") is None
        with pytest.raises(ForeignCloneError, match=r"it has no remote, and the repo's origin is example\.org/repo$"):
            find_upstream(tree, "example.org/repo", "main")

    def test_of_another_repository_is_none(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        with pytest.raises(ForeignCloneError) as caught:
            find_upstream(tree, "example.org/team/repo", "main")
        assert str(caught.value) == (
            f"the repo's origin is example.org/team/repo, and the clone's remotes are origin ({url_of(origin)})"
        )

    def test_of_several_remotes_the_one_that_leads_there(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "fork", "https://me:secret@example.org/me/repo.git")
        clone.git("config", "branch.main.remote", "fork")
        assert upstream_of(tree, origin=url_of(origin)).remote == "origin"
        assert upstream_of(tree, origin="example.org/me/repo").remote == "fork"
        with pytest.raises(ForeignCloneError) as caught:
            find_upstream(tree, "example.org/other", "main")
        assert "secret" not in str(caught.value)

    def test_of_two_that_lead_there_the_tracked_one(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "a", f"file://{origin.path}")
        assert upstream_of(tree, origin=url_of(origin)).remote == "origin"
        clone.git("config", "branch.main.remote", "a")
        assert upstream_of(tree, origin=url_of(origin)).remote == "a"

    def test_of_a_linked_worktree_with_settings_of_its_own(self, origin: Origin, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "-b", "topic", str(linked.path))
        clone.git("config", "extensions.worktreeConfig", "true")
        linked.git("config", "--worktree", "branch.main.pushRemote", "no_push")
        assert upstream_of(open_checkout(str(clone.path))).push_refusal == ""
        assert "no_push" in upstream_of(open_checkout(str(linked.path))).push_refusal

    def test_takes_one_process(self, clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
        git_processes.clear()
        assert find_upstream(tree, "", "main")
        assert len(git_processes) == 1

    def test_name_that_is_not_utf8(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        name = b"caf\xe9".decode(errors="surrogateescape")
        clone.git("checkout", "--quiet", "-b", name)
        advance(clone)
        assert fetched(tree, branch=name) == Fetched(FETCHED, clone.head)


class TestPushSettings:
    """The clone's own settings of where a push goes hold, or it is refused."""

    def refusal(self, clone: Clone, *settings: tuple[str, str]) -> str:
        for name, value in settings:
            clone.git("config", "--add", name, value)
        tree = open_checkout(str(clone.path))
        before, head = clone.git("for-each-ref", "refs/remotes"), clone.commit("Mine")
        upstream = upstream_of(tree)
        result = push(tree, upstream, noted(clone), head, 10)
        assert (result.trouble, result.faster) == (upstream.push_refusal, False)
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
        assert push(tree, upstream_of(tree), noted(clone), clone.head, 10) == Pushed()
        assert origin.head == clone.head

    @pytest.mark.parametrize("settings", [
        [("branch.main.pushRemote", "fork")],
        [("remote.pushDefault", "fork")],
        [("remote.origin.pushurl", "{fork}")],
        [("remote.origin.pushurl", "{origin}"), ("remote.origin.pushurl", "{fork}")],
        [("url.{fork}.pushInsteadOf", "{origin}")],
        [("remote.origin.url", "{fork}")],
    ])  # fmt: skip
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

    @pytest.mark.parametrize("settings", [
        [("remote.origin.pushurl", "file://{origin}")],
        [("remote.pushDefault", "same")],
        [("branch.main.pushRemote", "same")],
        [("remote.pushDefault", "no_push"), ("branch.main.pushRemote", "origin")],
        [("url.{origin}.pushInsteadOf", "nowhere:"), ("url.{origin}.insteadOf", "nowhere:")],
        [("remote.origin.url", "file://{origin}")],
        [("push.default", "nothing")],
        [("remote.origin.push", "refs/heads/other:refs/heads/other")],
        [("push.gpgSign", "true"), ("gpg.program", "false")],
    ])  # fmt: skip
    def test_lead_to_the_same_place(self, origin: Origin, clone: Clone, settings: list[tuple[str, str]]) -> None:
        clone.git("remote", "add", "same", f"file://{origin.path}")
        clone.git("branch", "private")
        for name, value in settings:
            clone.git("config", "--add", name.format(origin=origin.path), value.format(origin=origin.path))
        tree, head = open_checkout(str(clone.path)), clone.commit("Mine")
        assert push(tree, upstream_of(tree), noted(clone), head, 10) == Pushed()
        assert origin.git("for-each-ref", "--format=%(objectname) %(refname)") == f"{head} refs/heads/main"

    def test_ask_for_what_cannot_be_done(self, origin: Origin, clone: Clone) -> None:
        clone.git("branch", "private")
        clone.git("config", "remote.origin.mirror", "true")
        tree, theirs = open_checkout(str(clone.path)), origin.git("for-each-ref")
        result = push(tree, upstream_of(tree), noted(clone), clone.commit("Mine"), 10)
        assert result == Pushed("fatal: --mirror can't be combined with refspecs")
        assert origin.git("for-each-ref") == theirs

    def test_password_is_not_told(self, clone: Clone) -> None:
        words = self.refusal(clone, ("remote.origin.pushurl", "https://me:secret@example.org/x.git"))
        assert ("secret" in words, "example.org/x" in words) == (False, True)


class TestFetch:
    def test_knows_the_tip(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert fetched(tree) == Fetched(FETCHED, origin.head)
        assert clone.git("rev-parse", "origin/main") == origin.head

    def test_of_no_upstream(self, tree: WorkTree) -> None:
        assert fetch(tree, None, 10) == Fetched(NO_UPSTREAM)

    def test_brings_the_commit_of_the_branch_alone(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        other = origin.clone("other")
        advance(other)
        other.git("tag", "v1")
        other.git("push", "--quiet", "--tags")
        other.git("checkout", "--quiet", "-b", "topic")
        advance(other, "more")
        for name, value in (("remote.origin.tagOpt", "--tags"), ("fetch.prune", "true"), ("fetch.pruneTags", "true")):
            clone.git("config", name, value)
        clone.git("tag", "mine")
        assert fetched(tree) == Fetched(FETCHED, origin.head)
        assert (clone.git("tag"), clone.git("for-each-ref", "refs/remotes/origin/topic")) == ("mine", "")

    def test_branch_that_is_gone(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("branch", "--move", "main", "trunk")
        assert fetched(tree) == Fetched(GONE, default="trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/nowhere")
        assert fetched(tree) == Fetched(GONE)
        assert clone.git("rev-parse", "refs/heads/main") == clone.head

    def test_branch_that_is_gone_although_noted(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("branch", "--move", "main", "trunk")
        noted = clone.git("rev-parse", "origin/main")
        assert fetched(tree).outcome == GONE
        assert clone.git("rev-parse", "origin/main") == noted

    def test_origin_without_any_commit(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("update-ref", "-d", "refs/heads/main")
        assert fetched(tree) == Fetched(EMPTY)

    def test_remote_that_does_not_answer(self, origin: Origin, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        outcome = fetched(tree)
        assert (outcome.ok, outcome.failed, outcome.is_empty, outcome.tip) == (False, True, False, "")

    def test_takes_one_process(self, clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
        upstream = upstream_of(tree)
        git_processes.clear()
        assert fetch(tree, upstream, 10).ok
        assert len(git_processes) == 1

    def test_runs_no_hook(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        hook("reference-transaction", "touch .git/ran")
        advance(origin.clone("other"))
        assert fetched(tree).ok
        assert not (clone.path / ".git" / "ran").exists()

    @pytest.mark.parametrize(("outcome", "ok", "is_empty", "failed"), [
        (FETCHED, True, False, False),
        (NOT_ASKED, False, False, False),
        (NO_UPSTREAM, False, True, False),
        (EMPTY, False, True, False),
        (GONE, False, False, False),
        ("fatal: so", False, False, True),
    ])  # fmt: skip
    def test_outcomes(self, outcome: str, ok: bool, is_empty: bool, failed: bool) -> None:
        fetched = Fetched(outcome)
        assert (fetched.ok, fetched.is_empty, fetched.failed) == (ok, is_empty, failed)


def test_remote_that_looks_like_an_option(clone: Clone, tmp_path: Path) -> None:
    name = f"--upload-pack=touch {tmp_path}/ran;"
    clone.write(".git/config", clone.read(".git/config").replace(b'"origin"', f'"{name}"'.encode()))
    state = seen(clone)
    assert (state.freshness, state.fetched.outcome) == ("unknown", f"the remote's name '{name}' begins with a dash")
    tree = open_checkout(str(clone.path))
    assert push(tree, upstream_of(tree), noted(clone), clone.head, 10) == Pushed(
        f"the remote's name '{name}' begins with a dash"
    )
    assert not (tmp_path / "ran").exists()


class TestListing:
    def test_branches_and_the_default(self, origin: Origin, tree: WorkTree) -> None:
        origin.git("branch", "topic")
        origin.git("tag", "v1")
        commits = {"refs/heads/main": origin.head, "refs/heads/topic": origin.head}
        assert list_remote(tree, upstream_of(tree), 10) == RemoteRefs(commits, "main")
        origin.git("symbolic-ref", "HEAD", "refs/heads/unborn")
        assert list_remote(tree, upstream_of(tree), 10) == RemoteRefs(commits, "")

    def test_remote_that_is_not_there(self, origin: Origin, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        with pytest.raises(GitError, match="does not appear to be a git repository"):
            list_remote(tree, upstream_of(tree), 10)


class TestPush:
    def pushed(self, clone: Clone, tree: WorkTree) -> Pushed:
        return push(tree, upstream_of(tree), noted(clone), clone.head, 10)

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
        assert (result.faster, result.trouble.partition(":")[0]) == (True, "[rejected] (stale info)")
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
        assert result.trouble

    def test_remote_that_is_not_there(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        result = self.pushed(clone, tree)
        assert ("does not appear to be a git repository" in result.trouble, result.faster) == (True, False)

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


class TestDefaultBranch:
    def test_as_the_clone_has_noted(self, origin: Origin, tree: WorkTree) -> None:
        upstream = upstream_of(tree)
        origin.path.rename(origin.path.with_name("away"))
        assert default_branch(tree, upstream, 10) == "main"

    def test_as_origin_says(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "set-head", "origin", "--delete")
        origin.git("branch", "team/trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/team/trunk")
        assert default_branch(tree, upstream_of(tree), 10) == "team/trunk"

    def test_where_nobody_says(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        upstream = upstream_of(tree)
        clone.git("remote", "set-head", "origin", "--delete")
        origin.git("update-ref", "--no-deref", "HEAD", origin.head)
        assert default_branch(tree, upstream, 10) == ""
        origin.path.rename(origin.path.with_name("away"))
        assert default_branch(tree, upstream, 10) == ""


class TestRenamedBranch:
    def test_is_the_default_once_the_old_one_is_gone(self, origin: Origin, tree: WorkTree) -> None:
        upstream = upstream_of(tree)
        assert renamed_branch(tree, upstream, "main", 10) == ""
        origin.git("branch", "--move", "main", "trunk")
        assert renamed_branch(tree, upstream, "main", 10) == "trunk"

    def test_is_not_known_if_nobody_answers(self, origin: Origin, tree: WorkTree) -> None:
        upstream = upstream_of(tree)
        origin.path.rename(origin.path.with_name("away"))
        assert renamed_branch(tree, upstream, "main", 10) == ""

    def test_is_nothing_while_both_are_there(self, origin: Origin, tree: WorkTree) -> None:
        origin.git("branch", "trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        assert renamed_branch(tree, upstream_of(tree), "main", 10) == ""


class TestHasCommit:
    def test_one_of_them(self, clone: Clone, tree: WorkTree) -> None:
        assert has_commit(tree, ["1" * 40, clone.head]) is True

    def test_none_of_them(self, clone: Clone, tree: WorkTree) -> None:
        assert has_commit(tree, ["1" * 40, clone.git("rev-parse", "HEAD:README.md")]) is False
        assert has_commit(tree, []) is False
