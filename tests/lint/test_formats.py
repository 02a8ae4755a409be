"""The formats of `statehub-lint`."""

from __future__ import annotations

import json

from consistency.core.finding import Finding
from consistency.lint.formats import to_github, to_gitlab, to_report, to_text

BLOCK = Finding("C-05", "task block has no 'id'", "workplans/a.md", 12, "WP-1")
ODD = Finding("C-23", "100 %, or\nless\x1b[1m", "workplans/a, b: c.md", None, None)


def test_text() -> None:
    assert to_text([]) == ""
    assert to_text([BLOCK, ODD]) == (
        "workplans/a.md:12: C-05 FAIL task block has no 'id'\n"
        "workplans/a, b: c.md:1: C-23 WARN 100 %, or\\nless\\x1b[1m\n"
        "\n"
        "C-05: Fix the block on the line named; the file's other blocks are still processed.\n"
        "C-23: Do what the message says; until then the hub keeps the workplan and its tasks as they are.\n"
        "\n"
        "2 findings in 2 files\n"
    )


def test_remedy_of_a_step_back_needs_no_run() -> None:
    back = Finding("C-13", "task 'A' goes back from done to todo", "workplans/a.md", 12, "WP-1", "T01", "done", "todo")
    assert to_text([back]).splitlines()[2:3] == [
        "C-13: Take the step back out of the change, or reopen the task in the hub first, as the message says."
    ]


def test_json() -> None:
    assert json.loads(to_report([BLOCK])) == {
        "version": 1,
        "findings": [
            {
                "code": "C-05",
                "severity": "FAIL",
                "message": "task block has no 'id'",
                "file": "workplans/a.md",
                "line": 12,
                "workplan": "WP-1",
                "task": None,
            }
        ],
        "summary": {"FAIL": 1, "WARN": 0, "INFO": 0},
    }


def test_github_escapes_what_ends_a_command_or_a_property() -> None:
    assert to_github([BLOCK, ODD]) == (
        "::error file=workplans/a.md,line=12,title=C-05 Task block is invalid::task block has no 'id'\n"
        "::warning file=workplans/a%2C b%3A c.md,line=1,title=C-23 A workplan exists%2C but is not read"
        "::100 %25, or%0Aless\x1b[1m\n"
    )


def test_gitlab() -> None:
    [one] = json.loads(to_gitlab([BLOCK]))
    fingerprint = one.pop("fingerprint")
    assert one == {
        "description": "C-05 task block has no 'id'",
        "check_name": "C-05",
        "severity": "major",
        "location": {"path": "workplans/a.md", "lines": {"begin": 12}},
    }
    [moved] = json.loads(to_gitlab([BLOCK._replace(line=90)]))
    [other] = json.loads(to_gitlab([BLOCK._replace(file="workplans/b.md")]))
    assert len(fingerprint) == 64
    assert moved["fingerprint"] == fingerprint != other["fingerprint"]
