"""Holds the docs and what they speak of together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consistency.core.codes import CODES
from consistency.core.parse import parse_workplan
from consistency.core.workplan import Workplan
from statehub.environment import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_checks_page_has_the_table_of_codes() -> None:
    page = (ROOT / "docs/checks.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| C-\d\d \|", line)]
    assert rows == [f"| {code.id} | {code.severity} | {code.title} | {code.remedy} |" for code in CODES.values()]


def test_env_example_names_every_setting_and_no_other() -> None:
    names = ("settings_commands.py", "settings.py", "database_url.py")
    sources = "".join((ROOT / "statehub" / name).read_text() for name in names)
    read = set(re.findall(r"read_\w+\(\s*\"([A-Z_]+)\"", sources))
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(named) == read == SETTINGS


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "path", sorted([ROOT / "templates/workplan.md", *(ROOT / "workplans").glob("*.md")]), ids=lambda path: path.name
)
def test_workplans_of_the_project_are_without_fault(path: Path) -> None:
    parsed = parse_workplan(path.name, path.read_bytes())
    assert isinstance(parsed, Workplan)
    assert parsed.blocks
    assert parsed.problems == ()
