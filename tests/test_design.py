"""Holds docs/design.md, the contract, and the code together: names, and the references to its headings."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import load_command_class

from consistency.cli.retiring import RETIRED
from consistency.core.codes import CODES
from consistency.core.comparison.gates import GATES, Freshness
from consistency.core.finding import Action, Finding
from consistency.mcp.protocol import REVISIONS
from consistency.mcp.tools import TOOLS
from consistency.models import RunState
from consistency.reports.json_report import render_json
from consistency.reports.outcome import CheckoutOutcome, Report
from statehub.environment import KNOWN, SETTINGS
from statehub.models import Source
from statehub.statuses import PRIORITIES, TASK_RANKS
from web.api.problems import PROBLEM_TYPES

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/design.md").read_text("utf-8")

REFERENCE = re.compile(r"\bdesign(?:,\s+([^()]*))?\)")
"""A reference in brackets, after `design` and a comma: a heading in quotes, or a code."""

NOT_OURS = {"var", "mutants", "node_modules"}

DJANGO = {
    "--help",
    "--version",
    "--verbosity",
    "--settings",
    "--pythonpath",
    "--traceback",
    "--no-color",
    "--force-color",
    "--skip-checks",
}
"""Options that every command of Django has."""


def read_targets(page: str) -> set[str]:
    """List all that a reference may name in *page*: headings, in quotes, and the codes of its table."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {f'"{heading}"' for heading in headings} | set(re.findall(r"^\| (C-\d\d) \|", page, re.MULTILINE))


def find_unknown_references(text: str, page: str) -> list[str]:
    """List the references in *text* that lead nowhere in *page*."""
    found = (" ".join((match[1] or "").split()) for match in REFERENCE.finditer(text))
    return [target for target in found if target not in read_targets(page)]


