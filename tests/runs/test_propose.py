"""Proposals for a protected branch: with real git, through the real command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consistency.git import remote
from consistency.git.addresses import normalize_url
from consistency.models import Finding, OwnCommit, Proposal
from statehub.models import Checkout, Repo, StatusChange
from testing import agit
from testing.gitlog import GitProcesses
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.samples import T01, T02, WRITEBACK_SUBJECT
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, episodes, findings, statuses
from tests.multihost.machine import PLACES, Machine, make_machines, reopen, repo, report

CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")

pytestmark = pytest.mark.usefixtures("hub", "clones")

BRANCH = "refs/heads/statehub/main"
WAITS = ("C-16", "waits as a proposal on statehub/main")
CLOSED = "was closed on statehub/main and is not proposed again until there are other statuses to propose"

OCCUPIED = "is not proposed: statehub/main has a commit that is not the hub's, which is left alone"

PROTECTED = """while read old new ref; do
  [ "$ref" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }
done"""


def protect(origin: Origin) -> Path:
    path = origin.path / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{PROTECTED}\n")
    path.chmod(0o755)
    return path


def proposing(origin: Origin) -> tuple[Machine, Machine]:
    """Return the machine of the hub's own clone, of a repo with a protected branch, and a person's machine."""
    (person,) = make_machines(origin, "person")
    hub = Machine("hub", Clone(origin.path))
    assert hub.manage("register_repo", "--remote", str(origin.path), "--writeback", "propose").exit == 0
    hub = Machine("hub", Clone(Path(Checkout.objects.get(managed=True).path)))
    assert codes(hub.fix()) == []
    protect(origin)
    return hub, person


def tip(origin: Origin, ref: str = BRANCH) -> str:
    """Return the commit of the branch on the remote; '' if there is none."""
    return origin.git("for-each-ref", "--format=%(objectname)", ref)


def said(ended: Ended) -> list[tuple[str, str]]:
    """List code and message of each finding."""
    return [(each["code"], each["message"]) for each in findings(ended)]


def statuses_at(origin: Origin, ref: str) -> dict[str, str]:
    lines = origin.git("show", f"{ref}:{FILE}").split("\n")
    return {task: lines[place - 1].removeprefix("status: ") for task, place in PLACES.items()}


def in_origin(origin: Origin, work: Callable[[Clone], object]) -> None:
    """Let a person, whom the forge allows it, change the repo's branch in a clone and push it."""
    path = origin.path / "hooks" / "pre-receive"
    away = path.rename(path.with_name("away"))
    clone = Clone(origin.path.with_name("forge"))
    if not clone.path.exists():
        origin.clone("forge")
    clone.git("fetch", "--quiet", "--prune", "origin")
    clone.git("checkout", "--quiet", "-B", "main", "origin/main")
    work(clone)
    clone.git("push", "--quiet", "--force", "origin", "main")
    away.rename(path)


def add_notes(clone: Clone) -> None:
    clone.write("notes.md", "news\n")
    clone.commit("Notes")


def amend(clone: Clone) -> None:
    clone.git("commit", "--quiet", "--amend", "-m", "Plan, worded better")


def finish_by_hand(origin: Origin, person: Machine, status: str = "done") -> None:
    """Let a person change the status of T01 on the repo's branch."""
    person.edit(T01, status)
    change = person.clone.read(FILE)

    def write(clone: Clone) -> None:
        clone.write(FILE, change)
        clone.commit("Work on T01")

    in_origin(origin, write)


def merge(clone: Clone) -> None:
    clone.git("merge", "--quiet", "--no-ff", "-m", "Merge", "origin/statehub/main")


def squash(clone: Clone) -> None:
    clone.git("merge", "--quiet", "--squash", "origin/statehub/main")
    clone.git("commit", "--quiet", "-m", "Sync task status (#1)")


