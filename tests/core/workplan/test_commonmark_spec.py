"""Task fences in the examples of the CommonMark specification, against the HTML that it gives for them."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from markdown_it.common.utils import unescapeAll

from consistency.core.workplan.fences import task_fences

EXAMPLES = json.loads(Path(__file__).with_name("data").joinpath("commonmark-0.31.2.json").read_text("utf-8"))
CODE = re.compile(r"<pre><code(?: class=\"language-([^\"]*)\")?>(.*?)</code></pre>|<(/?)blockquote>", re.DOTALL)
FENCE = re.compile(r"^((?:[ \t]|[-*+>]|\d+[.)])*)(`{3,}(?=[^`\n]*$)|~{3,})", re.MULTILINE)


def code_blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each code block of an HTML page that is not in a quote."""
    found, quotes = [], 0
    for block in CODE.finditer(page):
        if block[2] is not None and quotes == 0:
            found.append((html.unescape(block[1] or ""), html.unescape(block[2])))
        elif block[2] is None:
            quotes += -1 if block[3] else 1
    return found


def task_bodies(text: str) -> list[str]:
    return [fence.body for fence in task_fences(text, 0)]


def tasks(text: str) -> list[tuple[str, str]]:
    """Language and body of each fence of *text*, found by marking one line after the other that looks like a fence."""
    found = []
    for run in FENCE.finditer(text):
        info = unescapeAll(text[run.end() :].partition("\n")[0]).split()
        bodies = task_bodies(text[: run.end()] + "task " + text[run.end() :])
        found += [(info[0] if info else "", body) for body in bodies]
    return found


def is_indented(body: str, text: str) -> bool:
    """Whether *body* can be a block of indented code in *text*: its first line stands four columns in."""
    first = body.partition("\n")[0].strip()
    starts = [line.rstrip().removesuffix(first) for line in text.split("\n") if line.rstrip().endswith(first)]
    return any(len(start.expandtabs(4)) >= 4 for start in starts)


def test_all_examples_are_there() -> None:
    assert [each["example"] for each in EXAMPLES] == list(range(1, 653))


def test_no_example_has_a_task() -> None:
    assert [each["example"] for each in EXAMPLES if task_bodies(each["markdown"])] == []


def test_a_task_below_any_example_is_found_but_where_the_example_ends_in_an_open_block() -> None:
    below = "\n\n```task\nid: a\n```\n"
    open_ended = [each["example"] for each in EXAMPLES if task_bodies(each["markdown"] + below) != ["id: a\n"]]
    assert open_ended == [126, 127, 137, 139, 173, 237]  # Fences that nothing closes; `<style` without `</style>`.


@pytest.mark.parametrize("section", sorted({each["section"] for each in EXAMPLES}))
def test_fences_are_tasks_once_their_first_word_is_task(section: str) -> None:
    """Each code block of the specification's HTML comes out, with its language and body, when the one line that opens
    it is marked; what is left over is indented code.
    """
    for each in EXAMPLES:
        if each["section"] == section:
            found, blocks = Counter(tasks(each["markdown"])), Counter(code_blocks(each["html"]))
            assert found <= blocks, each
            assert all(is_indented(body, each["markdown"]) for _, body in blocks - found), each


def test_the_examples_have_many_fences() -> None:
    assert sum(len(tasks(each["markdown"])) for each in EXAMPLES) == 34
