"""Runs over clones of the hub's own: they follow their remotes, and are made again if they are not right."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from consistency.models import OwnCommit, Run
from statehub.models import Checkout, Repo, Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance, reopen
from testing.clones import only_clone
from testing.gitlog import GitProcesses
from testing.hub import Hub
from testing.manage import ROOT
from testing.repos import Clone, Origin
from tests.cli.helpers import (
    FILE,
    TEXT,
    check,
    clone_with_plan,
    codes,
    document,
    edit,
    findings,
    fix,
    publish,
    run,
    statuses,
)

pytestmark = pytest.mark.usefixtures("hub", "clones")

DONE = TEXT.replace("status: todo", "status: done")
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


@pytest.fixture
def person(origin: Origin) -> Clone:
    """Push TEXT to the origin, as a person does."""
    return clone_with_plan(origin)


@pytest.fixture
def own(origin: Origin, person: Clone, clones: Path) -> Clone:
    """Make a clone of the hub's own of the origin, which a fix has taken in."""
    assert run("register_repo", "--remote", str(origin.path)).exit == 0
    assert fix("origin").exit == 0
    return only_clone(clones)


def report(status: str, task: str = "WP-1-T01") -> None:
    advance(find_task(task), status, Actor("ada", Source.API))


def process_of(hub: Hub, *args: str) -> dict[str, Any]:
    """Return the arguments for a process that runs a command on the test's hub."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return {
        "args": [sys.executable, "manage.py", *args],
        "cwd": ROOT,
        "env": {**environment, "DATABASE_URL": hub.url},
        **pipes,
    }


def push_over_others(person: Clone) -> None:
    """Push as a person does: again after a pull if another push was faster. The git of a killed run may still push."""
    for _ in range(10):
        person.git("pull", "--quiet", "--rebase")
        with suppress(AssertionError):
            person.push()
            return
    raise AssertionError("others push all the time")


def pushed(person: Clone) -> str:
    """Return the file as the remote has it."""
    person.pull()
    return person.read(FILE).decode()


def commands(processes: GitProcesses) -> list[str]:
    """Return the commands of *processes*, sorted."""
    return sorted(next(word for word in call[2:] if word[0] != "-" and "=" not in word) for call in processes)


def outcome(checkout_slug: str = "origin") -> tuple[str, bool, str]:
    """Fix, and return outcome, convergence and freshness."""
    repo = document(fix(checkout_slug))["repos"][0]
    return repo["outcome"], repo["converged"], repo["freshness"]


FINE = ("ok", True, "fresh")


class TestFollows:
    def test_takes_writes_back_and_pushes(self, own: Clone, person: Clone) -> None:
        edit(person, "status: in_progress", "status: done")
        publish(person)
        report("done")
        ended = fix("origin")
        assert codes(ended) == [("C-13", "written_back"), ("C-11", "advanced")]
        assert (ended.exit, document(ended)["repos"][0]["converged"]) == (0, True)
        assert pushed(person) == DONE.replace("status: in_progress", "status: done")
        assert (own.head, own.status()) == (person.head, [])

    def test_check_changes_nothing(self, own: Clone, person: Clone) -> None:
        before = own.head
        edit(person, "status: todo", "status: done")
        publish(person)
        assert codes(check("origin")) == [("C-14", "none")]
        assert (own.head, statuses()["WP-1-T01"]) == (before, "todo")
        assert codes(fix("origin", "--dry-run")) == [("C-14", "none")]
        assert own.head == before

    def test_clone_with_nothing_to_do_costs_less_than_any_other(
        self, own: Clone, person: Clone, git_processes: GitProcesses
    ) -> None:
        """No process is needed to read settings that the hub has written."""
        git_processes.clear()
        with CaptureQueriesContext(connection) as captured:
            assert outcome() == FINE
        assert commands(git_processes) == ["fetch"]
        run("register_repo", person.path)
        fix("--path", person.path)
        git_processes.clear()
        with CaptureQueriesContext(connection) as others:
            fix("--path", person.path)
        assert (len(git_processes), len(captured) - 1) == (2, len(others))  # `outcome` asks for the run's row.

    def test_news_cost_one_process_more(self, own: Clone, person: Clone, git_processes: GitProcesses) -> None:
        person.write("README.md", "more")
        publish(person)
        git_processes.clear()
        assert outcome() == FINE
        assert commands(git_processes) == ["fetch", "reset"]

    def test_pushed_status_costs_no_process_beside_that(
        self, own: Clone, person: Clone, git_processes: GitProcesses
    ) -> None:
        edit(person, "status: todo", "status: done")
        publish(person)
        git_processes.clear()
        with CaptureQueriesContext(connection) as captured:
            assert codes(fix("origin")) == [("C-11", "advanced")]
        assert commands(git_processes) == ["fetch", "reset"]
        statements = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
        assert len(statements) == 18, "\n".join(sql[:150] for sql in statements)

    def test_many_pushes_while_it_works(self, own: Clone, person: Clone, origin: Origin) -> None:
        """Another push is faster than the hub's: the hub's commit is made again on top of it."""
        report("done")
        hook = origin.path / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        faster = f"git -C {person.path} -c core.hooksPath=/dev/null push -q origin HEAD:main"
        hook.write_text(f"#!/bin/sh\nrm $0\nunset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH\n{faster}\n")
        hook.chmod(0o755)
        person.write("README.md", "faster")
        person.commit("Faster")
        assert outcome() == FINE
        assert pushed(person) == DONE
        assert person.log()[1:] == ["Faster", "Plan", "Start"]

    def test_pushes_are_followed_with_own_commits_ahead(self, own: Clone, person: Clone, origin: Origin) -> None:
        """The server refuses pushes for a while; the hub's commit is then dropped, and made again."""
        report("done")
        refusing = origin.path / "hooks" / "pre-receive"
        refusing.parent.mkdir(exist_ok=True)
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
        assert ("C-16", "none") in codes(fix("origin"))
        kept = own.head
        assert ("C-16", "none") in codes(fix("origin"))
        assert own.head == kept
        refusing.unlink()
        person.write("README.md", "more")
        publish(person)
        assert outcome() == FINE
        assert pushed(person) == DONE
        assert OwnCommit.objects.count() == 2


