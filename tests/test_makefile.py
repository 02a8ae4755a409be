"""The Makefile: which checkouts its targets take, and that CI runs every one of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from testing.environment import FOREIGN_NAMES

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CI = (ROOT / ".ci/run").read_text("utf-8")
RULES = re.findall(r"^([a-z-]+):(?!=)([a-z -]*)", MAKEFILE, re.MULTILINE)
TARGETS = {name: prerequisites.split() for name, prerequisites in RULES}
CONSISTENCY = ("check-consistency", "fix-consistency", "fix-consistency-remote")
REQUIRED = "ERROR: REPO is required: REPO=slug, REPO_PATH=path, or ALL=1 for every checkout of this machine\n"
ONE_ONLY = "ERROR: give only one of REPO, REPO_PATH and ALL\n"
ALL_IS_1 = "ERROR: ALL=1 is every checkout of this machine; ALL takes no other value\n"


def with_prerequisites(name: str) -> set[str]:
    return {name}.union(*(with_prerequisites(needed) for needed in TARGETS[name]))


def test_every_target_is_run_by_ci() -> None:
    code = re.sub(r"^\s*#.*|^step .*", "", CI, flags=re.MULTILINE)
    called = set(re.findall(r"\b(?:make|outside) ([a-z-]+)", code))
    assert set(TARGETS) == set().union(*(with_prerequisites(name) for name in called))


def test_every_target_is_phony() -> None:
    phony = " ".join(re.findall(r"^\.PHONY:(.*)", MAKEFILE, re.MULTILINE)).split()
    assert sorted(phony) == sorted(TARGETS)


def test_no_variable_comes_from_the_environment_of_the_tests() -> None:
    variables = set(re.findall(r"^override (\w+) :=", MAKEFILE, re.MULTILINE))
    assert "COVERAGE" in variables  # make test COVERAGE=1 sets it for all that the tests start
    assert variables - set(FOREIGN_NAMES) == set()


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with the Makefile, whose set-up is done already and whose Python prints what it is asked to run."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" != manage.py ] || [ "$2" = migrate ] || printf "<%s>" "$@"\n')
    python.chmod(0o755)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "--silent", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", CONSISTENCY)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), REQUIRED),
        (("REPOO=a",), REQUIRED),
        (("REPO=",), REQUIRED),
        (("ARGS=--all",), REQUIRED),
        (("REPO=a", "REPO_PATH=b"), ONE_ONLY),
        (("REPO=a", "ALL=1"), ONE_ONLY),
        (("ALL=0",), ALL_IS_1),
        (("ALL=yes",), ALL_IS_1),
    ],
)
def test_nothing_runs_unless_one_choice_is_made(stand_in: Path, target: str, given: tuple[str, ...], said: str) -> None:
    before = sorted(stand_in.rglob("*"))
    ended = make(stand_in, target, *given)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)
    assert sorted(stand_in.rglob("*")) == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("ALL=1",), "<--all><-x>"),
        (("REPO=a b",), "<-x><--><a b>"),
        (("REPO=-a$HOME",), "<-x><--><-a$HOME>"),
        (("REPO_PATH=/x y/$(z)",), "<--path=/x y/$(z)><-x>"),
    ],
)
def test_what_was_chosen_is_passed_on(stand_in: Path, given: tuple[str, ...], words: str) -> None:
    for target, command in zip(
        CONSISTENCY, ("check_consistency>", "fix_consistency>", "fix_consistency><--pull>"), strict=True
    ):
        ended = make(stand_in, target, "ARGS=-x", *given)
        assert (ended.returncode, ended.stdout) == (0, f"<manage.py><{command}{words}"), ended.stderr


@pytest.mark.parametrize(
    ("status", "said", "returned", "verdict"),
    [
        (0, "No known vulnerabilities found", 0, ""),
        (1, "Found 1 known vulnerability", 2, "known weaknesses of pinned packages"),
        (1, "ERROR:pip_audit._cli: no connection", 2, "out of reach: nothing was audited"),
        (127, "cannot be run", 2, ""),
    ],
)
def test_audit_that_did_not_run_is_no_verdict(
    stand_in: Path, status: int, said: str, returned: int, verdict: str
) -> None:
    tools = stand_in / ".venv/tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "bin/python").write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {status}\n")
    (tools / "bin/python").chmod(0o755)
    (stand_in / "requirements-tools.txt").touch()
    digest = subprocess.run(["cksum"], input="", capture_output=True, text=True, check=True).stdout
    (tools / ".stamp").write_text(digest)
    ended = make(stand_in, "audit")
    assert ended.returncode == returned
    lines = ended.stderr.splitlines()
    assert said in lines
    found = [line for line in lines if line.startswith("make: ") and not line.startswith("make: ***")]
    assert [line.startswith(f"make: {verdict}") for line in found] == ([True] if verdict else [])
