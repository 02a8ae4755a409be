"""The seam sees every effect of a fix, and the comparison sees what is left behind."""

from __future__ import annotations

from pathlib import Path

from tests.crash.scenarios import SCENARIOS
from tests.crash.seam import FAIL, KILL, KILL_AFTER, Plan
from tests.crash.series import differences, disturbed, undisturbed
from tests.crash.stage import Stage

FIRST, LAST = "mkdir /a/.git/statehub-writeback", "rmdir /a/.git/statehub-writeback"


def test_every_effect_of_a_writeback_counts(stage: Stage) -> None:
    names = [name for _, name in undisturbed(stage, SCENARIOS["fix"]).effects]
    writeback = names[names.index(FIRST) : names.index(LAST) + 1]
    writeback[-5:-1] = sorted(writeback[-5:-1])  # The folder's files go in the order in which the system lists them.
    assert writeback == [
        FIRST,
        "link /a/workplans/a.md /a/.git/statehub-writeback/0",
        "link /a/workplans/b.md /a/.git/statehub-writeback/1",
        "open /a/.git/statehub-writeback/files.tmp",
        "write",
        "rename /a/.git/statehub-writeback/files.tmp /a/.git/statehub-writeback/files.json",
        *(
            effect.format(file)
            for file in "ab"
            for effect in (
                "remove /a/workplans/.statehub-writeback.tmp",
                "open /a/workplans/.statehub-writeback.tmp",
                "write",
                "chmod",
                "fsync",
                "rename /a/workplans/.statehub-writeback.tmp /a/workplans/{}.md",
            )
        ),
        "open /a/.git/statehub-writeback/message",
        "write",
        "open /a/.git/statehub-writeback/paths",
        "write",
        "git commit",
        "git rev-parse",
        "remove /a/.git/statehub-writeback/files.json",
        *(f"remove {name}" for name in ("0", "1", "message", "paths")),
        LAST,
    ]


def test_statements_and_commits_count(stage: Stage) -> None:
    effects = undisturbed(stage, SCENARIOS["fix"]).effects
    moved = effects.index(("sql", "INSERT statehub_statuschange"))
    begin, commit = effects.index(("sql", "BEGIN IMMEDIATE")), effects.index(("commit", "COMMIT"))
    assert begin < moved < commit < effects.index(("spawn", "git commit"))
    assert effects[0] == ("query", "connect")
    assert ("commit", "INSERT consistency_run") in effects


def test_what_a_cut_run_leaves_is_seen(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    at = whole.effects.index(("spawn", "git commit")) + 1
    stage.restore()
    assert stage.run(SCENARIOS["fix"].command(stage), Plan(KILL, at)).exit == -9
    found = differences(whole.end, stage.photograph())
    assert [words.split(" is ")[0] for words in found] == ["ledger", "newest run", "clone"]
    assert "statehub-writeback/files.json" in found[-1]


def test_a_failing_write_is_told(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    names = [name for _, name in whole.effects]
    at = names.index("rename /a/workplans/.statehub-writeback.tmp /a/workplans/b.md") + 1
    stage.restore()
    said = stage.run(SCENARIOS["fix"].command(stage), Plan(FAIL, at)).said
    assert "C-16  writeback was not possible: Input/output error" in said


def test_a_plan_beyond_the_end_is_a_fault(stage: Stage) -> None:
    whole = undisturbed(stage, SCENARIOS["fix"])
    at = next(at for at, (kind, _) in enumerate(whole.effects, 1) if kind == "write")  # its end is not seen
    (fault,) = disturbed(stage, SCENARIOS["fix"], whole, Plan(KILL_AFTER, at)).faults
    assert fault.startswith("was not killed: 0")


def test_nothing_is_left_in_the_folder_of_temporary_files(stage: Stage) -> None:
    assert undisturbed(stage, SCENARIOS["import"]).end["temporary"] == []
    assert list(Path(stage.folder, "tmp").iterdir()) == []