def rebase(clone: Clone) -> None:
    clone.git("cherry-pick", "origin/statehub/main", env={"GIT_COMMITTER_DATE": "2030-01-01T00:00:00Z"})


def fast_forward(clone: Clone) -> None:
    clone.git("merge", "--quiet", "--ff-only", "origin/statehub/main")


def assert_at_rest(origin: Origin, hub: Machine) -> None:
    """Files and hub agree, nothing is proposed, and no further run changes a thing."""
    ended = hub.fix()
    assert (codes(ended), repo(ended)["converged"]) == ([], True)
    before = (origin.git("for-each-ref"), statuses(), StatusChange.objects.count(), OwnCommit.objects.count())
    assert codes(hub.fix()) == []
    assert (origin.git("for-each-ref"), statuses(), StatusChange.objects.count(), OwnCommit.objects.count()) == before
    assert tip(origin) == ""
    proposal = Proposal.objects.get()
    assert (proposal.commit, proposal.base, proposal.page, proposal.proposed_at) == ("", "", "", None)
    assert not Finding.objects.open().exists()


def test_status_waits_as_one_commit_on_the_tip(origin: Origin) -> None:
    hub, _ = proposing(origin)
    main = tip(origin, "refs/heads/main")
    report(T01, "done")
    before = (hub.clone.head, hub.clone.git("write-tree"), hub.clone.git("for-each-ref", "refs/heads"))
    ended = hub.fix()
    assert said(ended) == [
        ("C-13", "DB task 'Task WP-1-T01' is ahead of file (db=done, file=todo) — skipped to prevent regression"),
        WAITS,
    ]
    assert codes(ended) == [("C-13", "skipped"), ("C-16", "none")]
    shown = repo(ended)
    assert (shown["outcome"], shown["converged"], shown["writeback_commit"], shown["ahead"]) == ("ok", False, None, 0)
    # Neither branch, index nor work tree of the clone have moved, nor the repo's branch.
    assert (hub.clone.head, hub.clone.git("write-tree"), hub.clone.git("for-each-ref", "refs/heads")) == before
    assert (hub.clone.status(), tip(origin, "refs/heads/main")) == ([], main)
    assert origin.git("log", "--format=%s", f"{main}..{BRANCH}") == WRITEBACK_SUBJECT
    assert origin.git("rev-parse", f"{BRANCH}^") == main
    assert statuses_at(origin, BRANCH) == {T01: "done", T02: "in_progress"}
    proposal = Proposal.objects.get()
    assert (proposal.branch, proposal.commit, proposal.base) == ("statehub/main", tip(origin), main)
    assert proposal.proposed_at is not None


def test_it_is_the_commit_that_a_writeback_would_make(origin: Origin) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    Repo.objects.update(writeback="")
    assert repo(person.fix())["writeback_commit"] == tip(origin)


