"""Relation of a clone to the repo's branch on the repo's origin: unknown is not harmless, on any machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statehub.models import Repo, Workstream
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.samples import T01
from tests.cli.helpers import (
    FILE,
    TEXT,
    codes,
    episodes,
    finding,
    findings,
    hub_rows,
    statuses,
    tree,
)
from tests.multihost.machine import Machine, machine, make_machines, repo, report

pytestmark = pytest.mark.usefixtures("hub")

REFS = ("for-each-ref", "--format=%(objectname) %(refname)")
WRITTEN = ("C-13", "written_back")


def gate(code: str, message: str, severity: str = "WARN") -> dict[str, Any]:
    return finding(code, message, severity=severity, file=None, workplan=None)


def everything(origin: Origin, *machines: Machine) -> list[Any]:
    """Return all that must not change at a closed gate: origin's branches, the hub, and each clone but its notes."""
    clones = [(tree(each.clone), each.clone.git(*REFS, "refs/heads")) for each in machines]
    return [origin.git(*REFS), hub_rows(), clones]


def outcome(ended: Ended) -> tuple[int, str, str, str, bool]:
    """Exit, stderr, and what the report says of the one checkout."""
    part = repo(ended)
    return ended.exit, ended.stderr, part["outcome"], part["freshness"], part["converged"]


def require_held(origin: Origin, held: Machine, *wanted: dict[str, Any], option: str = "--push") -> None:
    """Check that two fixes of *held* write nothing of any kind and report *wanted*; so does a check, as a note."""
    before = everything(origin, held)
    for run, severity in ((held.check, "INFO"), (held.fix, "WARN"), (held.fix, "WARN")):
        ended = run(*([option] if run == held.fix else []))
        gates = [{**each, "severity": severity} for each in wanted]
        assert (ended.exit, ended.stderr, findings(ended)[: len(wanted)]) == (0, "", gates)
        assert len(findings(ended)) == len(wanted) or run == held.check
        assert everything(origin, held) == before


GONE = gate(
    "C-22",
    "Repo 'a': branch 'main' is gone from origin — nothing is written; its default branch is 'trunk': "
    "git switch trunk, then register_repo PATH follows it",
)


