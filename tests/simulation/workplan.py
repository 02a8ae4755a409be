"""The workplans of the simulated people, read in the simplest way: no code of the product has a say in it."""

from __future__ import annotations

import re

STATUSES = ("todo", "in_progress", "blocked", "done", "cancelled")
RANKS = {"todo": 0, "draft": 0, "in_progress": 1, "blocked": 1, "active": 1, "done": 2, "cancelled": 2}

_SLOT = re.compile(rb"^(id: (\S+)\r?\n(?:title: [^\n]*\n)?status: ['\"]?)(\w+)", re.MULTILINE)
_BLOCK = re.compile(
    rb"^(?:```task\r?\nid: (\S+)\r?\n(?:title: [^\n]*\n)?status: \S+[^\n]*\n```\r?\n"
    rb"|~~~task\r?\nid: (\S+)\r?\n(?:title: [^\n]*\n)?status: \S+[^\n]*\n~~~\r?\n)",
    re.MULTILINE,
)
_FRONT = re.compile(rb"---\r?\nid: (\S+)\r?\ntype: workplan\r?\ntitle: [^\n]*\nstatus: (\w+)\r?\n---\r?\n")
_FORMS = (
    ("```", "", "{}"),
    ("```", "", '"{}"  # so it is'),
    ("~~~", "title: Named in the block\n", "'{}'"),
)


def text(key: str, tasks: dict[str, str], *, crlf: bool = False) -> bytes:
    """Return a workplan with the id *key* and *tasks*, id → status, each block in another way of writing."""
    front = f"---\nid: {key}\ntype: workplan\ntitle: Plan {key}\nstatus: active\n---\n\n# Plan {key}\n\nNote: 0\n"
    data = (front + "".join(map(_section, tasks, tasks.values()))).encode()
    return data.replace(b"\n", b"\r\n") if crlf else data


def _section(task: str, status: str) -> str:
    fence, title, form = _FORMS[sum(task.encode()) % len(_FORMS)]
    block = f"{fence}task\nid: {task}\n{title}status: {form.format(status)}\n{fence}\n"
    return f"\n### {task} — Work 0\n\nBefore {task}.\n\n{block}\nAfter {task}.\n"


def statuses(data: bytes) -> dict[str, str]:
    """Return the status of each task in the file."""
    return {found[2].decode(): found[3].decode() for found in _SLOT.finditer(_body(data))}


def skeleton(data: bytes) -> bytes:
    """Return the file without the `status` values of its task blocks."""
    body = _body(data)
    return data[: len(data) - len(body)] + _SLOT.sub(rb"\1?", body)


def front(data: bytes) -> tuple[str, str]:
    """Return the workplan's id and status."""
    found = _FRONT.match(data)
    return (found[1].decode(), found[2].decode()) if found else ("", "")


def is_sound(data: bytes) -> bool:
    """Return whether a person would call it a whole workplan; a careless merge may not be one."""
    ids = [first or second for first, second in _BLOCK.findall(data)]
    fences = len(re.findall(rb"^(?:```|~~~)", data, re.MULTILINE))
    whole = bool(_FRONT.match(data)) and len(set(ids)) == len(ids) == len(_SLOT.findall(_body(data)))
    return whole and fences == 2 * len(ids) and b"<<<<<<<" not in data


def with_status(data: bytes, task: str, status: str) -> bytes:
    """Return the file after a person gave *task* another status."""
    body = _body(data)
    edited = _SLOT.sub(
        lambda found: found[1] + (status if found[2] == task.encode() else found[3].decode()).encode(), body
    )
    return data[: len(data) - len(body)] + edited


def with_front_status(data: bytes, status: str) -> bytes:
    """Return the file after a person gave the workplan another status."""
    found = _FRONT.match(data)
    return data[: found.start(2)] + status.encode() + data[found.end(2) :] if found else data


def with_task(data: bytes, task: str, status: str) -> bytes:
    """Return the file after a person added a task at its end."""
    section = _section(task, status).encode()
    return data + (section.replace(b"\n", b"\r\n") if b"\r\n" in data else section)


def without_task(data: bytes, task: str) -> bytes:
    """Return the file after a person removed a task's block."""
    named = task.encode()
    return _BLOCK.sub(lambda found: b"" if named in (found[1], found[2]) else found[0], data)


def reworded(data: bytes, number: int) -> bytes:
    """Return the file after a person changed its words: the note, the headings, and whatever else is prose."""
    data = re.sub(rb"Note: \d+", b"Note: %d" % number, data)
    return re.sub(rb"Work \d+", b"Work %d" % (number % 3), data)


def converted(data: bytes, attributes: bytes) -> bytes:
    """Return the file as git commits it by these *attributes*."""
    if b"text" in attributes:
        return data.replace(b"\r\n", b"\n")
    return re.sub(rb"^Note: \d+", b"Note: 0", data, flags=re.MULTILINE) if b"lossy" in attributes else data


def _body(data: bytes) -> bytes:
    found = _FRONT.match(data)
    return data[found.end() :] if found else data
