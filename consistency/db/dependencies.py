"""Reads which tasks depend on which."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from consistency.core.comparison.dependencies import Graph
from consistency.core.workplan.model import Workplan
from consistency.db.ledger import batches
from statehub.dependencies import Node, possible_nodes, split_names
from statehub.models import Task
from statehub.next_tasks import read_statuses


def read_graph(slug: str, workplans: Iterable[Workplan]) -> Graph:
    """Return what *workplans*, which are in the repo *slug*, and the tasks that they depend on, depend on.

    In one query for the tasks that depend on others, and one for those named; two more for each further step to other
    repos.
    """
    blocks = {(slug, block.key): block.depends for workplan in workplans for block in workplan.blocks}
    tasks, depends = set[Node](blocks), {node: names for node, names in blocks.items() if names}
    read, left = set[str](), {slug}
    while left:
        rows = Task.objects.filter(workstream__repo__slug__in=left).exclude(depends="").order_by()
        for repo, key, names in rows.values_list("workstream__repo__slug", "key", "depends"):
            if (repo, key) not in blocks:
                depends[repo, key] = tuple(split_names(names))
                tasks.add((repo, key))
        named = {(repo, name) for (repo, _), names in depends.items() if repo in left for name in names}
        found = _find(named - tasks)
        tasks |= found
        read |= left
        left = {repo for repo, _ in found} - read
    return Graph(tasks, depends)


def _find(named: Collection[tuple[str, str]]) -> set[Node]:
    """Return the tasks that (repo's slug, name) mean: that id in the repo, or SLUG/ID."""
    nodes = {node for repo, name in named for node in possible_nodes(name, repo)}
    return {node for batch in batches(nodes, 1_000) for node in read_statuses(batch)}