class TestBranchRenamed:
    @pytest.mark.parametrize("prune", ["true", "false"])
    def test_unpushed_work_of_a_person_is_not_published(self, origin: Origin, prune: str) -> None:
        (a,) = make_machines(origin, "a")
        a.clone.git("config", "fetch.prune", prune)
        origin.git("branch", "--move", "main", "trunk")
        a.clone.write("private.md", "mine")
        a.commit("Mine")
        report(T01, "done")
        require_held(origin, a, GONE)

    def test_fresh_clone_is_held_until_the_repo_follows(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        origin.git("branch", "--move", "main", "trunk")
        c = Machine("c", origin.clone("c"))
        ended = c.manage("register_repo", str(c.clone.path))
        assert (ended.exit, Repo.objects.get().branch) == (0, "main")
        report(T01, "done")
        require_held(origin, c, GONE)
        for each in (a, b, c):
            if each is not c:
                each.clone.git("branch", "--move", "main", "trunk")
                each.clone.git("fetch", "--quiet")
                each.clone.git("branch", "--quiet", "--set-upstream-to=origin/trunk")
            assert each.manage("register_repo", str(each.clone.path)).exit == 0
        assert Repo.objects.get().branch == "trunk"
        assert outcome(a.fix("--push")) == (0, "", "ok", "fresh", True)
        for each in (b, c):
            ended = each.fix("--pull", "--push")
            assert (codes(ended), outcome(ended)) == ([], (0, "", "ok", "fresh", True))
        heads = {each.clone.head for each in (a, b, c)}
        assert origin.git(*REFS).split() == [*heads, "refs/heads/trunk"]
        assert [each.statuses()[T01] for each in (a, b, c)] == ["done"] * 3

    def test_other_machine_is_held_until_it_follows(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        origin.git("branch", "--move", "main", "trunk")
        a.clone.git("fetch", "--quiet")
        a.clone.git("checkout", "--quiet", "trunk")
        assert a.manage("register_repo", str(a.clone.path)).exit == 0
        report(T01, "done")
        words = "Repo 'a' is on branch 'main', not on 'trunk' — nothing is written (--any-branch lifts this)"
        require_held(origin, b, gate("C-18", words))
        assert (codes(a.fix("--push")), origin.git(*REFS)) == ([WRITTEN], f"{a.clone.head} refs/heads/trunk")


# ---- Clones that reach the same branch in other ways -----------------------------------------------------------------


def plain(origin: Origin) -> Clone:
    return origin.clone("x")


def without_tracking(origin: Origin) -> Clone:
    clone = origin.clone("x")
    clone.git("branch", "--unset-upstream")
    return clone


def other_remote_name(origin: Origin) -> Clone:
    return origin.clone("x", "--origin=github")


def single_branch(origin: Origin) -> Clone:
    return origin.clone("x", "--single-branch", "--branch=main")


def without_refspec(origin: Origin) -> Clone:
    clone = origin.clone("x")
    clone.git("config", "--unset-all", "remote.origin.fetch")
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    return clone


def shallow(origin: Origin) -> Clone:
    path = origin.path.with_name("x")
    origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(path))
    return Clone(path)


def linked(origin: Origin) -> Clone:
    bare, path = origin.path.with_name("bare.git"), origin.path.with_name("x")
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
    origin.git(f"--git-dir={bare}", "worktree", "add", "--quiet", str(path), "main")
    return Clone(path)


WAYS = [plain, without_tracking, other_remote_name, single_branch, without_refspec, shallow, linked]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_the_branch_is_compared_pulled_and_pushed(origin: Origin, way: Callable[[Origin], Clone]) -> None:
    (a,) = make_machines(origin, "a")
    x = Machine("x", way(origin))
    assert x.manage("register_repo", str(x.clone.path), "--slug", "a").exit == 0
    assert (codes(x.fix()), Repo.objects.count()) == ([], 1)
    report(T01, "in_progress")
    ended = x.fix("--push")
    assert (codes(ended), outcome(ended)) == ([WRITTEN], (0, "", "ok", "fresh", True))
    assert (origin.git(*REFS), x.clone.status()) == (f"{x.clone.head} refs/heads/main", [])
    a.pull()
    a.edit(T01, "done")
    a.commit()
    a.push()
    behind = "Repo 'a' is behind remote — pull before fixing to avoid clobbering remote progress"
    require_held(origin, x, gate("C-14", behind))
    ended = x.fix("--pull", "--push")
    assert (codes(ended), outcome(ended)) == ([("C-11", "advanced")], (0, "", "ok", "fresh", True))
    assert (x.clone.head, statuses()[T01]) == (origin.head, "done")


def test_topic_that_is_tracked_is_not_the_repos_branch(origin: Origin) -> None:
    """If the tracking settings differ from the repo's branch, the repo counts."""
    (a,) = make_machines(origin, "a")
    origin.git("branch", "topic", "main")
    a.clone.git("fetch", "--quiet")
    a.clone.git("branch", "--quiet", "--set-upstream-to=origin/topic")
    topic = origin.git("rev-parse", "topic")
    report(T01, "done")
    assert codes(a.fix("--push")) == [WRITTEN]
    assert origin.git(*REFS).splitlines() == [f"{a.clone.head} refs/heads/main", f"{topic} refs/heads/topic"]


# ---- Detached --------------------------------------------------------------------------------------------------------


class TestDetached:
    OFF = gate(
        "C-18",
        "Repo 'a' has a detached HEAD that is not the tip of 'main' — nothing is written (--any-branch lifts this)",
    )
    BEHIND = gate("C-14", "Repo 'a' is behind remote — pull before fixing to avoid clobbering remote progress")

    def test_older_commit_does_not_bring_an_old_title_back(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        a.clone.write(FILE, TEXT.replace("Workplan WP-1", "A better title"))
        a.commit()
        a.push()
        assert codes(a.fix()) == [("C-12", "updated")]
        a.clone.git("checkout", "--quiet", "HEAD~1")
        require_held(origin, a, self.BEHIND, self.OFF)
        assert (codes(b.fix("--pull")), Workstream.objects.get().title) == ([], "A better title")

    def test_topic_is_not_the_repos_word(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        a.clone.git("checkout", "--quiet", "-b", "topic")
        a.clone.write(FILE, TEXT.replace("Workplan WP-1", "Topic title").replace("status: todo", "status: done"))
        a.commit("Topic")
        a.clone.git("checkout", "--quiet", "--detach")
        require_held(origin, a, self.OFF)
        a.clone.git("checkout", "--quiet", "main")
        assert (codes(a.fix()), statuses()[T01]) == ([], "todo")

    @pytest.mark.parametrize("depth", [[], ["--depth=1"]])
    def test_tip_as_a_ci_checks_it_out_goes_on(self, origin: Origin, depth: list[str]) -> None:
        (a,) = make_machines(origin, "a")
        a.edit(T01, "done")
        a.commit()
        a.push()
        if depth:  # Below the cut it is unknown whether the sightings of others are older or newer.
            a.check()
        path = origin.path.with_name("ci")
        origin.git("init", "--quiet", str(path))
        ci = Machine("ci", Clone(path))
        ci.clone.git("remote", "add", "origin", str(origin.path))
        ci.clone.git("fetch", "--quiet", *depth, "origin", f"+{origin.head}:refs/remotes/origin/main")
        ci.clone.git("checkout", "--quiet", "--detach", "refs/remotes/origin/main")
        assert ci.manage("register_repo", str(path)).exit == 0
        ended = ci.fix("--no-fetch")
        assert (codes(ended), outcome(ended)) == ([("C-11", "advanced")], (0, "", "ok", "unknown", True))
        ended = ci.check()
        assert (codes(ended), outcome(ended)) == ([], (0, "", "ok", "fresh", True))
        ended = a.fix()
        assert (codes(ended), outcome(ended)) == ([], (0, "", "ok", "fresh", True))


# ---- In the middle of something --------------------------------------------------------------------------------------


def merge(clone: Clone) -> str:
    clone.git("merge", "--no-ff", "--no-commit", "topic")
    return "merge --abort"


def rebase(clone: Clone) -> str:
    clone.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "--interactive", "HEAD~1")
    return "rebase --abort"


def cherry_pick(clone: Clone) -> str:
    with pytest.raises(AssertionError):
        clone.git("cherry-pick", "conflicting")
    return "cherry-pick --abort"


def revert(clone: Clone) -> str:
    with pytest.raises(AssertionError):
        clone.git("revert", "--no-edit", "conflicting")
    return "revert --abort"


def am(clone: Clone) -> str:
    patch = clone.git("format-patch", "--stdout", "-1", "conflicting")
    with pytest.raises(AssertionError):
        clone.git("am", input=f"{patch}\n")
    return "am --abort"


def bisect(clone: Clone) -> str:
    clone.git("bisect", "start", "HEAD", "HEAD~1")
    clone.git("bisect", "reset", "HEAD")
    clone.git("bisect", "start")
    return "bisect reset"


UNDER_WAY = [
    (merge, "a merge"),
    (rebase, "a rebase"),
    (cherry_pick, "a cherry-pick"),
    (revert, "a revert"),
    (am, "a rebase or am"),
    (bisect, "a bisect"),
]


@pytest.mark.parametrize(("begin", "what"), UNDER_WAY, ids=[begin.__name__ for begin, _ in UNDER_WAY])
def test_nothing_is_taken_while_git_is_at_work(origin: Origin, begin: Callable[[Clone], str], what: str) -> None:
    (a,) = make_machines(origin, "a")
    for branch, text in (("topic", TEXT.replace("status: todo", "status: done")), ("conflicting", "# Another\n")):
        a.clone.git("checkout", "--quiet", "-b", branch, "main")
        a.clone.write(FILE if branch == "topic" else "README.md", text)
        a.commit(branch)
    a.clone.git("checkout", "--quiet", "main")
    a.clone.write("README.md", "# Mine\n")
    a.commit("Mine")
    a.push()
    assert codes(a.fix()) == []
    report(T01, "in_progress")
    end = begin(a.clone)
    held = gate("C-21", f"Repo 'a': {what} is in progress — nothing is written; finish or abort it")
    require_held(origin, a, held)
    before = everything(origin, a)
    (note, *_) = findings(a.fix("--dry-run"))
    assert (note, everything(origin, a)) == (held, before)
    a.clone.git(*end.split())
    ended = a.fix("--push")
    assert (codes(ended), outcome(ended)) == ([WRITTEN], (0, "", "ok", "fresh", True))
    assert ("C-21", "gone", 4) in episodes()
    assert (origin.git(*REFS), a.statuses()[T01]) == (f"{a.clone.head} refs/heads/main", "in_progress")


# ---- No remote, and a push that is forbidden -------------------------------------------------------------------------


def test_repository_without_a_remote_goes_on_in_silence(origin: Origin) -> None:
    clone = origin.clone("a")
    clone.git("remote", "remove", "origin")
    clone.write(FILE, TEXT)
    clone.commit("Plan")
    a = Machine("a", clone)
    assert a.fix("--push").exit == 0
    report(T01, "done")
    ended = a.fix("--push")
    assert (codes(ended), outcome(ended)) == ([WRITTEN], (0, "", "ok", "no_upstream", True))
    ended = a.fix("--push")
    assert (codes(ended), outcome(ended)) == ([], (0, "", "ok", "no_upstream", True))


def test_remote_that_was_removed(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    a.clone.git("remote", "remove", "origin")
    report(T01, "done")
    words = (
        f"Repo 'a': this clone does not come from the repo's origin: it has no remote, and the repo's origin is "
        f"{str(origin.path).removesuffix('.git')} — nothing is written (if the repository has moved: git remote "
        "set-url, then register_repo PATH)"
    )
    require_held(origin, a, gate("C-22", words))


def test_push_that_the_clones_settings_forbid(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    a.clone.git("config", "branch.main.pushRemote", "no_push")
    refs = origin.git(*REFS)
    report(T01, "done")
    refusal = gate(
        "C-16",
        "committed, not pushed: branch.main.pushremote is 'no_push', which is not a remote of the clone",
    )
    ended = a.fix("--push")
    assert (codes(ended), findings(ended)[1]) == ([WRITTEN, ("C-16", "none")], refusal)
    for _ in range(2):
        ended = a.fix("--push")
        assert (findings(ended), ended.exit, origin.git(*REFS)) == ([refusal], 0, refs)
    a.clone.git("config", "--unset", "branch.main.pushRemote")
    assert (codes(a.fix("--push")), origin.head) == ([], a.clone.head)
    assert episodes()[-1] == ("C-16", "gone", 3)


def test_first_push_to_an_empty_origin_is_a_persons(tmp_path: Any) -> None:
    empty = Origin(tmp_path / "empty.git")
    empty.path.mkdir()
    empty.git("init", "--quiet", "--bare", "--initial-branch=main")
    clone = empty.clone("a")
    clone.git("symbolic-ref", "HEAD", "refs/heads/main")
    clone.write(FILE, TEXT)
    clone.commit("Plan")
    a = Machine("a", clone)
    assert a.fix("--push").exit == 0
    report(T01, "done")
    refusal = gate(
        "C-16", "committed, not pushed: origin has no commit yet, and the first ones are for a person to push"
    )
    ended = a.fix("--push")
    assert (codes(ended), findings(ended)[1], empty.git(*REFS)) == ([WRITTEN, ("C-16", "none")], refusal, "")
    assert (findings(a.fix("--push")), empty.git(*REFS)) == ([refusal], "")
    clone.push()
    b = machine(empty, "b")
    for each in (a, b):
        ended = each.fix("--pull", "--push")
        assert (codes(ended), outcome(ended)) == ([], (0, "", "ok", "fresh", True))
    assert (a.statuses(), a.clone.head) == (b.statuses(), b.clone.head)
