"""`statehub-lint` as a process, in real repositories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.repos import Clone
from testing.workplans import workplan

ROOT = Path(__file__).resolve().parents[2]
A, B = "workplans/a.md", "workplans/b.md"
SOUND, BAD = workplan("WP-1", [("T01", "done")]), workplan("WP-1", [("T01", "finished")])


def lint(folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run the command in *folder*; return its exit status, its output and its errors."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", "consistency.lint.command", *arguments], cwd=folder, check=False,
        env=environment | {"PYTHONPATH": str(ROOT)} | env, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_exit_statuses(clone: Clone, tmp_path: Path) -> None:
    clone.write(A, SOUND)
    assert lint(clone.path) == (0, "", "")
    clone.write(A, BAD)
    status, output, errors = lint(clone.path)
    assert (status, output.partition("\n")[0], errors) == (
        1,
        f"{A}:14: C-05 FAIL unknown task status 'finished' — did you mean 'done'?",
        "",
    )
    assert lint(clone.path, "nowhere.md") == (2, "", "error: nowhere.md is not there\n")
    assert lint(clone.path, "--form", "xml")[0] == 2
    outside = tmp_path / "outside"
    outside.mkdir()
    status, output, errors = lint(outside)
    assert (status, output) == (2, "")
    assert errors.startswith("error: . is not a git work tree")


def test_nothing_matches(clone: Clone) -> None:
    status, output, _ = lint(clone.path)
    assert (status, output.partition("\n")[0]) == (
        1,
        ".:1: C-25 WARN no file matches the repo's workplan pattern 'workplans/**/*.md'",
    )
    assert lint(clone.path, "--staged") == (0, "", "")


def test_patterns(clone: Clone) -> None:
    clone.write("plans/a.md", BAD)
    clone.write("plans/old/b.md", BAD)
    assert lint(clone.path, "--workplans", "plans/**/*.md", "--exclude", "plans/old/**", "--format", "github") == (
        1,
        "::error file=plans/a.md,line=14,title=C-05 Task block is invalid::unknown task status 'finished' — did you "
        "mean 'done'?\n",
        "",
    )


def test_paths_are_named_from_the_top_of_the_repo(clone: Clone, tmp_path: Path) -> None:
    clone.write(A, BAD)
    clone.write("other/notes.txt", BAD)
    for folder, path in ((clone.path, "workplans"), (clone.path / "workplans", "."), (clone.path / "other", f"../{A}")):
        report = json.loads(lint(folder, path, "--format=json")[1])
        assert [each["file"] for each in report["findings"]] == [A]
    report = json.loads(lint(tmp_path, str(clone.path / A), "--format=json")[1])
    assert [each["file"] for each in report["findings"]] == [str((clone.path / A).relative_to(tmp_path))]
    report = json.loads(lint(clone.path / "other", "/dev/null", f"../{A}", "--format=json")[1])
    assert [each["file"] for each in report["findings"]] == ["/dev/null", str(clone.path / A)]


def test_staged_is_what_counts(clone: Clone) -> None:
    clone.write(A, SOUND)
    clone.commit()
    clone.write(A, BAD)
    assert lint(clone.path, "--staged") == (0, "", "")
    clone.git("add", A)
    clone.write(A, SOUND)
    status, output, _ = lint(clone.path, "--staged")
    assert (status, output.partition(" ")[0]) == (1, f"{A}:14:")


def test_staged_reports_only_files_of_this_commit(clone: Clone) -> None:
    clone.write(A, BAD)
    clone.commit()
    clone.write(B, workplan("WP-2"))
    clone.git("add", B)
    assert lint(clone.path, "--staged") == (0, "", "")
    clone.write(B, workplan("WP-1"))
    clone.git("add", B)
    status, output, _ = lint(clone.path, "--staged", B)
    assert (status, output.splitlines()[0]) == (1, f"{B}:1: C-04 FAIL workplan id 'WP-1' is also that of {A}")
    assert lint(clone.path, "--staged", "README.md") == (0, "", "")


def test_staged_status_that_goes_back(clone: Clone) -> None:
    clone.write(A, SOUND)
    clone.commit()
    clone.write(A, workplan("WP-1", [("T01", "todo")]))
    clone.git("add", A)
    status, output, _ = lint(clone.path, "--staged")
    assert (status, output.splitlines()[0]) == (
        1,
        f"{A}:14: C-13 WARN task 'Task WP-1-T01' goes back from done to todo, which the hub would undo; to do it on "
        "purpose, reopen it in the hub (reopen_task WP-1-T01 todo --reason …): the file follows",
    )
    clone.git("mv", A, B)
    assert lint(clone.path, "--staged")[0] == 1


def test_first_commit_of_a_repository(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "new")
    clone.path.mkdir()
    clone.git("init", "--quiet")
    clone.write(A, SOUND)
    clone.git("add", A)
    assert lint(clone.path, "--staged") == (0, "", "")


def test_merge_takes_what_the_other_side_decided(clone: Clone) -> None:
    clone.write(A, SOUND)
    clone.commit()
    clone.git("checkout", "--quiet", "-b", "reopened")
    clone.write(A, workplan("WP-1", [("T01", "todo")], title="Other"))
    clone.commit()
    clone.git("checkout", "--quiet", "main")
    clone.write("x", "x")
    clone.commit()
    clone.git("merge", "--quiet", "--no-commit", "--no-ff", "reopened")
    assert lint(clone.path, "--staged") == (0, "", "")


def test_hook_checks_the_index_of_the_commit(clone: Clone) -> None:
    """`git commit FILE` prepares the commit in an index of its own, which git names to its hooks."""
    clone.write(A, SOUND)
    clone.write(B, workplan("WP-2"))
    clone.commit()
    hook = clone.write(
        ".git/hooks/pre-commit",
        f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m consistency.lint.command --staged\n",
    )
    hook.chmod(0o755)
    clone.write(A, BAD)
    clone.git("add", A)
    clone.write(B, workplan("WP-2", title="Other"))
    clone.git("commit", "--quiet", "--message=Other", B)
    with pytest.raises(AssertionError, match="C-05"):
        clone.git("commit", "--quiet", "--message=Bad", A)
    assert clone.log() == ["Other", "Change", "Start"]


def test_runs_without_django_and_a_database(clone: Clone) -> None:
    clone.write(A, SOUND)
    code = (
        "import sys; before = set(sys.modules);"  # coverage may have loaded some already
        "from consistency.lint.command import main; main(['--staged']); main([]);"
        "loaded = {name.partition('.')[0] for name in sys.modules.keys() - before};"
        "print(sorted(loaded & {'django', 'sqlite3', 'environ', 'rich'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone.path, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
