"""The fast ways to read plain text find exactly what CommonMark and YAML find; in doubt they find nothing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.core.workplan.blocks import Fence, OtherBlock
from consistency.core.workplan.fences import find_commonmark_blocks
from consistency.core.workplan.plain_fences import find_plain_blocks
from consistency.core.workplan.source import Lines
from consistency.core.workplan.taskblock import read_any_block, read_plain_block

EXAMPLES = json.loads(Path(__file__).with_name("data").joinpath("commonmark-0.31.2.json").read_text("utf-8"))

LINES = (
    "", "text", "text `c` *e*", "# H", "## T01 — x", "#", "#x", "# a #", "# a_b", "- a", "-", "- ", "1. x", "12) y",
    "+ z", "   c", "    code", "     d", "  e", "> q", " > q", "<b>", "  <pre>", "```task", "```", "```bash",
    "```task x", "````", "~~~", "~~~task", "---", "===", "--", " ---", "id: A", "status: todo", "  - b", "- - c",
    "* * *", "***", "[a]: /x", "[a]", "- # h", "- > q", "-     k", "1.      k", "  ```", "- ```task", "``` ", "```x`",
    "a ``` b", "&amp;", "\\", "- <b>", "-> x", "1 2", "- ```", "</pre>", "<!--", "-->", "   # H", "   ---", "é",
    "# é\u2009x", "```Task", "```a.b+c-d", "   ", "       ", "\tx", "a\x0b", "~~~ x",
)  # fmt: skip


def is_plain(text: str) -> bool:
    """Return whether the fast way takes *text*; it must then find what the slow way finds."""
    found = find_plain_blocks(text, 7)
    assert found is None or found == find_commonmark_blocks(text, 7), text
    return found is not None


def test_whole_result() -> None:
    text = "\n# Größe\n\n- a\n\n```bash\n# no\n```\n\n```task\nid: é\n```\n\n##\n```task\n\n```"
    assert find_plain_blocks(text, 100) == (
        (
            Fence(135, "Größe", (("id: é\n", 143, 150),), "id: é\n"),
            Fence(158, "", (("\n", 166, 167),), "\n"),
        ),
        (OtherBlock("fenced", "bash", 117, 133),),
    )
    assert find_commonmark_blocks(text, 100) == find_plain_blocks(text, 100)


def test_every_two_lines_between_tasks() -> None:
    plain = 0
    for lines in itertools.product(LINES, repeat=2):
        middle = "\n".join(lines)
        for text in (
            f"\n{middle}", f"\n{middle}\n", f"\n# T\n\n```task\nid: a\n```\n{middle}\n\n```task\nid: b\n```\n",
            f"\ntext\n{middle}\n```task\nid: b\n```", f"\n- x\n\n{middle}\n  y\n```task\nid: b\n```",
        ):  # fmt: skip
            plain += is_plain(text)
    assert plain > 1_000


@given(st.lists(st.sampled_from(LINES), max_size=14), st.sampled_from(["", "\n", "\n\n"]))
def test_lines_in_any_order(lines: list[str], end: str) -> None:
    is_plain("\n" + "\n".join(lines) + end)


def test_examples_of_the_specification() -> None:
    plain = sum(is_plain("\n" + each["markdown"]) for each in EXAMPLES)
    assert plain > 100


@pytest.mark.parametrize(
    "body",
    [
        "id: A-1\nstatus: todo\n",
        "id: A/b.c-1\nstatus: in_progress\npriority: high\n",
        'id: A-1\nstatus: done\npriority: low\nstate_hub_task_id: "6F0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"\n',
        "id: 1_0\nstatus: blocked\nstate_hub_task_id: 6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11\n",
        "id: " + "x" * 200 + "\nstatus: todo\n",
    ],
)
@pytest.mark.parametrize("heading", ["", "T1 — Größe", "A-1", "1: x"])
@pytest.mark.parametrize("indent", ["", "  "])
def test_plain_block_is_the_same_block(body: str, heading: str, indent: str) -> None:
    around = "- x\n\n" if indent else ""
    text = f"\n# {heading}\n{around}{indent}```task\n" + "".join(f"{indent}{line}\n" for line in body.splitlines())
    (fence,), _ = find_commonmark_blocks(f"{text}{indent}```\n", 3)
    data = b"---" + text.encode()
    block = read_plain_block(fence, Lines(data))
    assert block is not None
    slow, problems = read_any_block(fence, Lines(data), 0)
    assert (block, block.place, problems) == (slow, slow.place if slow else None, ())


def test_plain_blocks_share_their_words() -> None:
    bodies = ["id: A-1\nstatus: in_progress\npriority: high\n", "id: A-2\nstatus: in_progress\npriority: high\n"]
    fences = [Fence(0, "", ((body, 8, 8 + len(body)),), body) for body in bodies]
    one, two = [read_plain_block(fence, Lines(b"")) for fence in fences]
    assert one is not None
    assert two is not None
    assert one.status is two.status
    assert one.priority is two.priority


@pytest.mark.parametrize(
    "body",
    [
        "id: A\nstatus: Todo\n", "id: A\nstatus: todo \n", "status: todo\nid: A\n",
        "id: A\nstatus: todo\npriority: x\n", "id: é\nstatus: todo\n", "id: -A\nstatus: todo\n",
        "id: A\nstatus: todo\n\n", "id: A B\nstatus: todo\n",
        'id: A\nstatus: todo\nstate_hub_task_id: "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11\n', "id: A\n",
        "id: " + "x" * 201 + "\nstatus: todo\n", "id: A\nstatus: todo\ntitle: x\n", "id: A\r\nstatus: todo\n",
    ],
)  # fmt: skip
def test_other_blocks_are_left_to_yaml(body: str) -> None:
    assert read_plain_block(Fence(0, "", ((body, 8, 8 + len(body.encode())),), body), Lines(b"")) is None


def test_heading_with_a_control_character_is_left_to_the_other_way() -> None:
    body = "id: A\nstatus: todo\n"
    assert read_plain_block(Fence(0, "a\x01", ((body, 8, 8 + len(body)),), body), Lines(b"")) is None


def test_usual_workplans_are_plain() -> None:
    template = Path("templates/workplan.md").read_text("utf-8")
    assert is_plain("\n" + template.split("---\n", 2)[2])
