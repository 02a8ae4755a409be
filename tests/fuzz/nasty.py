"""Files made to be slow to read, in any size: each family gives about that many bytes of Markdown."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
TASK = "\n```task\nid: X\nstatus: todo\n```\n"
_BODY = 7_000
"""Bytes of a task's body that is still given to YAML."""

Family = Callable[[int], str]


def _many(text: str, before: str = "", after: str = "") -> Family:
    """*text* over and over."""
    return lambda size: FRONT + before + text * (size // len(text)) + after + TASK


def _numbered(text: str) -> Family:
    """*text* over and over, its `{}` another number each time."""
    return lambda size: FRONT + "".join(text.format(number) for number in range(size // len(text))) + TASK


def _stair(text: str, step: str, after: str = "") -> Family:
    """Lines each of which begins with one *step* more than the line before."""

    def build(size: int) -> str:
        return FRONT + "".join(step * level + text for level in range(isqrt(2 * size // len(step)))) + after + TASK

    return build


def _lazy(start: str) -> Family:
    """A paragraph in as many containers as half the size allows, and lines that go on with it outside of them."""
    return lambda size: FRONT + start * (size // 2 // len(start)) + "x\n" + "y\n" * (size // 4) + TASK


def _bodies(start: str, text: str) -> Family:
    """Tasks whose body is *start* and as much of *text* as YAML is given."""
    block = f"```task\nid: X\n{start}{text * (_BODY // len(text))}\n```\n"
    return lambda size: FRONT + block * max(1, size // len(block))


def _keys(size: int) -> str:
    body = "".join(f"k{number}: [{number}]\n" for number in range(_BODY // 12))
    return FRONT + f"```task\n{body}```\n" * max(1, size // len(body))


def _front(size: int) -> str:
    return FRONT.replace("---\n", "---\n" + "".join(f"k{number}: v\n" for number in range(size // 10)), 1)


NASTY: dict[str, Family] = {
    "200 levels of quotes, going on lazily": _many("y\n", ">" * 200 + "x\n"),
    "200 levels of lists, going on lazily": _many("y\n", "- " * 200 + "x\n"),
    "quotes without end, going on lazily": _lazy(">"),
    "lists without end, going on lazily": _lazy("- "),
    "quotes in quotes on one line": _many("> "),
    "lists in lists on one line": _many("- "),
    "numbered lists in lists on one line": _many("1. "),
    "lists, each a step deeper": _stair("- x\n", "  "),
    "quotes, each a step deeper": _stair("x\n", ">", "y\n"),
    "fences": _many("```task\n```\n"),
    "fences, each longer": _stair("\n", "`"),
    "fences in tildes that do not close": _many("````\n~~~\n"),
    "an open fence": _many("a: b\n", "```task\n"),
    "one line": _many("x"),
    "spaces": _many(" "),
    "tabs": _many("\t"),
    "spaces, each line more": _stair("x\n", " "),
    "backticks that do not close": _many("`a "),
    "runs of backticks, each longer": _stair(" a ", "`"),
    "headings": _many("# h\n"),
    "a heading over many lines": _many("h\n", after="===\n"),
    "tasks below a long heading": _numbered("```task\nid: X{}\nstatus: todo\n```\n"),
    "opening brackets": _many("["),
    "brackets, closed": lambda size: FRONT + "[" * (size // 2) + "]" * (size // 2) + TASK,
    "links that do not close": _many("[a](<b"),
    "references": _many("[x]["),
    "link definitions": _numbered("[l{}]: /u\n"),
    "one link definition, used": _many("[l] ", "[l]: /u\n\n"),
    "labels over lines": _many("[a\n"),
    "titles that do not close": _many("[a]: b '\n"),
    "stars": _many("*a "),
    "stars and underscores": _many("*a_b **c "),
    "angle brackets": _many("<a "),
    "attributes that do not close": _many("x <a b='"),
    "comments that do not close": _many("x <!-- "),
    "instructions that do not close": _many("x <?"),
    "raw HTML": _many("<PRE>\n</PRE>\n"),
    "entities": _many("&am"),
    "CRLF": _many("task\r\n"),
    "tasks with CRLF": _many("```task\r\nid: X\r\nstatus: todo\r\n```\r\n"),
    "tasks that share an id": _many("```task\nid: X\nstatus: todo\n```\n"),
    "tasks in a list": _many("  ```task\n  id: X\n  status: todo\n  ```\n", "- x\n\n"),
    "near misses": _numbered("```task\nid: X{}\nstatus: dnoe\n```\n"),
    "long words": _bodies("status: ", "done_"),
    "unknown keys": _many("```task\n" + "stat: x\n" + "".join(f"k{n}: x\n" for n in range(20)) + "```\n"),
    "a key twice": _bodies("", "a: [b]\n"),
    "many keys": _keys,
    "lists in YAML, 60 deep": _bodies("a: " + "[" * 60, "b,"),
    "lists in YAML without end": _bodies("a: ", "["),
    "mappings in YAML without end": _bodies("a: ", "{a: "),
    "a huge body": _many("a: b\n", "```task\n", "```\n"),
    "front matter": _front,
    "front matter that does not close": _many("type: &a \n", "---\n"),
}
"""Families by name."""
