"""The options of check_consistency and fix_consistency, and what goes where."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.db import connection

from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, StatusChange
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import (
    FILE,
    TEXT,
    check,
    codes,
    document,
    edit,
    findings,
    fix,
    mirrored,
    publish,
    run,
    statuses,
)

BAD = TEXT.replace("status: todo", "status: doing")
SCHEMA = Path(__file__).parent.parent / "reports/sarif-schema-2.1.0.json"

pytestmark = pytest.mark.usefixtures("hub")


class TestFailOn:
    @pytest.mark.parametrize(
        ("text", "exits"),
        [(TEXT, (0, 0, 0)), (TEXT.replace("todo", "done"), (0, 1, 0)), (BAD, (1, 1, 0))],
        ids=["nothing", "warn", "fail"],
    )
    def test_exit_status(self, clone: Clone, text: str, exits: tuple[int, int, int]) -> None:
        mirrored(clone)
        clone.write(FILE, text)
        assert check("clone").exit == exits[0]
        assert tuple(check("clone", "--fail-on", word).exit for word in ("fail", "warn", "never")) == exits

    def test_note_is_neither(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        publish(origin.clone("other"))
        assert codes(check("clone")) == [("C-14", "none")]
        assert (check("clone", "--fail-on", "warn").exit, fix("clone", "--fail-on", "warn").exit) == (0, 1)


class TestOutput:
    def test_report_goes_into_the_file_and_only_there(self, clone: Clone, tmp_path: Path) -> None:
        mirrored(clone)
        place = tmp_path / "out" / "report.json"
        place.parent.mkdir()
        place.write_text("an older and longer report " * 100)
        ended = check("clone", "--output", place)
        assert (ended.exit, ended.stdout, ended.stderr) == (0, "", "")
        assert json.loads(place.read_text())["repos"][0]["slug"] == "clone"
        assert os.listdir(place.parent) == ["report.json"]

    def test_link_stays_a_link(self, clone: Clone, tmp_path: Path) -> None:
        mirrored(clone)
        (tmp_path / "link").symlink_to("real.txt")
        assert run("check_consistency", "clone", "--output", tmp_path / "link").exit == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real.txt").read_text(encoding="utf-8").startswith("clone · ")

    def test_pipe_stays_a_pipe(self, clone: Clone, tmp_path: Path) -> None:
        mirrored(clone)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert check("clone", "--output", pipe).exit == 0
            assert json.loads(os.read(reader, 100_000))["mode"] == "check"
        finally:
            os.close(reader)
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_file_that_cannot_be_replaced_leaves_nothing_behind(self, clone: Clone, tmp_path: Path) -> None:
        mirrored(clone)
        ended = check("clone", "--output", tmp_path / ("x" * 250))
        assert (ended.exit, ended.stdout) == (2, "")
        assert ended.stderr.endswith(": File name too long\n")
        assert sorted(os.listdir(tmp_path)) == ["clone", "origin.git"]


class TestFormats:
    def test_sarif_is_valid(self, clone: Clone) -> None:
        mirrored(clone)
        clone.write(FILE, BAD)
        log = json.loads(run("check_consistency", "clone", "--format", "sarif").stdout)
        jsonschema.validate(log, json.loads(SCHEMA.read_text()))
        assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["C-05"]

    @pytest.mark.parametrize("form", ["json", "sarif", "text"])
    def test_any_terminal_gets_it_whole(self, hub: Hub, clone: Clone, form: str) -> None:
        mirrored(clone, {FILE: workplan("WP-1", [("T01", "todo")], title="Größe — 規模 \U0001f600")})
        clone.write(FILE, clone.read(FILE).replace(b"active", b"draft"))
        ended = hub.manage("check_consistency", "clone", "--format", form, env={"PYTHONIOENCODING": "ascii:strict"})
        assert (ended.exit, ended.stderr) == (0, "")
        if form == "text":
            assert "Gr\\xf6\\xdfe \\u2014 \\u898f\\u6a21 \\U0001f600" in ended.stdout
        else:
            assert "Größe — 規模 \U0001f600" in ended.stdout

    def test_hostile_words_cannot_steer_a_terminal(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone, {"workplans/\x1b[2Jx\ny.md": workplan("WP-1", [("T01", "todo")], title="a\u202eb")})
        name = "workplans/\x1b[2Jx\ny.md"
        clone.write(name, clone.read(name).decode().replace("status: todo", 'status: "\\e[31m\\0"'))
        ended = hub.manage("check_consistency", "clone")
        assert not {"\x1b", "\u202e", "\0"} & set(ended.stdout + ended.stderr)
        assert "workplans/\\x1b[2Jx\\ny.md" in ended.stdout
        row = Finding.objects.get(code="C-05")
        assert (row.file, "\0" in row.message) == (name, False)

    def test_report_for_people_is_plain_in_a_pipe(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        assert hub.manage("check_consistency", "clone").stdout == (
            f"clone · {clone.path} · check · up to date with its remote\n"
            "  workplans/a.md\n"
            "    WARN  C-11  line 14  file is ahead of task 'Task WP-1-T01' (db=todo, file=done)  (WP-1-T01)\n"
            "\n"
            "What to do\n"
            "  C-11  Run fix_consistency: the hub advances to the file's status.\n"
            "\n"
            "1 repo: 0 FAIL, 1 WARN, 0 INFO, 0 fixed\n"
        )

    def test_colours_are_for_terminals_or_on_demand(self, clone: Clone) -> None:
        mirrored(clone)
        assert "\x1b[" in run("check_consistency", "clone", "--force-color").stdout
        assert "\x1b[" not in run("check_consistency", "clone").stdout
        assert run("check_consistency", "clone", "--verbosity", "0").stdout == ""


class TestWhichCheckouts:
    def test_path_registers_on_the_way(self, clone: Clone) -> None:
        clone.write(FILE, TEXT)
        (clone.path / "deep/er").mkdir(parents=True)
        ended = fix("--path", clone.path / "deep/er")
        assert (ended.exit, codes(ended)) == (0, [("C-07", "created")])
        assert ended.stderr == f"registered {clone.path} as 'clone', workplans: workplans/**/*.md; its branch is main\n"
        assert fix("--path", clone.path).stderr == ""
        assert list(Checkout.objects.values_list("repo__slug", "host", "path")) == [
            ("clone", "test-host", str(clone.path))
        ]

    def test_slugs_and_all(self, new_origin: Callable[[str], Origin]) -> None:
        clones = [mirrored(new_origin(name).clone(name), {FILE: workplan(name)}) for name in ("one", "two", "three")]
        Checkout.objects.create(repo=Repo.objects.get(slug="one"), host="elsewhere", path="/far")

        def seen(*args: str) -> list[tuple[str, str]]:
            return [(repo["slug"], repo["outcome"]) for repo in document(check(*args))["repos"]]

        assert seen("two", "one", "two") == [("two", "ok"), ("one", "ok")]
        shutil.rmtree(clones[1].path)
        assert seen("--all") == [("one", "ok"), ("three", "ok"), ("two", "error")]
        ended = check("one", "nope", "two")
        assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)

    def test_broken_one_fails_the_whole_but_others_are_fixed(self, new_origin: Callable[[str], Origin]) -> None:
        one, two = (mirrored(new_origin(name).clone(name), {FILE: workplan(name, [("T1", "todo")])}) for name in "ab")
        shutil.rmtree(one.path)
        edit(two, "status: todo", "status: done")
        ended = fix("--all")
        assert (ended.exit, codes(ended), statuses()["b-T1"]) == (1, [("C-01", "none"), ("C-11", "advanced")], "done")


class TestWhatIsRecorded:
    def test_run_has_a_receipt(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        assert fix("clone", "--dry-run", "--no-fetch").exit == 0
        newest: dict[str, Any] = {**Run.objects.values().latest("started_at")}
        for name in ("id", "started_at", "finished_at", "version", "user", "checkout_id"):
            assert newest.pop(name)
        assert sorted(newest.pop("seconds")) == ["compare", "fetch", "look", "record", "writeback"]
        assert newest == {
            "mode": "fix", "dry_run": True, "trigger": "command", "outcome": "ok", "converged": False, "error": "",
            "freshness": "unknown", "fetch": "not asked", "head": clone.head, "branch": "main",
            "upstream": "origin/main", "ahead": 0, "behind": 0, "writeback_commit": "", "counts": {"C-11": 1},
            "upstream_place": f"{str(origin.path).removesuffix('.git')} refs/heads/main", "tip": "", "fetched_at": None,
            "push": "",
        }  # fmt: skip

    def test_fetch_that_worked_is_remembered(self, origin: Origin, clone: Clone) -> None:
        mirrored(clone)
        publish(origin.clone("other"))
        assert fix("clone").exit == 0
        newest = Run.objects.latest("started_at")
        assert (newest.tip, newest.fetch, newest.freshness) == (origin.head, "ok", "behind")
        assert newest.fetched_at is not None
        assert newest.started_at - timedelta(minutes=1) < newest.fetched_at <= newest.started_at

    def test_run_knows_who_started_it_and_why(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        monkeypatch.setenv("STATEHUB_TRIGGER", "cron")
        monkeypatch.setenv("STATEHUB_USER", "m\udce9")
        check("clone")
        newest = Run.objects.latest("started_at")
        assert (newest.trigger, newest.user) == ("cron", "m\\udce9")
        monkeypatch.setenv("STATEHUB_TRIGGER", "whim")
        line = "error: STATEHUB_TRIGGER must be one of command, cron, admin, api, webhook, poll, report, not 'whim'\n"
        assert check("clone") == Ended(2, "", line)

    def test_status_moved_by_a_file_says_where_it_came_from(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        head = clone.commit()
        assert fix("clone").exit == 0
        change = StatusChange.objects.values("old", "new", "source", "host", "commit", "reopen", "reason").get()
        assert change == {
            "old": "todo", "new": "done", "source": "file", "host": "test-host", "commit": head, "reopen": False,
            "reason": "",
        }  # fmt: skip
        author = clone.git("log", "-1", "--format=%an")
        assert StatusChange.objects.get().who == author != Run.objects.latest("started_at").user

    def test_names_that_no_database_takes(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        clone.git("checkout", "--quiet", "-b", "b\udcff")
        (clone.path / "workplans" / "x\udcff.md").write_text(TEXT)
        clone.git("config", "branch.b\udcff.remote", "nowhere")
        clone.git("config", "branch.b\udcff.merge", "refs/heads/main")
        for _ in range(2):
            ended = fix("clone", "--any-branch")
            assert (ended.exit, ended.stderr, codes(ended)) == (1, "", [("C-02", "none")])
            assert findings(ended)[0]["file"] == "workplans/x\udcff.md"
        row = Finding.objects.get(code="C-02")
        assert (row.file, row.times_seen) == ("workplans/x\\udcff.md", 2)
        assert Run.objects.latest("started_at").branch in ("b\\udcff", "b\ufffd")
        (clone.path / "workplans" / "x\udcff.md").unlink()
        assert fix("clone", "--any-branch").exit == 0
        assert Finding.objects.get(code="C-02").resolution == "gone"
        assert codes(fix("clone")) == [("C-18", "none")]
        assert Finding.objects.get(code="C-18").message.startswith("Repo 'clone' is on branch 'b")

    def test_repo_before_its_first_commit(self, tmp_path: Path) -> None:
        young = Clone(tmp_path / "young")
        young.path.mkdir()
        young.git("init", "--quiet")
        young.write(FILE, TEXT)
        repo = document(fix("--path", young.path))["repos"][0]
        assert (repo["head"], repo["freshness"], repo["converged"]) == (None, "no_upstream", True)
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        assert codes(fix("young")) == [("C-13", "skipped"), ("C-14", "none")]
        young.git("add", FILE)
        assert codes(fix("young")) == [("C-13", "skipped"), ("C-14", "none")]


def test_test_runs_on_the_database_it_was_asked_for(hub: Hub) -> None:
    assert connection.vendor == ("sqlite" if hub.url.startswith("sqlite:") else "postgresql")
