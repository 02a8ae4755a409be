"""A fix that pushes: this tool's own commits, by fast-forward, never anything of a person's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testing.repos import Clone, Origin
from testing.samples import T01, T02, WRITEBACK_SUBJECT
from tests.cli.helpers import FILE, TEXT, codes, episodes, findings, statuses
from tests.multihost.machine import make_machines, repo, report

pytestmark = pytest.mark.usefixtures("hub")


def tip(origin: Origin) -> str:
    return origin.git("rev-parse", "refs/heads/main")


def hook(origin: Origin, text: str, name: str = "pre-receive") -> Path:
    path = origin.path / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_writeback_is_pushed(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T01, "done")
    ended = a.fix("--push")
    assert codes(ended) == [("C-13", "written_back")]
    shown = repo(ended)
    assert (shown["writeback_commit"], shown["ahead"], shown["converged"]) == (a.clone.head, 0, True)
    assert tip(origin) == a.clone.head
    assert (a.last_run.push, a.last_run.tip, a.last_run.ahead) == ("ok", a.clone.head, 0)
    assert a.clone.git("status", "--porcelain", "--branch") == "## main...origin/main"


def test_without_being_asked_nothing_is_pushed(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    before = tip(origin)
    report(T01, "done")
    assert repo(a.fix())["ahead"] == 1
    assert (tip(origin), a.last_run.push) == (before, "")
    # What an earlier run has committed is pushed by the next one that may.
    assert codes(a.fix("--push")) == []
    assert (tip(origin), a.last_run.push) == (a.clone.head, "ok")


@pytest.mark.parametrize("switch", ["--no-writeback", "--dry-run"])
def test_where_nothing_may_be_written_nothing_is_pushed(origin: Origin, switch: str) -> None:
    (a,) = make_machines(origin, "a")
    before = tip(origin)
    report(T01, "done")
    a.fix()
    a.fix("--push", switch)
    assert (tip(origin), a.last_run.push) == (before, "")


def test_unpushed_work_of_a_person_is_theirs_to_publish(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    before = tip(origin)
    a.clone.write("notes.md", "not for others yet\n")
    a.commit("Notes")
    report(T01, "done")
    ended = a.fix("--push")
    words = "committed, not pushed: it sits on top of unpushed commits; `git push` will push all of them"
    assert [(each["code"], each["message"], each["action"]) for each in findings(ended)][1:] == [
        ("C-16", words, "none")
    ]
    assert (tip(origin), a.last_run.push) == (before, words.removeprefix("committed, not pushed: "))
    assert repo(ended)["writeback_commit"] == a.clone.head
    # Every run says so while it is so, and it ends with the push.
    assert codes(a.fix("--push")) == [("C-16", "none")]
    assert ("C-16", "", 2) in episodes()
    a.push()
    assert codes(a.fix("--push")) == []
    assert ("C-16", "gone", 2) in episodes()


def test_refused_by_policy(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    before = tip(origin)
    refusing = hook(origin, "echo only reviewed commits here >&2; exit 1")
    report(T01, "done")
    ended = a.fix("--push")
    (finding,) = [each for each in findings(ended) if each["code"] == "C-16"]
    assert finding["message"].startswith("committed, not pushed: [remote rejected] (pre-receive hook declined): ")
    assert "only reviewed commits here" in finding["message"]
    assert (tip(origin), a.clone.head) == (before, repo(ended)["writeback_commit"])
    assert repo(ended)["ahead"] == 1
    assert a.last_run.push == finding["message"].removeprefix("committed, not pushed: ")
    # The commit stays, and the next run tries again.
    refusing.unlink()
    assert codes(a.fix("--push")) == []
    assert tip(origin) == a.clone.head
    assert ("C-16", "gone", 1) in episodes()


def test_text_report_says_whether_it_is_pushed(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    refusing = hook(origin, "exit 1")
    report(T01, "done")
    text = a.manage("fix_consistency", "--push", "--path", str(a.clone.path)).stdout
    assert f"  commit {a.clone.head[:7]}: 1 task status written back, not pushed\n" in text
    refusing.unlink()
    text = a.manage("fix_consistency", "--push", "--path", str(a.clone.path)).stdout
    assert "  pushed what an earlier run had committed\n" in text
    report(T02, "done")
    text = a.manage("fix_consistency", "--push", "--path", str(a.clone.path)).stdout
    assert f"  commit {a.clone.head[:7]}: 1 task status written back, pushed\n" in text


def push_from_another_machine(origin: Origin, other: Clone, times: int) -> Path:
    """Push from *other* at the very moment of another push, this number of *times*."""
    counter = origin.path / "faster"
    counter.write_text("")
    # Not when the tool's push has begun: its view of the branch is then settled.
    return hook(
        origin,
        f'n=$(wc -c <"{counter}"); [ "$n" -lt {times} ] || exit 0; printf x >>"{counter}"\n'
        f'cd "{other.path}" && echo "$n" >>others.md && git add . && git commit -qm "Others $n" && git push -q',
    )


def before_each_push(clone: Clone, script: str) -> None:
    """Run *script* at the beginning of each push of *clone*: hooks of the clone do not run then."""
    path = clone.path.with_name(f"{clone.path.name}-receive-pack")
    path.write_text(f'#!/bin/sh\n(unset $(git rev-parse --local-env-vars); {script}) >&2\nexec git-receive-pack "$@"\n')
    path.chmod(0o755)
    clone.git("config", "remote.origin.receivepack", str(path))


@pytest.mark.parametrize("times", [1, 2])
def test_somebody_was_faster(origin: Origin, times: int) -> None:
    a, b = make_machines(origin, "a", "b")
    moved = push_from_another_machine(origin, b.clone, times)
    before_each_push(a.clone, str(moved.rename(moved.with_name("race"))))
    a.clone.write("draft.md", "mine\n")
    report(T01, "done")
    ended = a.fix("--push")
    assert codes(ended) == [("C-13", "written_back")]
    assert repo(ended)["writeback_commit"] == tip(origin) == a.clone.head
    assert a.clone.log() == [
        WRITEBACK_SUBJECT,
        *(f"Others {number}" for number in reversed(range(times))),
        "Plan",
        "Start",
    ]
    assert a.statuses()[T01] == "done"
    assert a.clone.status() == ["?? draft.md"]
    dropped = "dropped 1 commit of State Hub's own that had diverged from origin/main; "
    dropped += "what they wrote is written again on top of it\n"
    assert ended.stderr == f"{a.clone.path}: {dropped}" * times
    assert a.last_run.push == "ok"


def test_somebody_is_always_faster(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    moved = push_from_another_machine(origin, b.clone, 9)
    before_each_push(a.clone, str(moved.rename(moved.with_name("race"))))
    report(T01, "done")
    ended = a.fix("--push")
    assert codes(ended) == [("C-13", "written_back"), ("C-16", "none")]
    assert "rejected] (" in findings(ended)[1]["message"]  # git words it by the moment.
    assert a.clone.log()[0] == WRITEBACK_SUBJECT
    assert (origin.path / "faster").read_text() == "xxx"  # three tries


def test_both_were_faster_and_said_the_same(origin: Origin) -> None:
    """The other's push brings the very status: nothing is left to be written, and nothing diverges."""
    a, b = make_machines(origin, "a", "b")
    b.edit(T01, "done")
    b.commit("Finish T01")
    racing = origin.path / "race"
    racing.write_text(
        f'#!/bin/sh\n[ -e "{racing}.done" ] && exit 0; touch "{racing}.done"; cd "{b.clone.path}" && git push -q\n'
    )
    racing.chmod(0o755)
    before_each_push(a.clone, str(racing))
    report(T01, "done")
    ended = a.fix("--push")
    assert codes(ended) == []
    assert repo(ended)["writeback_commit"] is None
    assert a.clone.head == tip(origin) == b.clone.head
    assert episodes() == [("C-07", "created", 1)]


