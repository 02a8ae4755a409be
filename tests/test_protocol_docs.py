"""Holds the session protocol, the project's own CLAUDE.md, and what they speak of together."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import get_commands

from consistency.cli.session_protocol import TEMPLATE
from consistency.core.codes import CODES, Severity
from consistency.core.marked_section import SectionPlacement, render, replace_section
from consistency.core.workplan.fences import task_fences
from consistency.git.writeback import message
from statehub.globs import DEFAULT_WORKPLANS
from statehub.statuses import TASK_RANKS, TASK_STATUSES

ROOT = Path(__file__).resolve().parent.parent
TEXT = TEMPLATE.read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_our_own_file_has_the_protocol_as_it_is() -> None:
    own = (ROOT / "CLAUDE.md").read_bytes()
    assert replace_section(own, render(TEXT, "state-hub", DEFAULT_WORKPLANS)) == SectionPlacement(own, True)


def test_make_targets_and_their_variables_exist() -> None:
    named = re.findall(r"`make ([a-z-]+)((?: [A-Z_]+=)?)", TEXT)
    assert {target for target, _ in named} == {"fix-consistency", "report-status"}
    assert {target for target, _ in named} <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"\b([A-Z_]+)=", TEXT)) | {"API_BASE"}
    assert variables == {"REPO", "REPO_PATH", "TASK", "STATUS", "API_BASE"}
    assert variables <= set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    assert "the token in STATEHUB_TOKEN" in MAKEFILE
    assert {"`API_BASE`", "`STATEHUB_TOKEN`"} <= set(re.findall(r"`[A-Z_]+`", TEXT))


def test_commands_and_their_options_exist() -> None:
    from importlib import import_module

    named = dict(re.findall(r"`\.venv/bin/python manage\.py (\w+) ([^`]*)`", TEXT))
    assert sorted(named) == ["register_repo", "reopen_task", "set_task_status"]
    for name, words in named.items():
        command = import_module(f"{get_commands()[name]}.management.commands.{name}").Command()
        usage = " ".join(command.create_parser("manage.py", name).format_help().split())
        metavars = re.findall(r"(?:--[a-z]+ )?[A-Z]+", words)
        assert len(metavars) >= 2
        assert [metavar for metavar in metavars if metavar not in usage] == []


def test_codes_and_severities_exist() -> None:
    assert set(re.findall(r"C-\d\d", TEXT)) == {"C-13", "C-14", "C-15", "C-16", "C-18", "C-19", "C-20"}
    assert set(re.findall(r"C-\d\d", TEXT)) <= set(CODES)
    assert set(re.findall(r"\*\*([A-Z]{3,})\*\*", TEXT)) == {"FAIL"} <= set(Severity)


def test_statuses_are_named_in_the_order_of_their_ranks() -> None:
    step = TEXT.partition("\n2. ")[2].partition("\n3. ")[0]
    assert re.findall(r"`([a-z_]+)`", step) == sorted(TASK_STATUSES, key=TASK_RANKS.__getitem__)
    pairs = re.findall(r"`(\w+)` to `(\w+)`", TEXT)
    same = [(old, new) for old, new in pairs if TASK_RANKS[old] == TASK_RANKS[new]]
    back = [(old, new) for old, new in pairs if TASK_RANKS[old] > TASK_RANKS[new]]
    assert (same, back) == ([("in_progress", "blocked"), ("done", "cancelled")], [("done", "todo")])


def test_commit_is_the_one_that_a_writeback_makes() -> None:
    assert f"`{message([], datetime.now(UTC)).splitlines()[0]}`" in TEXT


def test_protocol_is_harmless_in_any_file() -> None:
    rendered = render(TEXT, "a", "b")
    assert task_fences(rendered, 0) == ()  # In a workplan it would be a task.
    assert "<!--" not in rendered
    assert [line for line in TEXT.splitlines() if len(line) > 120 or line != line.rstrip()] == []
