"""Single refs of the remote: how they are read, replaced under a lease, and removed."""

from __future__ import annotations

from consistency.git.remote import PushedRef, push_ref, read_refs
from consistency.git.worktree import WorkTree
from testing.repos import Clone, Origin
from tests.git.desk import upstream_of

REF = "refs/heads/statehub/main"


def test_refs_are_read_by_their_whole_names(origin: Origin, clone: Clone, tree: WorkTree) -> None:
    upstream = upstream_of(tree)
    assert read_refs(tree, upstream, REF, 10) == {}
    for ref in (REF, "refs/heads/a/refs/heads/statehub/main", "refs/pull/7/head", "refs/pull/8/head"):
        origin.git("update-ref", ref, origin.head)
    assert read_refs(tree, upstream, REF, 10)[REF] == origin.head
    assert sorted(read_refs(tree, upstream, "refs/pull/*/head", 10)) == ["refs/pull/7/head", "refs/pull/8/head"]


def test_ref_is_made_replaced_and_removed_under_a_lease(origin: Origin, clone: Clone, tree: WorkTree) -> None:
    upstream, first = upstream_of(tree), clone.commit("1")
    clone.git("reset", "--quiet", "--hard", "HEAD^")
    second = clone.commit("2")

    def push(commit: str, lease: str) -> PushedRef:
        return push_ref(tree, upstream, commit, REF, 10, lease=lease)

    assert push(first, "")[:2] == ("", REF)
    # It is there, or elsewhere.
    for commit, lease in ((second, ""), (second, second), ("", second)):
        assert push(commit, lease).error.startswith("[rejected] (stale info): ")
        assert read_refs(tree, upstream, REF, 10) == {REF: first}
    assert push(second, first)[:2] == ("", REF)
    assert read_refs(tree, upstream, REF, 10) == {REF: second}
    assert push("", second)[:2] == ("", REF)
    assert read_refs(tree, upstream, REF, 10) == {}


def test_push_options_go_where_they_are_taken(origin: Origin, clone: Clone, tree: WorkTree) -> None:
    upstream, commit = upstream_of(tree), clone.commit("1")
    noted = origin.path / "noted"
    hook = origin.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" >"{noted}"\necho heard >&2\n')
    hook.chmod(0o755)
    done = push_ref(tree, upstream, commit, REF, 10, lease="", options=["a=b c"])
    assert (done.error, noted.read_text()) == ("", "0 \n")
    origin.git("config", "receive.advertisePushOptions", "true")
    done = push_ref(tree, upstream, clone.commit("2"), REF, 10, lease=commit, options=["a=b c"])
    assert (done.error, done.ref, noted.read_text()) == ("", REF, "1 a=b c\n")
    assert "remote: heard" in done.message


def test_push_to_elsewhere_is_refused(origin: Origin, clone: Clone, tree: WorkTree) -> None:
    upstream = upstream_of(tree)._replace(push_refusal="the clone pushes elsewhere")
    assert push_ref(tree, upstream, clone.head, REF, 10, lease="") == PushedRef("the clone pushes elsewhere")
    assert read_refs(tree, upstream, REF, 10) == {}
