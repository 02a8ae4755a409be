"""Builds the text of workplans, as a person would write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def task(id: str, status: str = "todo", *, heading: str | None = None, **fields: str) -> str:
    """Return a task's section: a heading and its block, with *fields* as further lines of the block, in their order.

    The default heading is `Task ID`. Values are written as they are: add quotes if YAML needs them.
    """
    lines = {"id": id, "status": status, **fields}
    body = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return f"### {heading or f'Task {id}'}\n\n```task\n{body}```\n"


def workplan(
    key: str,
    tasks: Iterable[str | tuple[str, str] | Mapping[str, str]] = (),
    *,
    title: str | None = None,
    status: str = "active",
    **front: str,
) -> str:
    """Return a workplan with the id *key*; *front* are further front matter fields, in their order.

    A task is `("T01", "done")`, or a mapping with `id` and arguments of `task` (`{"id": "T01", "title": "Name"}`), or
    a piece of Markdown, which is not changed. An id that does not begin with *key* gets it as a prefix: `T01` becomes
    `KEY-T01`.
    """
    fields = {"id": key, "type": "workplan", "title": title or f"Workplan {key}", "status": status, **front}
    head = "".join(f"{name}: {value}\n" for name, value in fields.items())
    sections = "".join(f"\n{_section(key, each)}" for each in tasks)
    return f"---\n{head}---\n\n# {fields['title']}\n{sections}"


def _section(key: str, each: str | tuple[str, str] | Mapping[str, str]) -> str:
    if isinstance(each, str):
        return each
    fields = dict(zip(("id", "status"), each, strict=True)) if isinstance(each, tuple) else dict(each)
    id = fields.pop("id")
    return task(id if id.startswith(key) else f"{key}-{id}", **fields)
