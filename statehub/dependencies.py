"""The tasks that names in `depends` mean (design, "Workplan format").

Imports nothing, so that the pure core and the models read the same rule.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

Node = tuple[str, str]
"""A task: the slug of its repo, and its id."""


def join_names(names: Iterable[str]) -> str:
    """Return *names* as `Task.depends` has them: one a line."""
    return "\n".join(names)


def split_names(depends: str) -> list[str]:
    """Return the names in a task's *depends*."""
    return depends.split("\n") if depends else []


def possible_nodes(name: str, slug: str) -> tuple[Node, ...]:
    """Return the tasks that *name* may mean in the repo *slug*, in this order: one of the repo itself, or SLUG/ID."""
    other, _, key = name.partition("/")
    return ((slug, name), (other, key)) if key else ((slug, name),)


def find_node(name: str, slug: str, tasks: Container[Node]) -> Node | None:
    """Return the one of *tasks* that *name* means in the repo *slug*, None if there is none."""
    return next((node for node in possible_nodes(name, slug) if node in tasks), None)
