"""Task fences as markdown-it-py sees them, which follows the same specification by other means."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll

from consistency.core.workplan.fences import task_fences

Found = list[tuple[int, str]]
"""Line (from 0) and content of each task fence."""

_ORACLE = MarkdownIt("commonmark")
_STAND_INS = {0x0B: "\x1a", 0x0C: "\x1a"}
# markdown-it-py ends a paragraph where a line of four columns that looks like a fence belongs to no item of a list
# whose content is further in; by the specification the line is a lazy continuation.
_DEEP = re.compile(r"^(?: {4}| {0,3}\t)", re.MULTILINE)
_CONTAINER = re.compile(r"^[ \t]*(?:[-+*>]|\d+[.)])[-+*>\d.) \t]*", re.MULTILINE)

_RAW = re.compile(r"</?(pre|script|style|textarea)", re.IGNORECASE)


def by_the_oracle(text: str) -> Found:
    """The task fences of *text* outside of block quotes."""
    found, quotes = [], 0
    for token in _ORACLE.parse(text):
        quotes += token.nesting if token.type.startswith("blockquote") else 0
        info = unescapeAll(token.info).strip(" \t")
        if token.type == "fence" and quotes == 0 and re.split("[ \t]", info)[0] == "task":
            line = token.map[0] if token.map else 0
            found.append((line, token.content.removesuffix("\n").translate(_STAND_INS)))
    return found


def by_us(text: str) -> Found:
    """The same as State Hub finds them."""
    data = text.encode()
    return [(data.count(b"\n", 0, fence.offset), fence.body.removesuffix("\n")) for fence in task_fences(text, 0)]


def comparable(text: str) -> str | None:
    """*text* as far as the two may be compared; None where they are known to differ.

    At the end of a text markdown-it-py drops white space; it takes a NUL for U+FFFD, and a CR alone for a line end.
    pulldown-cmark lets `</script>` end the HTML that `<script>` began, but not the one of `<pre>`.
    """
    text = text.rstrip() + "\n"
    if "\0" in text or re.search(r"\r(?!\n)", text) or len({name.lower() for name in _RAW.findall(text)}) > 1:
        return None
    deep = _DEEP.search(text) and any(len(line.expandtabs(4)) > 4 for line in _CONTAINER.findall(text))
    return None if deep else text
