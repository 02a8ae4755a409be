"""A fix that pulls: by fast-forward; if only State Hub's own commits are in the way, by recreating them."""

from __future__ import annotations

import pytest

from consistency.models import LedgerEntry
from testing.repos import Origin
from testing.samples import T01, T02, WRITEBACK_SUBJECT
from tests.cli.helpers import FILE, codes, findings, statuses
from tests.multihost.machine import Machine, make_machines, reopen, repo, report

pytestmark = pytest.mark.usefixtures("hub")


def push_other_work(other: Machine, name: str = "others.md") -> None:
    """Push from another machine."""
    other.clone.write(name, "others\n")
    other.commit("Others")
    other.push()


def make_uncommitted_work(a: Machine) -> dict[str, object]:
    """Return all of a person's work that is not committed, the staged state included."""
    a.clone.write(".gitignore", "ignored\n")
    a.clone.write("staged.md", "first\n")
    a.clone.git("add", "staged.md", ".gitignore")
    a.clone.write("staged.md", "second\n")
    a.clone.write("README.md", "changed\n")
    a.clone.write("untracked.md", "new\n")
    a.clone.write("ignored", "local\n")
    return uncommitted_state(a)


def uncommitted_state(a: Machine) -> dict[str, object]:
    names = (".gitignore", "staged.md", "README.md", "untracked.md", "ignored")
    return {
        "status": a.clone.status(),
        "staged": a.clone.git("diff", "--cached"),
        **{name: a.clone.read(name) for name in names},
    }


