"""Reads which tasks depend on which."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Q

from consistency.core.comparison.dependencies import Graph, Node
from consistency.core.workplan.model import Workplan
from consistency.db.ledger import batches
from statehub.models import Task


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
                depends[repo, key] = tuple(names.split("\n"))
                tasks.add((repo, key))
        named = {(repo, name) for (repo, _), names in depends.items() if repo in left for name in names}
        found = _find(named - tasks)
        tasks |= found
        read |= left
        left = {repo for repo, _ in found} - read
    return Graph(tasks, depends)


def _find(named: Collection[tuple[str, str]]) -> set[Node]:
    """Return the tasks that (repo's slug, name) mean: that id in the repo, or SLUG/ID."""
    nodes = {*named, *((other, key) for _, name in named for other, _, key in [name.partition("/")] if key)}
    found = set[Node]()
    for batch in batches(nodes, 1_000):
        keys, slugs = {key for _, key in batch}, {repo for repo, _ in batch}
        rows = Task.objects.filter(Q(key__in=keys), Q(workstream__repo__slug__in=slugs)).order_by()
        found.update(set(rows.values_list("workstream__repo__slug", "key")) & nodes)
    return found
