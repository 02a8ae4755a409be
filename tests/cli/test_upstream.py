"""A run and the remote: it fetches, pulls, and pushes, as it is asked to."""

from __future__ import annotations

import shutil

import pytest
from pytest_django import Settings

from consistency.models import Finding, Run
from statehub.models import Repo
from testing.repos import Clone, Origin
from tests.cli.helpers import (
    codes,
    document,
    edit,
    findings,
    fix,
    hub_rows,
    mirrored,
    publish,
    run,
    statuses,
    tree,
)

pytestmark = pytest.mark.usefixtures("hub")


class TestFetch:
    def test_without_a_fetch_nothing_is_known(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        publish(origin.clone("other"))
        assert document(fix("clone", "--no-fetch"))["repos"][0]["freshness"] == "unknown"
        assert document(fix("clone"))["repos"][0]["freshness"] == "behind"
        assert document(fix("clone", "--no-fetch"))["repos"][0]["outcome"] == "skipped"
        assert list(Run.objects.order_by("started_at").values_list("fetch", flat=True)) == [
            "ok", "not asked", "ok", "not asked",
        ]  # fmt: skip

    def test_remote_that_is_gone(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        shutil.rmtree(origin.path)
        edit(clone, "status: todo", "status: done")
        ended = fix("clone")
        assert (ended.exit, ended.stderr, codes(ended)) == (0, "", [("C-11", "advanced")])
        newest = Run.objects.latest("started_at")
        assert (newest.freshness, "does not appear to be a git repository" in newest.fetch) == ("unknown", True)


class TestPull:
    def test_behind_is_forwarded_then_fixed(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        other = origin.clone("other")
        edit(other, "status: todo", "status: done")
        publish(other)
        ended = fix("clone", "--pull")
        repo = document(ended)["repos"][0]
        assert (ended.exit, ended.stderr, clone.head) == (0, "", other.head)
        assert (repo["freshness"], repo["outcome"], repo["converged"]) == ("fresh", "ok", True)
        assert (codes(ended), statuses()["WP-1-T01"]) == ([("C-11", "advanced")], "done")

    def test_pull_that_cannot_work_warns_and_the_gate_holds(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        other = origin.clone("other")
        edit(other, "status: todo", "status: done")
        publish(other)
        clone.write("README.md", "ours")
        clone.commit("Ours")
        before, hub = tree(clone), hub_rows()
        ended = fix("clone", "--pull")
        repo = document(ended)["repos"][0]
        words = "the branch has diverged from origin/main by commits that people made; merge or rebase it"
        assert (ended.exit, ended.stderr.rpartition(": pull failed: ")[::2]) == (0, (f"{clone.path}", f"{words}\n"))
        assert (repo["freshness"], repo["outcome"], codes(ended)) == ("diverged", "skipped", [("C-14", "none")])
        assert (tree(clone), hub_rows()) == (before, hub)

    def test_uncommitted_work_in_the_way_stays(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        other = origin.clone("other")
        edit(other, "status: todo", "status: done")
        publish(other)
        edit(clone, "status: todo", "status: blocked")
        before = tree(clone)
        ended = fix("clone", "--pull")
        assert (codes(ended), tree(clone)) == ([("C-14", "none")], before)
        assert "would be overwritten by merge" in ended.stderr

    def test_remote_that_cannot_be_reached_warns_and_the_run_goes_on(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        shutil.rmtree(origin.path)
        edit(clone, "status: todo", "status: done")
        ended = fix("clone", "--pull")
        assert (ended.exit, codes(ended), ended.stderr.count("\n")) == (0, [("C-11", "advanced")], 1)
        assert ended.stderr.startswith(f"{clone.path}: pull failed: ")

    def test_offline_pull_drops_no_own_commit(self, origin: Origin, clone: Clone, settings: Settings) -> None:
        """Commits seen by others cannot be pulled from here: an own commit cannot be recreated on top of them."""
        mirrored(clone)
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        assert codes(fix("clone")) == [("C-13", "written_back")]
        other = origin.clone("other")
        other.commit("Theirs")
        other.push()
        settings.STATEHUB_HOST = "elsewhere"
        fix("--path", other.path, "--no-writeback")
        settings.STATEHUB_HOST = "test-host"
        origin.path.rename(origin.path.with_name("away"))
        before, hub = tree(clone), hub_rows()
        ended = fix("clone", "--pull")
        assert (codes(ended), ended.stderr.count("\n")) == ([("C-14", "none")], 1)
        assert ended.stderr.startswith(f"{clone.path}: pull failed: ")
        assert (tree(clone), hub_rows()) == (before, hub)

    @pytest.mark.parametrize("options", [["--dry-run"], ["--no-fetch"]])
    def test_dry_run_and_stale_knowledge_pull_nothing(self, origin: Origin, clone: Clone, options: list[str]) -> None:
        mirrored(clone)
        publish(origin.clone("other"))
        before = tree(clone)
        ended = fix("clone", "--pull", *options)
        assert (ended.stderr, tree(clone)) == ("", before)

    @pytest.mark.parametrize(("known", "freshness"), [(False, "no_upstream"), (True, "unknown")])
    def test_no_remote_is_no_trouble_unless_the_hub_knows_of_one(
        self, clone: Clone, known: bool, freshness: str
    ) -> None:
        mirrored(clone)
        clone.git("remote", "remove", "origin")
        if not known:
            Repo.objects.update(origin="", branch="")
        ended = fix("clone", "--pull", "--push")
        held = [("C-22", "none")] if known else []
        assert (ended.exit, ended.stderr, codes(ended)) == (0, "", held)
        assert document(ended)["repos"][0]["freshness"] == freshness


class TestPush:
    def test_writeback_is_pushed_and_the_rest_stays_here(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        clone.git("branch", "mine")
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        ended = fix("clone", "--push")
        repo = document(ended)["repos"][0]
        assert (ended.exit, ended.stderr, codes(ended)) == (0, "", [("C-13", "written_back")])
        assert (repo["writeback_commit"], repo["ahead"], repo["converged"]) == (clone.head, 0, True)
        assert origin.git("for-each-ref", "--format=%(objectname) %(refname)") == f"{clone.head} refs/heads/main"
        newest = Run.objects.latest("started_at")
        assert (newest.push, newest.tip) == ("ok", clone.head)

    @pytest.mark.parametrize("options", [[], ["--no-push"], ["--push", "--dry-run"], ["--push", "--no-writeback"]])
    def test_nothing_is_pushed_unless_it_is_asked_for(self, origin: Origin, clone: Clone, options: list[str]) -> None:
        mirrored(clone)
        before = origin.head
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        assert fix("clone").exit == fix("clone", *options).exit == 0
        assert (origin.head, Run.objects.latest("started_at").push) == (before, "")

    def test_commits_of_people_are_theirs_to_push(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        before = origin.head
        clone.commit("Mine")
        assert codes(fix("clone", "--push")) == []
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        ended = fix("clone", "--push")
        assert (ended.exit, codes(ended)) == (0, [("C-13", "written_back"), ("C-16", "none")])
        words = "it sits on top of unpushed commits; `git push` will push all of them"
        assert findings(ended)[1]["message"] == f"committed, not pushed: {words}"
        assert (origin.head, Run.objects.latest("started_at").push) == (before, words)
        assert document(ended)["repos"][0]["converged"]

    def test_remote_that_refuses(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        hook = origin.path / "hooks/pre-receive"
        hook.write_text("#!/bin/sh\necho 'Not on a Sunday' >&2\nexit 1\n")
        hook.chmod(0o755)
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        ended = fix("clone", "--push")
        assert (ended.exit, codes(ended)) == (0, [("C-13", "written_back"), ("C-16", "none")])
        message = findings(ended)[1]["message"]
        assert message.startswith("committed, not pushed: [remote rejected] (pre-receive hook declined): ")
        assert "Not on a Sunday" in message
        hook.unlink()
        assert codes(fix("clone", "--push")) == []
        assert origin.head == clone.head
        assert Finding.objects.get(code="C-16").resolution == "gone"

    def test_another_push_was_faster(self, origin: Origin, clone: Clone) -> None:
        """The pull recreates the writeback on top of the new commits, and the second push works."""
        mirrored(clone)
        other = origin.clone("other")
        other.commit("Theirs")
        hook = origin.path / "hooks/pre-receive"
        hook.write_text(f"#!/bin/sh\nrm hooks/pre-receive\nexec env -i PATH=$PATH git -C {other.path} push -q\n")
        hook.chmod(0o755)
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        ended = fix("clone", "--push")
        repo = document(ended)["repos"][0]
        assert (ended.exit, codes(ended), repo["ahead"]) == (0, [("C-13", "written_back")], 0)
        assert (repo["writeback_commit"], origin.head) == (clone.head, clone.head)
        subject = "chore(consistency): sync task status from DB [auto]"
        assert (clone.log()[:2], clone.status()) == ([subject, "Theirs"], [])