def section(heading: str) -> str:
    """Return the part of the page below *heading*, up to the next one."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def python_files() -> list[Path]:
    folders = [each for each in ROOT.iterdir() if each.is_dir() and each.name not in NOT_OURS and each.name[0] != "."]
    return sorted([*ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))])


def test_every_reference_leads_to_the_page() -> None:
    texts = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in python_files() if file != Path(__file__)}
    assert {name: bad for name, text in texts.items() if (bad := find_unknown_references(text, PAGE))} == {}
    assert sum(len(REFERENCE.findall(text)) for text in texts.values()) > 20


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ('"""The rule (design, "Ranks")."""', []),
        ('"""The rule\n(design,\n"Ranks")."""', []),
        ('"""Whose row (design, C-01), by what rule (C-13: design, "Ranks")."""', []),
        ('"""The rule (design, "Rank")."""', ['"Rank"']),
        ('"""The rule (design, Ranks)."""', ["Ranks"]),
        ('"""Whose row (design, C-02)."""', ["C-02"]),
        ('"""What it is for (design)."""', [""]),
    ],
)
def test_invented_reference_is_found_out(text: str, unknown: list[str]) -> None:
    assert find_unknown_references(text, "# Page\n\n## Ranks\n\n| C-01 | FAIL |\nC-02\n") == unknown


def test_every_code_has_its_row_with_its_severity() -> None:
    rows = re.findall(r"^\| (C-\d\d) \| (\w+) \|", section("Check codes"), re.MULTILINE)
    assert list(dict.fromkeys(code for code, _ in rows)) == list(CODES)
    assert [(code, str(CODES[code].severity)) for code in CODES if (code, str(CODES[code].severity)) not in rows] == []
    assert [row for row in rows if row[1] != CODES[row[0]].severity] == [("C-04", "WARN"), ("C-06", "WARN")]
    assert "C-14 without a file, C-18, C-19, C-21 and C-22" in section("Check codes")
    assert GATES == ("C-14", "C-18", "C-19", "C-21", "C-22")


def test_statuses_and_priorities() -> None:
    assert " · ".join(f"`{name}` {rank}" for name, rank in TASK_RANKS.items()) in section("Statuses and ranks")
    assert "`low`, `medium`, `high` or `critical`" in section("Workplan format")
    assert PRIORITIES == ("low", "medium", "high", "critical")


def test_freshness() -> None:
    named = re.findall(r"^\| (`.*`) \|", section("Pull gate"), re.MULTILINE)
    assert ", ".join(named) == ", ".join(f"`{each}`" for each in Freshness)


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ("consistency", "register_repo"),
        ("consistency", "trust_host"),
        ("consistency", "deploy_key"),
        ("consistency", "move_checkouts"),
        ("consistency", "run_worker"),
        ("consistency", "retire_checkout"),
        ("consistency", "check_consistency"),
        ("consistency", "fix_consistency"),
        ("consistency", "set_task_status"),
        ("consistency", "reopen_task"),
        ("consistency", "tasks"),
        ("consistency", "changes"),
        ("consistency", "stamp_ids"),
        ("consistency", "prune_history"),
        ("consistency", "mcp"),
        ("consistency", "connect_assistant"),
        ("consistency", "send_notifications"),
        ("web", "create_token"),
        ("web", "create_user"),
        ("web", "webhook"),
    ],
)
def test_command_has_the_options_that_the_page_names(app: str, name: str) -> None:
    usages = re.split(r"manage\.py ", section("Commands").partition("\n- ")[0])[1:]
    usage = {text.split()[0]: set(re.findall(r"--[a-z-]+", text)) for text in usages}
    named = usage[name] | (usage["check_consistency"] if name == "fix_consistency" else set())
    actions = load_command_class(app, name).create_parser("manage.py", name)._actions
    assert named == {option for each in actions for option in each.option_strings if option[:2] == "--"} - DJANGO


def keys_of(value: Any) -> Any:
    """Return the shape of a JSON *value*: its keys, without the values that differ from run to run."""
    if isinstance(value, dict):
        return {name: keys_of(inner) for name, inner in value.items() if name != "counts"}
    return [keys_of(value[0])] if isinstance(value, list) else None


def test_json_report_has_the_fields_of_the_page() -> None:
    finding = Finding("C-13", "…", "workplans/x.md", 12, "W", "T", "done", "todo", Action.WRITTEN_BACK)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    outcome = CheckoutOutcome("…", "…", "…", "ok", converged=True, findings=(finding,))
    sample = json.loads(section("JSON report").partition("```json\n")[2].partition("```")[0])
    assert keys_of(sample) == keys_of(json.loads(render_json(Report("fix", "…", at, at, (outcome,)))))


def test_values_of_the_json_report() -> None:
    rows = dict(re.findall(r"^\| (`.*?`) \| (.*) \|$", section("JSON report"), re.MULTILINE))
    assert rows["`action`"].startswith(", ".join(f"`{each}`" for each in Action))
    assert rows["`freshness`"].startswith(", ".join(f"`{each}`" for each in Freshness))
    outcomes = [state for state in RunState if state is not RunState.RUNNING]
    assert re.findall(r"`(\w+)`", rows["`outcome`"]) == [str(state) for state in outcomes]


def test_every_setting_is_named_and_no_other() -> None:
    text = section("Settings")
    table = {name for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert table == SETTINGS
    assert [name for name in sorted(KNOWN) if f"`{name}`" not in text] == []


def test_problem_types_of_the_api() -> None:
    listed = section("API").partition("Problem types")[2]
    assert re.findall(r"`([a-z-]+)`", listed) == [kind.name for kind in PROBLEM_TYPES]


def test_sources_and_resolutions_of_the_data_model() -> None:
    text = section("Data model")
    assert ", ".join(f"`{source}`" for source in Source) in text
    resolutions = text.partition("Resolutions are ")[2].partition(". A run")[0]
    fixed = [str(each) for each in Action if Finding("", "", action=each).is_fixed]
    assert set(re.findall(r"`(\w+)`", resolutions)) == {*fixed, "gone", "moved", RETIRED, "commit"}


def test_tools_of_assistants() -> None:
    text = section("Assistants")
    listed = [
        f"{tool.name}({', '.join(each.name if each.is_required else f'{each.name}?' for each in tool.parameters)})"
        for tool in TOOLS.values()
    ]
    assert re.findall(r"^- `(.*)`$", text, re.MULTILINE) == listed
    page = (ROOT / "docs/assistants.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+\(.*?\))` \|", page, re.MULTILINE) == listed
    assert all(revision in text and revision in page for revision in REVISIONS)
