"""C-28: unknown ids, and circles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.core.comparison.dependencies import Graph, check_dependencies
from consistency.core.finding import Finding
from tests.core.values import block, plan

TASKS = [("r", "A"), ("r", "B"), ("r", "C"), ("other", "A"), ("r", "other/B")]


def found(
    depends: dict[str, tuple[str, ...]], others: dict[tuple[str, str], tuple[str, ...]] | None = None
) -> list[Finding]:
    """Check a workplan of the repo `r` with the tasks A, B and C, which depend on *depends*."""
    blocks = [block(key, depends=depends.get(key, ())) for key in "ABC"]
    graph = Graph(TASKS, {("r", key): names for key, names in depends.items()} | (others or {}))
    return check_dependencies("r", [plan("W", *blocks)], graph)


def finding(task: str, message: str, name: str = "") -> Finding:
    message = f"task 'Title {task}' depends on {message}"
    return Finding("C-28", message, "W.md", 10, "W", task, discriminator=f"depends:{name}")


def test_known_ids() -> None:
    assert found({"A": ("B", "C"), "B": ("C", "other/A"), "C": ("other/B",)}) == []


@pytest.mark.parametrize("name", ["X", "other/X", "none/A", "r", "/A", "A/", "a"])
def test_unknown_id(name: str) -> None:
    assert found({"A": ("B", name)}) == [finding("A", f"'{name}', and there is no such task", name)]


def test_own_repo_can_be_named() -> None:
    assert found({"A": ("r/B",)}) == []
    assert found({"A": ("r/A",)}) == [finding("A", "itself: A → A")]


def test_circles_are_reported_at_each_task_in_them() -> None:
    assert found({"A": ("B",), "B": ("C",), "C": ("A",)}) == [
        finding("A", "itself: A → B → C → A"),
        finding("B", "itself: B → C → A → B"),
        finding("C", "itself: C → A → B → C"),
    ]
    assert found({"A": ("B",), "B": ("C",), "C": ("B",)}) == [
        finding("B", "itself: B → C → B"),
        finding("C", "itself: C → B → C"),
    ]


def test_circle_through_another_repo() -> None:
    assert found({"A": ("other/A",)}, {("other", "A"): ("r/A",)}) == [finding("A", "itself: A → other/A → A")]


def test_long_circle_is_named_in_short() -> None:
    keys = [f"T{number}" for number in range(30)]
    depends = {("r", key): (after,) for key, after in zip(keys, [*keys[1:], keys[0]], strict=True)}
    graph = Graph([("r", key) for key in keys], depends)
    [one] = check_dependencies("r", [plan("W", block("T0", depends=("T1",)))], graph)
    assert one == finding("T0", "itself: T0 → T1 → T2 → T3 → T4 → T5 → T6 → T7 → T8 → … → T0")


def test_names_that_cannot_be_checked() -> None:
    graph = Graph([("", "A")], {("", "A"): ("far/X", "B")})
    plans = [plan("W", block("A", depends=("far/X", "B")))]
    assert [each.discriminator for each in check_dependencies("", plans, graph, lambda name: "/" not in name)] == [
        "depends:B"
    ]


EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


def reaches(edges: list[tuple[int, int]], start: int, end: int) -> bool:
    reached: set[int] = set()
    left = [to for from_, to in edges if from_ == start]
    while left:
        node = left.pop()
        if node not in reached:
            reached.add(node)
            left += [to for from_, to in edges if from_ == node]
    return end in reached


@given(EDGES)
def test_circle_is_a_way_back(edges: list[tuple[int, int]]) -> None:
    depends = {("r", str(node)): tuple(str(to) for from_, to in edges if from_ == node) for node in range(7)}
    graph = Graph(depends.keys(), depends)
    assert graph.has_circle() == any(reaches(edges, node, node) for node in range(7))
    for node in range(7):
        way = [int(key) for _, key in graph.circle(("r", str(node)))]
        assert bool(way) == reaches(edges, node, node)
        assert all(step in edges for step in pairwise(way))
        assert not way or way[0] == way[-1] == node