def test_fast_forward_keeps_uncommitted_work(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    push_other_work(b)
    mine = make_uncommitted_work(a)
    ended = a.fix("--pull")
    assert (codes(ended), repo(ended)["freshness"], ended.stderr) == ([], "fresh", "")
    assert (a.clone.head, uncommitted_state(a)) == (b.clone.head, mine)


def test_own_commits_are_made_anew_and_uncommitted_work_stays(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    report(T01, "done")
    a.fix()
    report(T02, "done")
    a.fix()
    assert a.clone.log() == [WRITEBACK_SUBJECT, WRITEBACK_SUBJECT, "Plan", "Start"]
    push_other_work(b)
    mine = make_uncommitted_work(a)
    assert (codes(a.fix()), a.last_run.freshness) == ([("C-14", "none")], "diverged")
    ended = a.fix("--pull")
    words = (
        "dropped 2 commits of State Hub's own that had diverged from origin/main; "
        "what they wrote is written again on top of it"
    )
    assert ended.stderr == f"{a.clone.path}: {words}\n"
    assert codes(ended) == [("C-13", "written_back"), ("C-13", "written_back")]
    assert (a.clone.log(), uncommitted_state(a)) == ([WRITEBACK_SUBJECT, "Others", "Plan", "Start"], mine)
    assert a.statuses() == statuses() == {T01: "done", T02: "done"}
    assert (repo(ended)["freshness"], repo(ended)["ahead"], repo(ended)["behind"]) == ("fresh", 1, 0)
    assert codes(a.fix("--pull")) == []


@pytest.mark.parametrize("what", ["commit", "amend text", "amend file", "amend author", "merge"])
def test_work_of_a_person_is_never_dropped(origin: Origin, what: str) -> None:
    a, b = make_machines(origin, "a", "b")
    report(T01, "done")
    if what == "merge":
        a.clone.git("checkout", "-q", "-b", "side")
        a.clone.write("side.md", "work\n")
        a.commit("Side")
        a.clone.git("checkout", "-q", "main")
    a.fix()
    if what == "commit":
        a.clone.write("mine.md", "work\n")
        a.commit("Mine")
    if what == "amend text":
        a.clone.git("commit", "--amend", "-q", "-m", f"{WRITEBACK_SUBJECT}\n\nand why I think so")
    if what == "amend file":
        a.clone.write(FILE, a.clone.read(FILE) + b"\nA note.\n")
        a.clone.git("commit", "--amend", "-q", "--no-edit", "-a")
    if what == "amend author":
        a.clone.git("commit", "--amend", "-q", "--no-edit", "--author=Ann <ann@example.org>")
    if what == "merge":
        a.clone.git("merge", "-q", "--no-edit", "side")
    push_other_work(b)
    head, bytes_ = a.clone.head, a.clone.read(FILE)
    ended = a.fix("--pull")
    words = "pull failed: the branch has diverged from origin/main by commits that people made; merge or rebase it"
    assert ended.stderr == f"{a.clone.path}: {words}\n"
    assert codes(ended) == [("C-14", "none")]
    assert (a.clone.head, a.clone.read(FILE)) == (head, bytes_)


@pytest.mark.parametrize("switch", ["--no-writeback", "--dry-run"])
def test_what_will_not_be_made_anew_is_not_dropped(origin: Origin, switch: str) -> None:
    a, b = make_machines(origin, "a", "b")
    report(T01, "done")
    a.fix()
    push_other_work(b)
    head = a.clone.head
    assert codes(a.fix("--pull", switch)) == [("C-14", "none")]
    assert a.clone.head == head


@pytest.mark.parametrize("name", ["others.md", "ignored"])
def test_local_file_in_the_way_of_the_upstream(origin: Origin, name: str) -> None:
    a, b = make_machines(origin, "a", "b")
    a.clone.write(".git/info/exclude", "ignored\n")
    report(T01, "done")
    a.fix()
    b.clone.git("config", "core.excludesFile", "/dev/null")
    push_other_work(b, name)
    a.clone.write(name, "mine\n")
    head = a.clone.head
    ended = a.fix("--pull")
    assert codes(ended) == [("C-14", "none")]
    assert ended.stderr.startswith(f"{a.clone.path}: pull failed: error: The following untracked working tree files")
    assert (a.clone.head, a.clone.read(name)) == (head, b"mine\n")
    # And the same on the way of a plain fast-forward.
    a.clone.git("reset", "-q", "--hard", "HEAD~1")
    assert codes(a.fix("--pull")) == [("C-14", "none")]
    assert a.clone.read(name) == b"mine\n"


def test_reopen_is_not_undone_by_dropping_its_writeback(origin: Origin) -> None:
    """The upstream's file says `done` again: that is the old news, not new ones."""
    a, b = make_machines(origin, "a", "b")
    a.edit(T01, "done")
    a.commit()
    a.push()
    assert codes(a.fix()) == [("C-11", "advanced")]
    b.pull()
    reopen(T01, "todo")
    assert codes(a.fix()) == [("C-15", "written_back")]
    push_other_work(b)
    ended = a.fix("--pull")
    assert codes(ended) == [("C-15", "written_back")]
    assert a.statuses()[T01] == statuses()[T01] == "todo"


def test_run_that_died_before_the_drop_changes_nothing_of_that(origin: Origin) -> None:
    """The ledger is written first; its contents hold with and without the drop."""
    a, b = make_machines(origin, "a", "b")
    a.edit(T01, "done")
    a.commit()
    a.push()
    a.fix()
    b.pull()
    reopen(T01, "todo")
    a.fix()
    push_other_work(b)
    kept = (a.clone.path / ".git/index.lock").open("x")  # git refuses to move anything.
    ended = a.fix("--pull")
    assert codes(ended) == [("C-14", "none")]
    assert LedgerEntry.objects.get(checkout__host="a").digest == "?"
    kept.close()
    (a.clone.path / ".git/index.lock").unlink()
    assert codes(a.fix("--pull")) == [("C-15", "written_back")]
    assert a.statuses()[T01] == statuses()[T01] == "todo"


def test_upstream_progress_beats_dropped_commits(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    report(T01, "in_progress")
    a.fix()
    b.edit(T01, "done")
    b.commit()
    b.push()
    assert codes(a.fix("--pull")) == [("C-11", "advanced")]
    assert a.clone.head == b.clone.head
    assert statuses()[T01] == "done"


def test_force_pushed_upstream(origin: Origin) -> None:
    """A fetch that works beats all that was known: the shorter branch is the truth."""
    a, b = make_machines(origin, "a", "b")
    push_other_work(b)
    a.pull()
    b.clone.git("reset", "-q", "--hard", "HEAD~1")
    b.clone.git("push", "-q", "--force", "origin", "main")
    ended = a.fix("--pull")
    assert (codes(ended), repo(ended)["freshness"], repo(ended)["ahead"]) == ([], "fresh", 1)


def test_pull_while_offline_goes_on(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    origin.path.rename(origin.path.with_name("away"))
    report(T01, "done")
    ended = a.fix("--pull")
    assert ended.stderr.startswith(f"{a.clone.path}: pull failed: ")
    assert codes(ended) == [("C-13", "written_back")]
    assert findings(ended)[0]["db_status"] == "done"
