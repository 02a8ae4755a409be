"""Files that nearly are workplans, or were, and why they are not read as such (C-23)."""

from __future__ import annotations

import pytest

from consistency.core.workplan.model import Problem, Unreadable, Workplan
from consistency.core.workplan.parse import no_workplan_any_more, parse_workplan
from consistency.core.workplan.source import may_be_workplan

FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
TASK = "```task\nid: W1-T1\nstatus: todo\n```\n"
CONFLICT = "git left both sides of a conflict here: keep one, and take the lines `<<<<<<<` … `>>>>>>>` out"
HOW = "write `type: workplan`, with id, title and status, between two lines `---` at the top of the file"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
HEAD, SPLIT, END = "<<<<<<< HEAD\n", "=======\n", ">>>>>>> topic\n"


def read(text: str, path: str = "workplans/w.md") -> Workplan | Unreadable | None:
    found = parse_workplan(path, text.encode())
    assert found is None or may_be_workplan(text.encode())
    return found


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\n" + FRONT, 2, "front matter begins on line 2: take away the blank lines above it"),
        (
            "\ufeff\r\n \r\n" + FRONT.replace("\n", "\r\n"),
            3,
            "front matter begins on line 3: take away the blank lines above it",
        ),
        ("<!-- (c) Acme -->\n\n" + FRONT, 3, "front matter begins on line 3: nothing may come before it"),
        ("# Plan\ntext\n" + FRONT + TASK, 3, "front matter begins on line 3: nothing may come before it"),
        (" " + FRONT, 1, "`---` is not at the start of line 1: nothing may come before it"),
        (
            "\ufeff\ufeff" + FRONT,
            1,
            "`---` is not at the start of line 1, which holds U+FEFF ZERO WIDTH NO-BREAK SPACE: "
            "nothing may come before it",
        ),
        (
            "\u200b" + FRONT,
            1,
            "`---` is not at the start of line 1, which holds U+200B ZERO WIDTH SPACE: nothing may come before it",
        ),
        (FRONT.replace("---\nid", "-----\nid"), 1, "front matter begins with more than three dashes: write `---`"),
        (
            FRONT.replace("---\nid", "--\nid"),
            3,
            "front matter has no line `---` above it: write it as YAML between two lines `---`",
        ),
        (
            FRONT.removeprefix("---\n"),
            2,
            "front matter has no line `---` above it: write it as YAML between two lines `---`",
        ),
        (
            '+++\nid = "W1"\ntype = "workplan"\ntitle = "T"\n+++\n',
            1,
            "front matter is TOML (`+++`): write it as YAML between two lines `---`",
        ),
        (
            '{\n"id": "W1",\n"type": "workplan",\n"title": "T"\n}\n',
            3,
            "front matter is JSON: write it as YAML between two lines `---`",
        ),
        (
            "```yaml\n" + FRONT + "```\n",
            1,
            "front matter is in a code block: it must begin with `---` on the first line",
        ),
        (FRONT.replace("workplan", "Workplan"), 3, "type is 'Workplan': write `type: workplan`"),
        (FRONT.replace("workplan", "work-plan"), 3, "type is 'work-plan': write `type: workplan`"),
        (FRONT.replace("workplan", "workplans"), 3, "type is 'workplans': write `type: workplan`"),
        (FRONT.replace("workplan", "' Work plan '"), 3, "type is 'Work plan': write `type: workplan`"),
        (FRONT.replace("workplan", "workpaln"), 3, "type is 'workpaln': write `type: workplan`"),
        (FRONT.replace("workplan", "[workplan]"), 3, "type is '[workplan]': write `type: workplan`"),
        (
            FRONT.replace("workplan", "workplan\u200b"),
            3,
            "type is 'workplan\u200b', which holds U+200B ZERO WIDTH SPACE: write `type: workplan`",
        ),
        (FRONT.replace("type", "Type"), 3, "the key is 'Type', not 'type': write `type: workplan`"),
        (FRONT.replace("type", "tpye"), 3, "the key is 'tpye', not 'type': write `type: workplan`"),
        (
            FRONT.replace("workplan", "Workplan").replace("title: T", "title: ["),
            3,
            "type is 'Workplan': write `type: workplan`",
        ),
        (FRONT.removesuffix("---\n").replace("workplan", "Workplan"), 3, "type is 'Workplan': write `type: workplan`"),
        (
            FRONT.replace("type: workplan", "state_hub_workstream_id: x"),
            1,
            "front matter has no type: write `type: workplan`",
        ),
        (LFS, 1, "this is a Git LFS pointer instead of the file: git lfs pull downloads it"),
        (FRONT + HEAD + TASK + SPLIT + TASK + END, 7, CONFLICT),
        (FRONT.replace("status: active\n", f"{HEAD}status: active\n{SPLIT}status: done\n{END}"), 5, CONFLICT),
        (HEAD + FRONT + SPLIT + FRONT + END, 1, CONFLICT),
        (FRONT + TASK.replace("status: todo\n", f"{HEAD}status: todo\n{SPLIT}status: done\n{END}"), 9, CONFLICT),
        ("# Plan\n\n" + TASK, 3, f"task blocks without front matter: {HOW}"),
        ("---\n---\n" + TASK, 3, f"task blocks without front matter: {HOW}"),
        (FRONT.replace("type: workplan\n", "") + TASK, 6, f"front matter has no type: {HOW}"),
    ],
)
def test_what_nearly_is_a_workplan(text: str, line: int, message: str) -> None:
    found = read(text)
    assert isinstance(found, Unreadable), found
    assert found.problems == (Problem("C-23", message, line),)
    assert found.key == (None if text.startswith((LFS, "# Plan\n\n", "---\n---")) else "W1")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("workplans/README.md", "# Plans\n\n" + FRONT + TASK),
        ("workplans/readme.md", "A task block:\n\n" + TASK),
        ("workplans/how.md", "# How\n\n```yaml\n" + FRONT + "```\n\n````\n" + TASK + "````\n"),
        ("workplans/how.md", "- `id`: a word\n- `type`: workplan\n- `title`: words\n- `status`: one of them\n"),
        ("workplans/how.md", "The type: workplan is what counts.\n"),
        ("workplans/how.md", "type: workplan\n"),
        ("workplans/how.md", FRONT.replace("workplan", "note") + TASK),
        ("workplans/how.md", FRONT.replace("workplan", "workplace")),
        ("workplans/how.md", FRONT.replace("workplan", "workplan-template") + TASK),
        ("workplans/how.md", FRONT.replace("type: workplan\n", "")),
        ("workplans/how.md", FRONT.replace("type: workplan", "category: workplan")),
        ("workplans/how.md", "# Tasks\n\n```tasks\nnot done\ndue before tomorrow\n```\n"),
        ("workplans/how.md", "# Tasks\n\n```task\nnpm run build\n```\n"),
        ("workplans/how.md", "# Merge\n\n" + HEAD + "a\n" + SPLIT + "b\n" + END),
        ("workplans/how.md", ""),
        ("workplans/how.md", "---\ntype: note\n---\n" + HEAD + "a\n" + SPLIT + "b\n" + END),
    ],
)
def test_what_never_was_a_workplan_stays_quiet(path: str, text: str) -> None:
    assert read(text, path) is None


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{HEAD}a\n{SPLIT}b\n{END}```\n",
        f"~~~~diff\n{HEAD}a\n{SPLIT}b\n{END}~~~~\n",
        "A\n=======\n<<<<<<<\n",
        HEAD + END,
    ],
)
def test_a_workplan_may_show_what_a_conflict_looks_like(text: str) -> None:
    found = read(FRONT + text + TASK)
    assert isinstance(found, Workplan)
    assert ([block.key for block in found.blocks], found.problems) == (["W1-T1"], ())


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "it is empty now"),
        ("\n \n", 1, "it is empty now"),
        ("# Notes\n", 1, "it no longer has front matter"),
        (FRONT.replace("workplan", "note"), 3, "its type is 'note' now"),
        (FRONT.replace("workplan", "note").replace("title: T", "title: ["), 3, "its type is 'note' now"),
        ("---\nid: W1\n---\n", 1, "its front matter has no `type` now"),
        ("---\nid: W1\n", 1, "its front matter is not closed: a line `---` is missing"),
    ],
)
def test_what_was_a_workplan(text: str, line: int, what: str) -> None:
    rest = "put that back, or delete the workstream in the hub if it is really over"
    message = f"was workplan 'W1' at the last fix, but {what} — {rest}"
    found = no_workplan_any_more("w.md", text.encode(), "W1")
    assert found == Unreadable("w.md", (Problem("C-23", message, line),), "W1")


def test_what_was_a_workplan_and_has_a_conflict() -> None:
    text = "# P\n" + HEAD + "a\n" + SPLIT + "b\n" + END
    assert no_workplan_any_more("w.md", text.encode(), "W1").problems == (Problem("C-23", CONFLICT, 2),)


def test_line_is_told_behind_bytes_that_are_not_utf8() -> None:
    data = b"---\nid: A\n" + b"\xf7" * 40 + b": x\nType: workplan\ntitle: A\n---\n\n\n"
    found = parse_workplan("workplans/a.md", data)
    assert isinstance(found, Unreadable)
    assert [(problem.code, problem.line) for problem in found.problems] == [("C-23", 4)]