def test_it_waits_however_often_it_is_looked_at(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    proposed, changes = tip(origin), StatusChange.objects.count()
    for _ in range(8):
        ended = hub.fix()
        assert codes(ended) == [("C-13", "skipped"), ("C-16", "none")]
    assert (tip(origin), StatusChange.objects.count()) == (proposed, changes)
    assert episodes() == [("C-07", "created", 1), ("C-13", "", 9), ("C-16", "", 9)]
    assert OwnCommit.objects.filter(commit=proposed).count() == 1
    # With --verbosity 0 a run has nothing to say that the last one had not.
    quiet = hub.manage("fix_consistency", "--verbosity", "0", "--path", str(hub.clone.path))
    assert (quiet.exit, quiet.stdout) == (0, "")


@pytest.mark.parametrize("how", [merge, squash, rebase, fast_forward])
def test_merged(origin: Origin, how: Callable[[Clone], None]) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    in_origin(origin, how)
    assert_at_rest(origin, hub)
    assert statuses() == {T01: "done", T02: "in_progress"}
    person.pull()
    assert codes(person.fix()) == []


@pytest.mark.parametrize("how", [merge, squash, rebase, fast_forward])
def test_merged_and_the_branch_removed(origin: Origin, how: Callable[[Clone], None]) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    in_origin(origin, how)
    origin.git("update-ref", "-d", BRANCH)
    assert_at_rest(origin, hub)
    assert statuses() == {T01: "done", T02: "in_progress"}


def test_both_sides_move(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    first = tip(origin)
    report(T02, "done")
    hub.fix()
    second = tip(origin)
    assert statuses_at(origin, BRANCH) == {T01: "done", T02: "done"}
    assert origin.git("rev-parse", f"{second}^") == origin.git("rev-parse", f"{first}^")
    in_origin(origin, add_notes)
    hub.fix()
    assert origin.git("rev-parse", f"{BRANCH}^") == tip(origin, "refs/heads/main")
    assert origin.git("log", "--format=%s", f"main..{BRANCH}") == WRITEBACK_SUBJECT
    in_origin(origin, squash)
    assert_at_rest(origin, hub)
    assert statuses() == {T01: "done", T02: "done"}


def test_closed_is_not_opened_again_until_a_status_moves(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    origin.git("update-ref", "-d", BRANCH)
    for _ in range(3):
        ended = hub.fix()
        assert said(ended)[1:] == [("C-16", CLOSED)]
        assert tip(origin) == ""
    assert Proposal.objects.get().proposed_at is None
    report(T02, "done")
    assert said(hub.fix())[2:] == [WAITS]
    assert statuses_at(origin, BRANCH) == {T01: "done", T02: "done"}
    in_origin(origin, merge)
    assert_at_rest(origin, hub)


def test_closed_is_not_opened_again_if_only_the_repos_branch_moves(origin: Origin) -> None:
    """A person who closes a proposal declines what it says: a push of others does not repeat it."""
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    closed = tip(origin)
    origin.git("update-ref", "-d", BRANCH)
    own = OwnCommit.objects.count()
    for work in (add_notes, amend, lambda clone: clone.commit("Nothing")):
        in_origin(origin, work)
        for _ in range(2):
            assert said(hub.fix())[1:] == [("C-16", CLOSED)]
    assert (tip(origin), OwnCommit.objects.count(), Proposal.objects.get().commit) == ("", own, closed)
    # The person thinks better of it, and restores the branch.
    origin.git("update-ref", BRANCH, closed)
    assert said(hub.fix())[1:] == [WAITS]
    assert origin.git("rev-parse", f"{BRANCH}^") == tip(origin, "refs/heads/main")
    in_origin(origin, merge)
    assert_at_rest(origin, hub)


def test_closed_and_partly_done_by_hand_is_opened_with_the_rest(origin: Origin) -> None:
    """The branch may as well have been removed by a merge of an earlier one of its commits."""
    hub, person = proposing(origin)
    report(T01, "done")
    report(T02, "done")
    hub.fix()
    origin.git("update-ref", "-d", BRANCH)
    finish_by_hand(origin, person)
    assert said(hub.fix())[1:] == [WAITS]
    assert statuses_at(origin, BRANCH) == {T01: "done", T02: "done"}


def test_closed_and_done_by_hand(origin: Origin) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    origin.git("update-ref", "-d", BRANCH)
    hub.fix()
    finish_by_hand(origin, person)
    assert_at_rest(origin, hub)


def test_partly_done_by_hand(origin: Origin) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    report(T02, "done")
    hub.fix()
    finish_by_hand(origin, person)
    ended = hub.fix()
    assert codes(ended) == [("C-13", "skipped"), ("C-16", "none")]
    assert origin.git("diff", "--numstat", f"{BRANCH}^", BRANCH) == f"1\t1\t{FILE}"
    in_origin(origin, merge)
    assert_at_rest(origin, hub)
    assert statuses() == {T01: "done", T02: "done"}


def test_all_done_by_hand_withdraws_it(origin: Origin) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    assert tip(origin) != ""
    finish_by_hand(origin, person)
    assert_at_rest(origin, hub)


def test_edits_that_conflict(origin: Origin) -> None:
    """Main moves on in the very line: the proposal is built again on top of it."""
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    finish_by_hand(origin, person, "in_progress")
    assert said(hub.fix())[1:] == [WAITS]
    assert origin.git("diff", f"main..{BRANCH}").count("\n-status: in_progress\n+status: done") == 1
    in_origin(origin, fast_forward)
    assert_at_rest(origin, hub)
    assert statuses()[T01] == "done"


def test_reviewer_changes_another_status_in_it(origin: Origin) -> None:
    """A status that a person adds to the request while merging it is news."""
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()

    def edited(clone: Clone) -> None:
        clone.git("merge", "--quiet", "--squash", "origin/statehub/main")
        clone.write(FILE, clone.read(FILE).replace(b"status: in_progress", b"status: done"))
        clone.commit("Both are done")

    in_origin(origin, edited)
    ended = hub.fix()
    assert codes(ended) == [("C-11", "advanced")]
    assert_at_rest(origin, hub)
    assert statuses() == {T01: "done", T02: "done"}


def test_force_push_of_main(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    in_origin(origin, amend)
    assert said(hub.fix())[1:] == [WAITS]
    assert origin.git("rev-parse", f"{BRANCH}^") == tip(origin, "refs/heads/main")
    in_origin(origin, merge)
    assert_at_rest(origin, hub)


@pytest.mark.parametrize("how", [merge, squash, rebase, fast_forward])
def test_reopened_while_an_old_proposal_is_merged(origin: Origin, how: Callable[[Clone], None]) -> None:
    """The merge brings an older statement of the hub's own: the reopen holds."""
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    reopen(T01, "todo")
    in_origin(origin, how)
    ended = hub.fix()
    assert codes(ended) == [("C-15", "skipped"), ("C-16", "none")]
    assert (statuses()[T01], statuses_at(origin, BRANCH)[T01]) == ("todo", "todo")
    in_origin(origin, how)
    assert_at_rest(origin, hub)
    assert statuses()[T01] == "todo"


def test_reopened_and_withdrawn_at_the_moment_of_a_squash(origin: Origin) -> None:
    """The request is merged after the run has fetched, and before it has removed the branch."""
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    in_origin(origin, squash)
    merged = tip(origin, "refs/heads/main")
    origin.git("update-ref", "refs/heads/main", f"{merged}^")
    reopen(T01, "todo")
    assert codes(hub.fix()) == []
    assert tip(origin) == ""
    origin.git("update-ref", "refs/heads/main", merged)
    ended = hub.fix()
    assert codes(ended) == [("C-15", "skipped"), ("C-16", "none")]
    assert statuses()[T01] == "todo"


def test_person_says_what_a_withdrawn_proposal_said(origin: Origin) -> None:
    """No one can have merged the withdrawn commit: the same bytes are a person's own statement."""
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    reopen(T01, "todo")
    hub.fix()
    hub.fix()
    assert tip(origin) == ""
    finish_by_hand(origin, person)
    assert codes(hub.fix()) == [("C-11", "advanced")]
    assert_at_rest(origin, hub)
    assert statuses()[T01] == "done"


def test_reopen_withdraws_it(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    reopen(T01, "todo")
    assert_at_rest(origin, hub)
    assert statuses()[T01] == "todo"


def test_commit_of_another_is_left_alone(origin: Origin) -> None:
    hub, person = proposing(origin)
    report(T01, "done")
    hub.fix()
    person.clone.git("fetch", "--quiet", "origin")
    person.clone.git("checkout", "--quiet", "-b", "statehub/main", "origin/statehub/main")
    person.clone.write("notes.md", "a remark\n")
    person.commit("A remark")
    person.clone.push()
    theirs = tip(origin)
    # While it says what is due there, and after that.
    for status in ("done", "in_progress"):
        report(T02, status) if status == "done" else reopen(T02, status)
        ended = hub.fix()
        assert said(ended)[-1] == ("C-16", OCCUPIED)
        assert tip(origin) == theirs
    in_origin(origin, merge)
    ended = hub.fix()
    assert (codes(ended), repo(ended)["converged"], tip(origin)) == ([], True, theirs)
    # A branch that the repo's own has caught up with holds nothing of anyone's.
    report(T02, "done")
    assert said(hub.fix())[1:] == [WAITS]
    assert tip(origin) != theirs


@pytest.mark.parametrize("due", [True, False])
def test_commit_of_another_at_the_last_moment(origin: Origin, monkeypatch: pytest.MonkeyPatch, due: bool) -> None:
    """It is pushed after the run has looked at the branch, which it then would replace or remove."""
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    ours = tip(origin)
    theirs = origin.git("commit-tree", f"{ours}^{{tree}}", "-p", ours, "-m", "A remark")
    push = remote.push_ref

    def push_later(*args: Any, **options: Any) -> Any:
        origin.git("update-ref", BRANCH, theirs)
        return push(*args, **options)

    if due:
        report(T02, "done")
    else:
        reopen(T01, "todo")
    with monkeypatch.context() as patch:
        patch.setattr("consistency.runs.propose.push_ref", push_later)
        message = said(hub.fix())[-1][1]
    assert message.startswith("is not proposed on statehub/main: [rejected] (stale info): ")
    assert tip(origin) == theirs
    left = [("C-16", OCCUPIED)] if due else []
    assert said(hub.fix())[2:] == left
    assert tip(origin) == theirs


@pytest.mark.parametrize("taken", [True, False])
def test_push_whose_end_is_not_known(origin: Origin, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    """The connection breaks: the branch itself says whether the remote has the commit."""
    hub, _ = proposing(origin)
    report(T01, "done")
    push = remote.push_ref

    def push_and_break(*args: Any, **options: Any) -> Any:
        if taken:
            push(*args, **options)
        return remote.PushedRef("the connection was reset")

    with monkeypatch.context() as patch:
        patch.setattr("consistency.runs.propose.push_ref", push_and_break)
        ended = said(hub.fix())[1:]
    assert ended == [WAITS if taken else ("C-16", "is not proposed on statehub/main: the connection was reset")]
    assert said(hub.fix())[1:] == [WAITS]


def test_branch_that_another_made_is_left_alone(origin: Origin) -> None:
    hub, person = proposing(origin)
    person.clone.git("checkout", "--quiet", "-b", "statehub/main")
    person.commit("Mine")
    person.clone.push()
    theirs = tip(origin)
    report(T01, "done")
    assert codes(hub.fix()) == [("C-13", "skipped"), ("C-16", "none")]
    assert tip(origin) == theirs
    reopen(T01, "todo")
    assert codes(hub.fix()) == []
    assert tip(origin) == theirs


def test_killed_between_push_and_record(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    with monkeypatch.context() as patch:
        patch.setattr("consistency.runs.propose.record_proposed", _killed)
        assert hub.fix().exit != 0
    assert (tip(origin) != "", Proposal.objects.get().commit) == (True, "")
    report(T02, "done")
    assert said(hub.fix())[2:] == [WAITS]
    assert statuses_at(origin, BRANCH) == {T01: "done", T02: "done"}


def test_killed_between_push_and_record_and_nothing_is_due_then(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    with monkeypatch.context() as patch:
        patch.setattr("consistency.runs.propose.record_proposed", _killed)
        assert hub.fix().exit != 0
    reopen(T01, "todo")
    assert_at_rest(origin, hub)


def _killed(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_push_that_is_refused_is_said_and_tried_again(origin: Origin) -> None:
    hub, _ = proposing(origin)
    path = protect(origin)
    path.write_text("#!/bin/sh\necho full >&2\nexit 1\n")
    report(T01, "done")
    (_, finding) = said(hub.fix())
    assert finding[1].startswith("is not proposed on statehub/main: [remote rejected] (pre-receive hook declined): ")
    assert hub.last_run.push == finding[1].removeprefix("is not proposed on statehub/main: ")
    protect(origin)
    assert said(hub.fix())[1:] == [WAITS]


def test_remote_that_does_not_answer(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    away = origin.path.rename(origin.path.with_name("away"))
    assert codes(hub.fix()) == [("C-13", "skipped")]
    assert ("C-16", "", 1) in episodes()
    away.rename(origin.path)
    assert said(hub.fix())[1:] == [WAITS]


def test_unpushed_commits_of_the_time_before_are_proposed(origin: Origin) -> None:
    """The repo was to be pushed to, its branch is protected, and now it gets proposals."""
    hub, _ = proposing(origin)
    Repo.objects.update(writeback="push")
    report(T01, "done")
    assert codes(hub.fix()) == [("C-13", "written_back"), ("C-16", "none")]
    Repo.objects.update(writeback="propose")
    ended = hub.fix()
    assert codes(ended) == [("C-13", "skipped"), ("C-16", "none")]
    assert hub.clone.head == tip(origin, "refs/heads/main")
    assert statuses_at(origin, BRANCH)[T01] == "done"
    in_origin(origin, squash)
    assert_at_rest(origin, hub)


@pytest.mark.parametrize("kind", ["off", "push"])
def test_repo_that_no_longer_wants_proposals(origin: Origin, kind: str) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    (origin.path / "hooks" / "pre-receive").unlink()
    Repo.objects.update(writeback=kind)
    ended = hub.fix()
    assert codes(ended) == [("C-13", "written_back" if kind == "push" else "skipped")]
    assert tip(origin) == ""
    assert statuses_at(origin, "refs/heads/main")[T01] == ("done" if kind == "push" else "todo")
    assert [code for code, resolution, _ in episodes() if not resolution] == ([] if kind == "push" else ["C-13"])


def test_clones_of_people_write_nothing_then(origin: Origin) -> None:
    _, person = proposing(origin)
    report(T01, "done")
    ended = person.fix("--push")
    assert codes(ended) == [("C-13", "skipped")]
    assert (person.clone.status(), tip(origin)) == ([], "")
    assert person.statuses()[T01] == "todo"


@pytest.mark.parametrize("option", ["--no-writeback", "--dry-run", "--no-fetch"])
def test_runs_that_may_not(origin: Origin, option: str) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix(option)
    assert (tip(origin), Proposal.objects.count()) == ("", 0)
    hub.fix()
    proposed = tip(origin)
    reopen(T01, "todo")
    hub.fix(option)
    assert tip(origin) == proposed


def test_check_proposes_nothing(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    assert codes(hub.check()) == [("C-13", "none")]
    assert tip(origin) == ""


def test_repo_gets_another_branch(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    origin.git("update-ref", "refs/heads/trunk", "refs/heads/main")
    Repo.objects.update(branch="trunk")
    assert said(hub.fix())[1:] == [("C-16", "waits as a proposal on statehub/trunk")]
    assert origin.git("for-each-ref", "--format=%(refname:short)").splitlines() == ["main", "statehub/trunk", "trunk"]


def found_at(origin: Origin, url: str) -> None:
    """Let the repo's remote be *url*, at which git finds *origin*."""
    Repo.objects.update(remote=url, origin=normalize_url(url, "/"), aliases=[str(origin.path)])
    with Path(os.environ["HOME"], ".gitconfig").open("a") as file:
        file.write(f'[url "{origin.path}"]\n\tinsteadOf = {url}\n')


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the user's settings of git to a folder of their own."""
    (tmp_path / "home").mkdir()
    shutil.copy(Path(os.environ["HOME"], ".gitconfig"), tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def by_agit(origin: Origin) -> Machine:
    hub, _ = proposing(origin)
    agit.install(origin.path)
    Repo.objects.update(forge="forgejo")
    found_at(origin, "https://forge.example.org/acme/plans.git")
    return hub


def requested(origin: Origin, number: int = 1) -> str:
    return tip(origin, f"refs/pull/{number}/head")


def page(number: int) -> tuple[str, str]:
    return ("C-16", f"waits as a proposal on statehub/main: https://forge.example.org/acme/plans/pulls/{number}")


def merge_request(clone: Clone) -> None:
    clone.git("fetch", "--quiet", "origin", "refs/pull/1/head")
    clone.git("merge", "--quiet", "--squash", "FETCH_HEAD")
    clone.git("commit", "--quiet", "-m", "Sync task status (#1)")


@pytest.mark.usefixtures("home")
class TestAgit:
    """Gitea and Forgejo open the request themselves."""

    def test_request_is_opened_once_and_follows(self, origin: Origin) -> None:
        hub = by_agit(origin)
        report(T01, "done")
        assert said(hub.fix())[1:] == [page(1)]
        first = requested(origin)
        assert agit.requests(origin.path) == {"1": {"topic": "statehub/main", "title": WRITEBACK_SUBJECT, "open": True}}
        assert (tip(origin), statuses_at(origin, "refs/pull/1/head")[T01]) == ("", "done")
        assert said(hub.fix())[1:] == [page(1)]
        assert requested(origin) == first
        report(T02, "done")
        assert said(hub.fix())[2:] == [page(1)]
        assert statuses_at(origin, "refs/pull/1/head") == {T01: "done", T02: "done"}
        in_origin(origin, add_notes)
        assert said(hub.fix())[2:] == [page(1)]
        assert origin.git("rev-parse", "refs/pull/1/head^") == tip(origin, "refs/heads/main")
        assert list(agit.requests(origin.path)) == ["1"]
        proposal = Proposal.objects.get()
        assert (proposal.branch, proposal.commit) == ("refs/pull/1/head", requested(origin))

    def test_merged(self, origin: Origin) -> None:
        hub = by_agit(origin)
        report(T01, "done")
        hub.fix()
        in_origin(origin, merge_request)
        agit.close(origin.path, 1)
        assert_at_rest(origin, hub)
        # The next one is another request.
        report(T02, "done")
        assert said(hub.fix())[1:] == [page(2)]

    def test_closed(self, origin: Origin) -> None:
        hub = by_agit(origin)
        report(T01, "done")
        hub.fix()
        agit.close(origin.path, 1)
        assert said(hub.fix())[1:] == [page(1)]
        assert list(agit.requests(origin.path)) == ["1"]
        report(T02, "done")
        assert said(hub.fix())[2:] == [page(2)]

    def test_commit_of_another_is_left_alone(self, origin: Origin) -> None:
        hub = by_agit(origin)
        report(T01, "done")
        hub.fix()
        theirs = origin.git("commit-tree", f"{requested(origin)}^{{tree}}", "-p", requested(origin), "-m", "A remark")
        origin.git("update-ref", "refs/pull/1/head", theirs)
        report(T02, "done")
        ended = said(hub.fix())
        assert ended[-1][1].startswith("is not proposed: statehub/main has a commit that is not the hub's")
        assert requested(origin) == theirs
        # Once that is closed, another one is opened.
        agit.close(origin.path, 1)
        assert said(hub.fix())[2:] == [page(2)]

    @pytest.mark.parametrize("moved", [False, True])
    def test_killed_between_push_and_record(self, origin: Origin, monkeypatch: pytest.MonkeyPatch, moved: bool) -> None:
        hub = by_agit(origin)
        report(T01, "done")
        with monkeypatch.context() as patch:
            patch.setattr("consistency.runs.propose.record_proposed", _killed)
            assert hub.fix().exit != 0
        assert (requested(origin) != "", Proposal.objects.get().branch) == (True, "")
        if moved:
            report(T02, "done")
        assert said(hub.fix())[-1] == page(1)
        assert Proposal.objects.get().commit == requested(origin)


def on_gitlab(origin: Origin) -> Machine:
    hub, _ = proposing(origin)
    Repo.objects.update(forge="gitlab")
    found_at(origin, "https://gitlab.example.org:8443/acme/plans.git")
    return hub


NOTE_OPTIONS = """i=0
while [ "$i" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
  eval "echo \\"\\$GIT_PUSH_OPTION_$i\\""; i=$((i + 1))
done >options
echo 'View merge request for statehub/main:' >&2
echo '  https://gitlab.example.org:8443/acme/plans/-/merge_requests/7' >&2
"""


@pytest.mark.usefixtures("home")
class TestGitLab:
    """GitLab opens the request by push options."""

    def test_request_is_opened(self, origin: Origin) -> None:
        hub = on_gitlab(origin)
        origin.git("config", "receive.advertisePushOptions", "true")
        protect(origin).write_text(f"#!/bin/sh\n{PROTECTED}\n{NOTE_OPTIONS}")
        report(T01, "done")
        shown = "https://gitlab.example.org:8443/acme/plans/-/merge_requests/7"
        assert said(hub.fix())[1:] == [("C-16", f"waits as a proposal on statehub/main: {shown}")]
        assert (origin.path / "options").read_text().splitlines() == [
            "merge_request.create",
            "merge_request.target=main",
            f"merge_request.title={WRITEBACK_SUBJECT}",
            "merge_request.remove_source_branch",
        ]
        assert said(hub.fix())[1:] == [("C-16", f"waits as a proposal on statehub/main: {shown}")]
        assert Proposal.objects.get().page == shown

    def test_server_that_takes_no_push_options(self, origin: Origin) -> None:
        hub = on_gitlab(origin)
        report(T01, "done")
        shown = (
            "https://gitlab.example.org:8443/acme/plans/-/merge_requests/new"
            "?merge_request%5Bsource_branch%5D=statehub%2Fmain&merge_request%5Btarget_branch%5D=main"
        )
        assert said(hub.fix())[1:] == [("C-16", f"waits as a proposal on statehub/main: {shown}")]
        assert statuses_at(origin, BRANCH)[T01] == "done"


@pytest.mark.usefixtures("home")
def test_page_of_another_forge(origin: Origin) -> None:
    hub, _ = proposing(origin)
    report(T01, "done")
    hub.fix()
    Repo.objects.update(forge="github")
    found_at(origin, "https://git.example.org/acme/plans")
    shown = "https://git.example.org/acme/plans/compare/main...statehub/main?expand=1"
    assert said(hub.fix())[1:] == [("C-16", f"waits as a proposal on statehub/main: {shown}")]


@pytest.mark.parametrize("size", [5, 60])
def test_counts(origin: Origin, git_processes: GitProcesses, size: int) -> None:
    """Queries and git processes of a run, the same for few workplans and for many."""
    hub, _ = proposing(origin)

    def write(clone: Clone) -> None:
        for number in range(size):
            clone.write(f"workplans/{number}.md", workplan(f"MANY-{number}", [("T01", "todo"), ("T02", "todo")]))
        clone.commit("Plans")

    in_origin(origin, write)
    hub.fix()
    assert count(hub, git_processes) == (7, 1)
    for number in range(size):
        report(f"MANY-{number}-T01", "done")
    assert count(hub, git_processes) == (18, 5)
    # It waits.
    assert count(hub, git_processes) == (12, 4)


def count(hub: Machine, git_processes: GitProcesses) -> tuple[int, int]:
    """Return the number of statements and of git processes of a fix."""
    git_processes.clear()
    with CaptureQueriesContext(connection) as captured:
        hub.fix()
    statements = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
    return len(statements), len(git_processes)