def test_person_edits_while_another_push_was_faster(origin: Origin) -> None:
    """The pull after it cannot be made without touching what a person is writing: all stays, and is said."""
    a, b = make_machines(origin, "a", "b")
    b.clone.write("notes.md", "theirs\n")
    b.commit("Notes of b")
    a.clone.write("notes.md", "mine, uncommitted\n")
    racing = origin.path / "race"
    racing.write_text(f'#!/bin/sh\ncd "{b.clone.path}" && git push -q\n')
    racing.chmod(0o755)
    before_each_push(a.clone, str(racing))
    report(T01, "done")
    ended = a.fix("--push")
    assert codes(ended) == [("C-13", "written_back"), ("C-14", "none"), ("C-16", "none")]
    shown = repo(ended)
    assert (shown["outcome"], shown["writeback_commit"], shown["freshness"]) == ("skipped", a.clone.head, "diverged")
    assert a.last_run.push == "rejected because the remote had new commits, and pulling them failed"
    assert a.clone.read("notes.md") == b"mine, uncommitted\n"
    assert statuses()[T01] == "done"


def test_never_another_branch_and_never_by_force(origin: Origin) -> None:
    """Whatever the clone's configuration says of pushing."""
    (a,) = make_machines(origin, "a")
    a.clone.git("branch", "side")
    for name, value in {
        "remote.origin.push": "+refs/heads/*:refs/heads/*",
        "push.default": "matching",
        "push.followTags": "true",
    }.items():
        a.clone.git("config", name, value)
    a.clone.git("tag", "-am", "mine", "v1")
    report(T01, "done")
    a.fix("--push")
    assert origin.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert tip(origin) == a.clone.head


def test_push_that_hangs_is_given_up(origin: Origin, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    (a,) = make_machines(origin, "a")
    before_each_push(a.clone, "sleep 60")
    settings.STATEHUB_PUSH_TIMEOUT = 0.5  # type: ignore[attr-defined]
    report(T01, "done")
    ended = a.fix("--push")
    assert findings(ended)[1]["message"] == "committed, not pushed: git push did not end within 0.5 s"
    assert a.clone.status() == []


def test_offline(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T01, "done")
    os.rename(origin.path, f"{origin.path}.away")
    ended = a.fix("--push")
    message = findings(ended)[1]["message"]
    assert message.startswith("committed, not pushed: the remote could not be fetched from (")
    os.rename(f"{origin.path}.away", origin.path)
    assert codes(a.fix("--push")) == []
    assert tip(origin) == a.clone.head


def test_file_is_as_written(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    report(T01, "done")
    a.fix("--push")
    assert origin.git("show", f"main:{FILE}") + "\n" == TEXT.replace("status: todo", "status: done", 1)
