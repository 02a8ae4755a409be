"""The seam sees every effect of a fix, and the comparison sees what is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.scenarios import SCENARIOS
from tests.crash.seam import FAIL, KILL, KILL_AFTER, Plan
from tests.crash.series import differences, disturbed, undisturbed
from tests.crash.stage import Stage

FIRST, LAST = "mkdir /a/.git/statehub-writeback", "rmdir /a/.git/statehub-writeback"


def test_every_effect_of_a_writeback_counts(stage: Stage) -> None:
    names = [name for _, name in undisturbed(stage, SCENARIOS["fix"]).effects]
    writeback = names[names.index("git fast-import") : names.index(LAST) + 1]
    writeback[-3:-1] = sorted(writeback[-3:-1])  # The folder's files go in the order in which the system lists them.
    assert writeback == [
        "git fast-import",
        "write",
        "BEGIN IMMEDIATE",
        "INSERT OR IGNORE",
        "COMMIT",
        FIRST,
        "link /a/workplans/a.md /a/.git/statehub-writeback/0",
        "link /a/workplans/b.md /a/.git/statehub-writeback/1",
        *(effect for number in "01" for effect in (f"open /a/.git/statehub-writeback/{number}.new", "write")),
        *("fsync", "fsync"),
        "open /a/.git/statehub-writeback/files.tmp",
        "write",
        "rename /a/.git/statehub-writeback/files.tmp /a/.git/statehub-writeback/files.json",
        *(
            effect
            for number, file in enumerate("ab")
            for effect in ("chmod", f"rename /a/.git/statehub-writeback/{number}.new /a/workplans/{file}.md")
        ),
        "git read-tree",
        "git update-ref",
        "write",
        "remove /a/.git/statehub-writeback/files.json",
        *(f"remove {name}" for name in ("0", "1")),
        LAST,
    ]


def test_statements_and_commits_count(stage: Stage) -> None:
    effects = undisturbed(stage, SCENARIOS["fix"]).effects
    moved = effects.index(("sql", "INSERT statehub_statuschange"))
    begin, commit = effects.index(("sql", "BEGIN IMMEDIATE")), effects.index(("commit", "COMMIT"))
    assert begin < moved < commit < effects.index(("spawn", "git update-ref"))
    assert effects[0] == ("query", "connect")
    assert ("commit", "INSERT consistency_run") in effects


def test_what_a_cut_run_leaves_is_seen(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    at = whole.effects.index(("spawn", "git update-ref")) + 1
    stage.restore()
    assert stage.run(SCENARIOS["fix"].command(stage), Plan(KILL, at)).exit == -9
    found = differences(whole.end, stage.snapshot())
    assert [words.split(" is ")[0] for words in found] == ["ledger", "newest run", "clone"]
    assert "statehub-writeback/files.json" in found[-1]


def test_a_failing_write_is_told(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    names = [name for _, name in whole.effects]
    at = names.index("rename /a/.git/statehub-writeback/1.new /a/workplans/b.md") + 1
    stage.restore()
    said = stage.run(SCENARIOS["fix"].command(stage), Plan(FAIL, at)).said
    assert "C-16  writeback was not possible: Input/output error" in said


@pytest.mark.parametrize(
    ("name", "files"), [("fix", 2), ("unchanged", 2), ("crlf", 2), ("hooks", 2), ("reopen", 1), ("worktree", 2)]
)
def test_undisturbed_end_is_clean(stage: Stage, name: str, files: int) -> None:
    end = undisturbed(stage, SCENARIOS[name]).end
    assert (end["open findings"], end["temporary"], end["clone"]["half objects"]) == ([], [], [])
    assert not [path for path in end["clone"]["git folder"] if path.startswith(("refs/worktree/", "statehub-w"))]
    assert max(len(changes) for _, commit, _, changes in end["own commits"] if commit == end["clone"]["head"]) == files


def test_a_plan_beyond_the_end_is_a_fault(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    at = next(at for at, (kind, _) in enumerate(whole.effects, 1) if kind == "write")  # its end is not seen
    (fault,) = disturbed(stage, SCENARIOS["fix"], whole, Plan(KILL_AFTER, at)).faults
    assert fault.startswith("was not killed: 0")


def test_nothing_is_left_in_the_folder_of_temporary_files(stage: Stage) -> None:
    assert undisturbed(stage, SCENARIOS["import"]).end["temporary"] == []
    assert list(Path(stage.folder, "tmp").iterdir()) == []