class TestForcePush:
    def test_amended(self, own: Clone, person: Clone) -> None:
        edit(person, "status: in_progress", "status: done")
        person.commit("Done")
        person.push()
        assert outcome() == FINE
        person.git("commit", "--quiet", "--amend", "--message=Amended")
        person.push("--force")
        assert outcome() == FINE
        assert own.head == person.head

    def test_rebased(self, own: Clone, person: Clone) -> None:
        for number in range(3):
            person.write(f"{number}.md", "x")
            publish(person, f"{number}")
        assert outcome() == FINE
        person.git("rebase", "--quiet", "--onto", "HEAD~3", "HEAD~2")
        person.push("--force")
        assert outcome() == FINE
        assert (own.head, own.status()) == (person.head, [])

    def test_no_status_goes_back(self, own: Clone, person: Clone) -> None:
        before = person.head
        report("done")
        assert outcome() == FINE
        person.git("reset", "--quiet", "--hard", before)
        person.push("--force")
        assert outcome() == FINE
        assert (statuses()["WP-1-T01"], pushed(person)) == ("done", DONE)

    def test_reopen_holds(self, own: Clone, person: Clone) -> None:
        edit(person, "status: todo", "status: done")
        publish(person)
        assert outcome() == FINE
        before = person.head
        reopen(find_task("WP-1-T01"), "todo", "not done", Actor("ada", Source.ADMIN))
        assert outcome() == FINE
        assert pushed(person) == TEXT
        person.git("reset", "--quiet", "--hard", before)
        person.push("--force")
        fix("origin")
        assert (statuses()["WP-1-T01"], pushed(person)) == ("todo", TEXT)

    def test_other_repository_holds_it_back(self, own: Clone, origin: Origin, tmp_path: Path) -> None:
        kept = own.head
        stranger = Clone(tmp_path / "stranger")
        origin.git("init", "--quiet", str(stranger.path))
        stranger.write(FILE, DONE)
        stranger.commit("Another beginning")
        stranger.git("push", "--quiet", "--force", str(origin.path), "HEAD:main")
        for _ in range(2):
            assert codes(fix("origin")) == [("C-22", "none")]
            assert (own.head, statuses()["WP-1-T01"]) == (kept, "todo")

    def test_workplans_that_are_gone_hold_it_back(self, own: Clone, person: Clone) -> None:
        person.git("rm", "--quiet", "-r", "workplans")
        publish(person, "All gone")
        report = document(fix("origin"))["repos"][0]
        assert (report["outcome"], report["counts"]["C-19"]) == ("skipped", 1)
        assert own.head == person.head


