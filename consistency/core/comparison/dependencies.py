"""C-28: a task depends on an unknown id, or on itself in a circle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from consistency.core.codes import BAD_DEPENDENCY
from consistency.core.finding import Finding
from consistency.core.workplan.model import TaskBlock, Workplan
from statehub.dependencies import Node, find_node

MAX_CIRCLE = 10
"""Tasks of a circle that a message names."""


class Graph(NamedTuple):
    """All tasks that are known, and the names that each depends on, as its block has them."""

    tasks: Collection[Node]
    depends: Mapping[Node, tuple[str, ...]]

    def find(self, name: str, slug: str) -> Node | None:
        """Return the task that *name* means in the repo *slug*: one of this repo, or SLUG/ID."""
        return find_node(name, slug, self.tasks)

    def has_circle(self) -> bool:
        """Return whether any task depends on itself, at whatever distance."""
        sorter = TopologicalSorter({node: list(self._next(node)) for node in self.depends})
        try:
            sorter.prepare()
        except CycleError:
            return True
        return False

    def circle(self, start: Node) -> list[Node]:
        """Return a way from *start* along what depends on what that leads back to it, *start* at both ends; or []."""
        seen, way, branches = {start}, [start], [self._next(start)]
        while branches:
            node = next(branches[-1], None)
            if node is None:
                branches.pop()
                way.pop()
            elif node == start:
                return [*way, start]
            elif node not in seen:
                seen.add(node)
                way.append(node)
                branches.append(self._next(node))
        return []

    def _next(self, node: Node) -> Iterator[Node]:
        found = (self.find(name, node[0]) for name in self.depends.get(node, ()))
        return (each for each in found if each is not None)


def check_dependencies(
    slug: str,
    workplans: Iterable[Workplan],
    graph: Graph,
    is_checkable: Callable[[str], bool] = lambda _name: True,
) -> list[Finding]:
    """Return the findings of the blocks of *workplans*, which are in the repo *slug* and in *graph*.

    Only names that are *is_checkable* can be unknown.
    """
    findings = []
    has_circle = graph.has_circle()
    for workplan in workplans:
        for block in workplan.blocks:
            for name in block.depends:
                if graph.find(name, slug) is None and is_checkable(name):
                    message = f"task '{block.title}' depends on '{name}', and there is no such task"
                    findings.append(_finding(workplan, block, message, name))
            if has_circle and block.depends and (circle := graph.circle((slug, block.key))):
                message = f"task '{block.title}' depends on itself: {_named(circle, slug)}"
                findings.append(_finding(workplan, block, message, ""))
    return findings


def _finding(workplan: Workplan, block: TaskBlock, message: str, discriminator: str) -> Finding:
    place = (workplan.path, block.line, workplan.key, block.key)
    return Finding(BAD_DEPENDENCY, message, *place, discriminator=f"depends:{discriminator}")


def _named(circle: list[Node], slug: str) -> str:
    names = [key if repo == slug else f"{repo}/{key}" for repo, key in circle]
    if len(names) > MAX_CIRCLE:
        names[MAX_CIRCLE - 1 : -1] = ["…"]
    return " → ".join(names)
