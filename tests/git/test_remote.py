"""Finds the repo's remote, and lists its branches."""

from __future__ import annotations

import pytest

from consistency.core.comparison.gates import FETCHED
from consistency.git.process import GitError
from consistency.git.remote import (
    Fetched,
    ForeignCloneError,
    RemoteRefs,
    Upstream,
    default_branch,
    find_origin,
    find_upstream,
    list_remote,
    renamed_branch,
)
from consistency.git.worktree import WorkTree, open_checkout
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import advance, fetched, upstream_of, url_of


def noted(clone: Clone) -> str:
    """Return the commit of the repo's branch as the clone knows it."""
    return clone.git("for-each-ref", "--format=%(objectname)", "refs/remotes/*/main")


class TestOrigin:
    """The origin of a clone with an unknown repo."""

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
        assert find_origin(tree, ["example.org/team/repo"]) is None

    def test_of_several_the_one_that_leads_to_what_is_known(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "fork", "git@example.org:me/repo.git")
        assert find_origin(tree, ["example.org/me/repo"]) == Upstream("fork", "HEAD", "example.org/me/repo")
        for known in ([], [url_of(origin)], ["example.org/unheard/of"]):
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
        for known in ([], [url_of(origin)]):
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
            upstream = find_upstream(tree, ["example.org/team/repo"], "main")
            assert upstream == Upstream("elsewhere", "refs/heads/main", "example.org/team/repo", "ssh -v", "elsewhere")
            assert (upstream.key, upstream.host) == ("example.org/team/repo refs/heads/main", "example.org")

    def test_is_the_repos_branch_whatever_is_checked_out(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        expected = find_upstream(tree, [url_of(origin)], "main")
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        assert find_upstream(tree, [url_of(origin)], "main") == expected
        clone.git("checkout", "--quiet", "--detach")
        assert find_upstream(tree, [url_of(origin)], "main") == expected
        clone.git("checkout", "--quiet", "main")
        clone.git("config", "branch.main.merge", "refs/heads/other")
        clone.git("config", "branch.main.remote", "nowhere")
        assert find_upstream(tree, [url_of(origin)], "main") == expected
        clone.git("config", "--unset-all", "remote.origin.fetch")
        clone.git("branch", "--unset-upstream")
        assert find_upstream(tree, [url_of(origin)], "main") == expected

    def test_is_what_the_clone_says_if_the_hub_knows_nothing(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("config", "branch.main.merge", "refs/heads/other")
        assert upstream_of(tree, "").ref == "refs/heads/other"
        clone.git("branch", "--unset-upstream")
        assert upstream_of(tree, "").ref == "refs/heads/main"
        clone.git("checkout", "--quiet", "--detach")
        with pytest.raises(ForeignCloneError, match="HEAD is detached, and the hub does not know which branch"):
            find_upstream(tree, [], "")

    def test_is_nothing_without_a_remote(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "remove", "origin")
        assert find_upstream(tree, [], "main") is None
        with pytest.raises(ForeignCloneError, match=r"it has no remote, and the repo's origin is example\.org/repo$"):
            find_upstream(tree, ["example.org/repo"], "main")

    def test_of_another_repository_is_none(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        with pytest.raises(ForeignCloneError) as caught:
            find_upstream(tree, ["example.org/team/repo"], "main")
        assert str(caught.value) == (
            f"the repo's origin is example.org/team/repo, and the clone's remotes are origin ({url_of(origin)})"
        )

    def test_of_several_remotes_the_one_that_leads_there(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("remote", "add", "fork", "https://me:secret@example.org/me/repo.git")
        clone.git("config", "branch.main.remote", "fork")
        assert upstream_of(tree, origin=url_of(origin)).remote == "origin"
        assert upstream_of(tree, origin="example.org/me/repo").remote == "fork"
        with pytest.raises(ForeignCloneError) as caught:
            find_upstream(tree, ["example.org/other"], "main")
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
        assert find_upstream(tree, [], "main")
        assert len(git_processes) == 1

    def test_name_that_is_not_utf8(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        name = b"caf\xe9".decode(errors="surrogateescape")
        clone.git("checkout", "--quiet", "-b", name)
        advance(clone)
        assert fetched(tree, branch=name) == Fetched(FETCHED, clone.head)


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
