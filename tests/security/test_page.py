"""Holds docs/security.md and the tests together: every line names tests that exist, every test here has its line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LINES = re.findall(
    r"^\| (?!promise|who|---)(.*) \| (.*) \|$", (TESTS.parent / "docs/security.md").read_text(), re.MULTILINE
)
PROMISES = [(promise, re.findall(r"`([^`]+)`", held)) for promise, held in LINES if held.startswith("`")]


def named_in(file: Path) -> set[str]:
    """The names of the tests in *file*, as pytest names them."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{each.name}" for each in inner if isinstance(each, ast.FunctionDef)}
    return {f"{file.relative_to(TESTS)}::{name}" for name in found if name.rpartition("::")[2].startswith("test_")}


def test_every_line_names_tests_that_are_there() -> None:
    tables = re.findall(r"^\| promise \| held by \|$", (TESTS.parent / "docs/security.md").read_text(), re.MULTILINE)
    assert (len(tables), len(PROMISES) > 60) == (12, True)
    named = {test for _, held in PROMISES for test in held}
    files = {TESTS / test.partition("::")[0] for test in named}
    there = {test for file in files if file.is_file() for test in named_in(file)}
    assert sorted(named - there) == []


def test_every_promise_is_made_once() -> None:
    promises = [promise for promise, _ in PROMISES]
    assert sorted({promise for promise in promises if promises.count(promise) > 1}) == []


def test_every_test_of_security_has_its_line() -> None:
    written = {test for file in sorted((TESTS / "security").glob("test_*.py")) for test in named_in(file)}
    ours = {test for test in written if not test.startswith("security/test_page.py")}
    assert sorted(ours - {test for _, held in PROMISES for test in held}) == []