def detached(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--detach", "HEAD~1")


def other_branch(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "topic")
    clone.commit("Topic")


def edited(clone: Clone) -> None:
    edit(clone, "status: todo", "status: cancelled")


def staged(clone: Clone) -> None:
    edited(clone)
    clone.git("add", "--all")


def committed(clone: Clone) -> None:
    edited(clone)
    clone.commit("A person's work")


def untracked(clone: Clone) -> None:
    clone.write("workplans/b.md", TEXT.replace("WP-1", "WP-9"))


def deleted(clone: Clone) -> None:
    (clone.path / FILE).unlink()


def assumed_unchanged(clone: Clone) -> None:
    clone.git("update-index", "--assume-unchanged", FILE)
    edited(clone)


def merging(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "theirs", "HEAD~1")
    clone.write(FILE, "theirs")
    clone.commit("Theirs")
    clone.git("checkout", "--quiet", "main")
    with pytest.raises(AssertionError, match=r"(?i)conflict"):
        clone.git("merge", "theirs")


def rebasing(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "theirs", "HEAD~1")
    clone.write(FILE, "theirs")
    clone.commit("Theirs")
    with pytest.raises(AssertionError, match=r"(?i)could not apply"):
        clone.git("rebase", "main")


def bisecting(clone: Clone) -> None:
    clone.git("bisect", "start", "HEAD", "HEAD~1")


def sparse(clone: Clone) -> None:
    clone.git("sparse-checkout", "set", "docs")


def no_branch(clone: Clone) -> None:
    clone.git("update-ref", "-d", "refs/heads/main")


def old_lock(clone: Clone) -> None:
    (clone.path / ".git" / "index.lock").touch()
    edited(clone)


class TestReset:
    """Whatever was done in the clone, the next fix has it at the remote's tip, and takes nothing of it."""

    @pytest.mark.parametrize("with_news", [False, True], ids=["at the tip", "behind"])
    @pytest.mark.parametrize(
        "spoil",
        [
            detached, other_branch, edited, staged, committed, untracked, deleted, assumed_unchanged, merging, rebasing,
            bisecting, sparse, no_branch, old_lock,
        ],
    )  # fmt: skip
    def test_to_the_tip(self, own: Clone, person: Clone, spoil: Callable[[Clone], None], with_news: bool) -> None:
        spoil(own)
        if with_news:
            edit(person, "status: in_progress", "status: done")
            publish(person)
        assert outcome() == FINE
        expected = {"WP-1-T01": "todo", "WP-1-T02": "done" if with_news else "in_progress"}
        assert (statuses(), own.head, own.status()) == (expected, person.head, [])
        assert (own.git("branch", "--show-current"), own.read(FILE)) == ("main", person.read(FILE))
        report("done")
        assert outcome() == FINE
        assert "status: done" in pushed(person)

    @pytest.mark.parametrize("spoil", [edited, staged, committed, untracked, detached, merging, assumed_unchanged])
    def test_to_the_last_known_tip_without_the_remote(
        self, own: Clone, person: Clone, origin: Origin, spoil: Callable[[Clone], None]
    ) -> None:
        spoil(own)
        origin.path.rename(origin.path.with_name("away"))
        assert outcome() == ("ok", True, "unknown")
        assert (own.head, own.status(), own.git("branch", "--show-current")) == (person.head, [], "main")
        assert statuses() == {"WP-1-T01": "todo", "WP-1-T02": "in_progress"}

    def test_own_commits_stay_without_the_remote(self, own: Clone, person: Clone, origin: Origin) -> None:
        origin.path.rename(origin.path.with_name("away"))
        report("done")
        assert ("C-13", "written_back") in codes(fix("origin"))
        kept = own.head
        assert codes(fix("origin")) == [("C-16", "none")]
        assert own.head == kept
        origin.path.with_name("away").rename(origin.path)
        assert outcome() == FINE
        assert (pushed(person), own.head) == (DONE, kept)


def lost(clone: Clone) -> None:
    """Lose the clone, although the git of a run that was killed may still be at work in it."""
    with suppress(FileNotFoundError):
        clone.path.rename(Path(tempfile.mkdtemp(dir=clone.path.parent.parent), "lost"))


def no_git_folder(clone: Clone) -> None:
    shutil.rmtree(clone.path / ".git")


def no_head(clone: Clone) -> None:
    (clone.path / ".git" / "HEAD").unlink()


def no_config(clone: Clone) -> None:
    (clone.path / ".git" / "config").unlink()


def config_of_another(clone: Clone) -> None:
    clone.git("config", "core.worktree", "/tmp")


def bare(clone: Clone) -> None:
    clone.git("config", "core.bare", "true")


def index_with_garbage(clone: Clone) -> None:
    (clone.path / ".git" / "index").write_bytes(b"garbage" * 20)


def objects_with_garbage(clone: Clone) -> None:
    for file in (clone.path / ".git" / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"garbage")


def no_objects(clone: Clone) -> None:
    shutil.rmtree(clone.path / ".git" / "objects")


def branch_with_garbage(clone: Clone) -> None:
    (clone.path / ".git" / "refs" / "heads" / "main").write_text("garbage\n")


def a_file(clone: Clone) -> None:
    shutil.rmtree(clone.path)
    clone.path.write_text("not a folder")


def a_link(clone: Clone) -> None:
    moved = clone.path.with_name("elsewhere")
    clone.path.rename(moved)
    clone.path.symlink_to(moved)


def shallow(clone: Clone) -> None:
    source = clone.git("remote", "get-url", "origin")
    shutil.rmtree(clone.path)
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{source}", str(clone.path)], check=True)


def half_made(clone: Clone) -> None:
    work = clone.path.with_name(f".{clone.path.name}.work-abcd_123")
    work.mkdir()
    clone.path.rename(work / "new")
    shutil.rmtree(work / "new" / ".git" / "refs")


class TestMadeAgain:
    @pytest.mark.parametrize(
        "command", [pytest.param(fix, id="fix"), pytest.param(check, id="check", marks=pytest.mark.proof)]
    )
    @pytest.mark.parametrize(
        "spoil",
        [
            lost, no_git_folder, no_head, no_config, config_of_another, bare, index_with_garbage, no_objects,
            branch_with_garbage, a_file, a_link, shallow, half_made,
        ],
    )  # fmt: skip
    def test_by_the_next_run(
        self, own: Clone, person: Clone, spoil: Callable[[Clone], None], command: Callable[[str], object]
    ) -> None:
        spoil(own)
        command("origin")
        assert Run.objects.latest("started_at").outcome == "ok"
        assert outcome() == FINE
        assert (own.head, own.status(), own.path.is_symlink()) == (person.head, [], False)
        report("done")
        assert outcome() == FINE
        assert pushed(person) == DONE

    @pytest.mark.parametrize("news", ["at the remote", "in the hub", "at both"])
    def test_objects_with_garbage(self, own: Clone, person: Clone, news: str) -> None:
        """git notices it only if it reads them: at a fetch, a checkout or a commit."""
        if news != "at the remote":
            report("done")
        if news != "in the hub":
            edit(person, "status: in_progress", "status: done")
            publish(person)
        objects_with_garbage(own)
        assert outcome() == FINE
        assert (own.head, own.status()) == (own.git("rev-parse", "origin/main"), [])
        assert pushed(person) == own.read(FILE).decode()
        assert statuses() == {
            "WP-1-T01": "todo" if news == "at the remote" else "done",
            "WP-1-T02": "in_progress" if news == "in the hub" else "done",
        }

    def test_not_while_the_remote_does_not_answer(self, own: Clone, origin: Origin) -> None:
        """The clone stays as it is: a clone that is whole is worth more than none."""
        origin.path.rename(origin.path.with_name("away"))
        ended = fix("origin")
        newest = Run.objects.latest("started_at")
        assert (ended.exit, newest.outcome, newest.freshness) == (0, "ok", "unknown")
        lost(own)
        ended = fix("origin")
        assert (ended.exit, ended.stderr.startswith("error: origin: the clone could not be made: fatal: ")) == (2, True)
        assert Checkout.objects.get().unreachable_since is not None
        origin.path.with_name("away").rename(origin.path)
        assert outcome() == FINE

    def test_unpushed_statuses_of_a_lost_clone_are_written_again(
        self, own: Clone, person: Clone, origin: Origin
    ) -> None:
        """The old status comes back with the new clone; it is not news, not even at the same rank."""
        origin.git("config", "receive.denyCurrentBranch", "refuse")
        refusing = origin.path / "hooks" / "pre-receive"
        refusing.parent.mkdir(exist_ok=True)
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
        report("blocked", "WP-1-T02")
        assert ("C-13", "written_back") in codes(fix("origin"))
        lost(own)
        refusing.unlink()
        assert codes(fix("origin")) == [("C-13", "written_back")]
        assert statuses()["WP-1-T02"] == "blocked"
        assert pushed(person) == TEXT.replace("status: in_progress", "status: blocked")

    def test_no_fetch_makes_none(self, own: Clone) -> None:
        lost(own)
        ended = fix("origin", "--no-fetch")
        assert (ended.exit, own.path.exists()) == (2, False)
        assert ended.stderr == "error: origin: the clone is not made yet, and a run with --no-fetch does not make it\n"

    def test_folder_of_clones_that_has_moved(
        self, own: Clone, person: Clone, clones: Path, settings: Settings, tmp_path: Path
    ) -> None:
        clones.rename(tmp_path / "moved")
        settings.STATEHUB_CLONES = tmp_path / "moved"
        inode = (tmp_path / "moved" / own.path.name).stat().st_ino
        assert outcome() == FINE
        moved = Path(Checkout.objects.get().path)
        assert (moved, moved.stat().st_ino) == (tmp_path / "moved" / own.path.name, inode)
        settings.STATEHUB_CLONES = tmp_path / "empty"
        assert outcome() == FINE
        assert Checkout.objects.get().path == str(tmp_path / "empty" / own.path.name)

    def test_folder_of_clones_with_work_of_a_person(
        self, own: Clone, person: Clone, origin: Origin, settings: Settings, tmp_path: Path
    ) -> None:
        settings.STATEHUB_CLONES = tmp_path / "people"
        theirs = Clone(tmp_path / "people" / own.path.name)
        origin.git("clone", "--quiet", str(origin.path), str(theirs.path))
        theirs.write(FILE, "unsaved work")
        ended = fix("origin")
        (aside,) = theirs.path.parent.glob("*.aside-*")
        assert (ended.exit, Clone(aside / own.path.name).read(FILE)) == (0, b"unsaved work")
        assert ended.stderr == (
            f"origin: {theirs.path} was not made by the hub: it is moved to a folder {theirs.path}.aside-…\n"
        )
        assert (outcome(), Checkout.objects.get().path) == (FINE, str(theirs.path))

    def test_folder_of_clones_with_a_checkout_of_a_person(
        self, own: Clone, person: Clone, origin: Origin, settings: Settings, tmp_path: Path
    ) -> None:
        theirs = Clone(tmp_path / "people" / own.path.name)
        origin.git("clone", "--quiet", str(origin.path), str(theirs.path))
        assert run("register_repo", theirs.path).exit == 0
        theirs.write(FILE, "unsaved work")
        settings.STATEHUB_CLONES = tmp_path / "people"
        assert fix("origin", "--pull").exit in (0, 1)
        assert theirs.read(FILE) == b"unsaved work"
        assert Checkout.objects.get(managed=True).path == f"{theirs.path}-2"

    def test_two_processes_at_once(self, hub: Hub, own: Clone, person: Clone) -> None:
        """Both runs end well: the second waits for the first, which makes the clone."""
        lost(own)
        report("done")
        started = [subprocess.Popen(**process_of(hub, "fix_consistency", "origin")) for _ in range(3)]
        assert [(process.communicate()[1], process.returncode) for process in started] == [(b"", 0)] * 3
        assert (pushed(person), own.head) == (DONE, person.head)
        assert OwnCommit.objects.count() == 1

    @pytest.mark.proof
    def test_killed_at_any_time(self, hub: Hub, own: Clone, person: Clone) -> None:
        """Whatever a run was doing, the next one goes on: making the clone, taking a status, committing, pushing."""
        for number in range(8):
            if number % 3 == 0:
                lost(own)
            report("in_progress" if number < 4 else "done")
            person.write("README.md", f"{number}")
            person.commit()
            push_over_others(person)
            with subprocess.Popen(**process_of(hub, "fix_consistency", "origin", "--wait", "30")) as process:
                time.sleep(0.35 + number * 0.1)
                process.kill()
        assert fix("origin").exit == 0
        assert outcome() == FINE
        assert (pushed(person), statuses()["WP-1-T01"], own.head) == (DONE, "done", person.head)

    def test_busy_one_is_left_alone(self, hub: Hub, own: Clone) -> None:
        with Path(f"{own.path}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            ended = fix("origin", "--wait", "0")
        assert ended.exit == 2
        assert "another run is working on" in ended.stderr


class TestPrograms:
    def test_hooks_do_not_run(self, own: Clone, person: Clone, settings: Settings, tmp_path: Path) -> None:
        """Neither those in the clone nor those that the machine's settings name, even if hooks of people run."""
        settings.STATEHUB_COMMIT_HOOKS = True
        names = (
            "pre-commit", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-push", "post-rewrite",
            "reference-transaction", "post-index-change", "prepare-commit-msg",
        )  # fmt: skip
        for name in names:
            for folder in (own.path / ".git" / "hooks", tmp_path / "hooks"):
                folder.mkdir(exist_ok=True)
                (folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-$(basename $0)\n")
                (folder / name).chmod(0o755)
        own.git("config", "core.hooksPath", str(tmp_path / "hooks"))
        report("done")
        person.write("README.md", "more")
        publish(person)
        assert outcome() == FINE
        assert pushed(person) == DONE
        person.git("commit", "--quiet", "--amend", "--message=Other")
        person.push("--force")
        assert outcome() == FINE
        assert sorted(tmp_path.glob("ran-*")) == []

    def test_filters_of_the_machine_do_not_run(
        self, own: Clone, person: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not even git-lfs: the work tree has the bytes of the commit."""
        home = tmp_path / "home"
        home.mkdir()
        text = (Path(os.environ["HOME"]) / ".gitconfig").read_text()
        program = f"touch {tmp_path}/ran; cat"
        (home / ".gitconfig").write_text(
            f'{text}[filter "lfs"]\n\tsmudge = "{program}"\n\tclean = "{program}"\n\trequired = true\n'
            "[core]\n\tautocrlf = true\n\teol = crlf\n"
        )
        person.write(".gitattributes", "*.md text filter=lfs ident\n")
        publish(person)
        monkeypatch.setenv("HOME", str(home))
        report("done")
        assert outcome() == FINE
        assert (own.read(FILE).decode(), (tmp_path / "ran").exists()) == (DONE, False)
        lost(own)
        assert outcome() == FINE
        assert (own.read(FILE).decode(), (tmp_path / "ran").exists()) == (DONE, False)

    def test_settings_are_written_again(self, own: Clone, tmp_path: Path) -> None:
        before = (own.path / ".git" / "config").read_text()
        own.git("config", "core.sshCommand", f"touch {tmp_path}/ran")
        own.git("config", "remote.origin.url", "https://example.org/other.git")
        (own.path / ".git" / "info" / "attributes").unlink()
        assert outcome() == FINE
        assert (own.path / ".git" / "config").read_text() == before
        assert (own.path / ".git" / "info" / "attributes").read_text().startswith("* -filter")


def test_remote_that_answers_again_is_polled_as_any_other(own: Clone) -> None:
    Checkout.objects.update(poll_failures=9, poll_at="2100-01-01T00:00Z")
    assert outcome() == FINE
    assert list(Checkout.objects.values_list("poll_failures", "poll_at")) == [(0, None)]


class TestSize:
    BIG = 3_000_000

    def limit(self, settings: Settings, size: int) -> None:
        settings.STATEHUB_CLONE_MAX_SIZE = size

    def grow(self, person: Clone) -> None:
        person.write("big", os.urandom(self.BIG))
        publish(person, "Big")

    def test_is_measured(self, own: Clone, person: Clone) -> None:
        before = Checkout.objects.get().clone_size or 0
        self.grow(person)
        assert outcome() == FINE
        assert self.BIG < (Checkout.objects.get().clone_size or 0) - before < 2 * self.BIG

    def test_clone_that_is_too_large_is_not_made_again_and_again(
        self, origin: Origin, person: Clone, clones: Path, settings: Settings, git_processes: GitProcesses
    ) -> None:
        self.grow(person)
        self.limit(settings, self.BIG // 3)
        ended = run("register_repo", "--remote", f"file://{origin.path}")
        assert (ended.exit, "it is not cloned yet" in ended.stdout) == (0, True)
        size = Checkout.objects.get().clone_size
        assert ended.stderr == f"origin: {self.message(size, self.BIG // 3)}\n"
        git_processes.clear()
        ended = fix("origin")
        assert (ended.exit, len(git_processes)) == (2, 0)
        assert ended.stderr == f"error: origin: {self.message(size, self.BIG // 3)}\n"
        assert [each.name for each in clones.iterdir() if each.is_dir()] == []
        self.limit(settings, self.BIG * 3)
        assert outcome() == FINE
        assert (Checkout.objects.get().clone_size or 0) > self.BIG

    def test_clone_that_grows_too_large(self, own: Clone, person: Clone, settings: Settings) -> None:
        self.grow(person)
        self.limit(settings, self.BIG)
        for _ in range(2):
            ended = fix("origin")
            size = Checkout.objects.get().clone_size or 0
            assert (ended.exit, size > self.BIG) == (2, True)
            assert ended.stderr == f"error: origin: {self.message(size, self.BIG)}\n"
        self.limit(settings, self.BIG * 2)
        assert outcome() == FINE

    def message(self, size: int | None, limit: int) -> str:
        return (
            f"the clone takes {size:,} bytes on the disk or more, and STATEHUB_CLONE_MAX_SIZE allows {limit:,} "
            "(register_repo --remote URL tries again)"
        )

    def test_maintenance_runs_when_it_has_received_much(
        self, own: Clone, person: Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("consistency.git.managed_clone.MAX_PACKS", 0)
        monkeypatch.setattr("consistency.git.managed_clone.MAX_LOOSE_OBJECTS", -1)
        for number in range(3):
            person.write(f"{number}", "x" * number)
            publish(person)
            assert outcome() == FINE
        assert len(list((own.path / ".git" / "objects" / "pack").glob("*.pack"))) == 1
        assert sorted(each.name for each in (own.path / ".git" / "objects").glob("??")) == []


class TestOtherWritebacks:
    def test_off_leaves_the_files(self, own: Clone, person: Clone) -> None:
        Repo.objects.update(writeback="off")
        report("done")
        ended = fix("origin")
        assert codes(ended) == [("C-13", "skipped")]
        assert (own.head, pushed(person)) == (person.head, TEXT)

    def test_own_commits_that_are_not_to_be_pushed_go(self, own: Clone, person: Clone, origin: Origin) -> None:
        refusing = origin.path / "hooks" / "pre-receive"
        refusing.parent.mkdir(exist_ok=True)
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
        report("done")
        fix("origin")
        assert own.head != person.head
        Repo.objects.update(writeback="off")
        assert codes(fix("origin")) == [("C-13", "skipped")]
        assert (own.head, statuses()["WP-1-T01"]) == (person.head, "done")


def test_findings_of_a_lost_branch_say_how_to_follow(own: Clone, origin: Origin) -> None:
    origin.git("branch", "--move", "main", "trunk")
    origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    (found,) = findings(fix("origin"))
    assert (found["code"], "register_repo --remote URL --branch trunk follows it" in found["message"]) == ("C-22", True)
    assert run("register_repo", "--remote", str(origin.path), "--branch", "trunk").exit == 0
    assert outcome() == FINE
    assert own.git("branch", "--show-current") == "trunk"


def test_commit_that_only_another_host_has_seen_is_no_error(own: Clone, person: Clone, origin: Origin) -> None:
    """The remote cannot be reached, and this clone lacks the newest commit that the hub knows of."""
    report("done")
    fix("origin")
    person.pull()
    publish(person)
    Run.objects.exclude(tip="").update(tip=person.head)  # As a run of another host, the newest one of all.
    origin.path.rename(origin.path.with_name("away"))
    report("cancelled", "WP-1-T02")
    ended = fix("origin")
    assert (ended.exit, ended.stderr, codes(ended)) == (0, "", [("C-14", "none")])
    origin.path.with_name("away").rename(origin.path)
    assert outcome() == FINE
    assert "status: cancelled" in pushed(person)
