"""Queries and git processes of a run: small whole numbers, the same for few workplans and for many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from statehub.models import Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.gitlog import GitProcesses
from testing.manage import Ended
from testing.repos import Clone
from testing.workplans import workplan
from tests.cli.helpers import check, codes, fix

SIZES = (5, 60)
MOST_QUERIES, MOST_PROCESSES = 20, 7
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def path(number: int) -> str:
    return f"workplans/{number % 7}/{number}.md"


def planned(clone: Clone, size: int, status: str = "todo") -> None:
    """Create *size* workplans, commit and push; *status* is that of their first tasks."""
    for number in range(size):
        tasks = [("T01", status), ("T02", "in_progress"), ("T03", "done")]
        clone.write(path(number), workplan(f"WP-{number}", tasks))
    clone.commit()
    clone.push()


def nothing(clone: Clone, size: int) -> list[tuple[str, str]]:
    planned(clone, size)
    fix("--path", clone.path)
    return []


def first_import(clone: Clone, size: int) -> list[tuple[str, str]]:
    nothing(clone, 0)
    planned(clone, size)
    return [("C-07", "created")] * size


def hub_ahead(clone: Clone, size: int) -> list[tuple[str, str]]:
    nothing(clone, size)
    for number in range(size):
        advance(find_task(f"WP-{number}-T01"), "done", Actor("somebody", Source.API))
    return [("C-13", "written_back")] * size


def task_ahead(clone: Clone, size: int) -> list[tuple[str, str]]:
    nothing(clone, size)
    advance(find_task("WP-0-T01"), "done", Actor("somebody", Source.API))
    return [("C-13", "written_back")]


def both_ahead(clone: Clone, size: int) -> list[tuple[str, str]]:
    nothing(clone, size)
    for number in range(size):
        advance(find_task(f"WP-{number}-T02"), "done", Actor("somebody", Source.API))
    planned(clone, size, "done")
    return [("C-11", "advanced")] * size + [("C-13", "written_back")] * size


def file_ahead(clone: Clone, size: int) -> list[tuple[str, str]]:
    nothing(clone, size)
    planned(clone, size, "done")
    return [("C-11", "advanced")] * size


def fix_and_push(slug: str) -> Ended:
    return fix(slug, "--push")


@pytest.mark.parametrize(
    ("arrange", "command", "queries", "processes"),
    [
        (nothing, check, 7, 2),
        (nothing, fix, 7, 2),
        (first_import, fix, 14, 3),  # One of them ends the C-25 of a repo without workplans.
        (hub_ahead, fix, 14, 6),
        (hub_ahead, fix_and_push, 15, 7),
        (task_ahead, fix, 14, 6),
        (file_ahead, fix, 18, 3),
    ],
    ids=[
        "check with nothing to do",
        "fix with nothing to do",
        "first import",
        "hub ahead",
        "hub ahead, pushed",
        "one task hub ahead",
        "file ahead",
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_counts(
    hub: object,
    clone: Clone,
    git_processes: GitProcesses,
    arrange: Callable[[Clone, int], list[tuple[str, str]]],
    command: Callable[..., Ended],
    queries: int,
    processes: int,
    size: int,
) -> None:
    assert_counts(arrange(clone, size), lambda: command("clone"), git_processes, (queries, processes))
    assert queries <= MOST_QUERIES
    assert processes <= MOST_PROCESSES


@pytest.mark.parametrize("size", SIZES)
def test_counts_of_both_directions(hub: object, clone: Clone, git_processes: GitProcesses, size: int) -> None:
    """A run that takes statuses from files and writes others into them starts git for both."""
    assert_counts(both_ahead(clone, size), lambda: fix("clone"), git_processes, (20, MOST_PROCESSES))


@pytest.mark.parametrize("size", SIZES)
def test_counts_if_only_git_knows_the_status(hub: object, clone: Clone, git_processes: GitProcesses, size: int) -> None:
    """Two more processes: one for the status, and one for the list of files."""
    expected = nothing(clone, size)
    clone.write("workplans/draft.md", "not committed yet\n")
    assert_counts(expected, lambda: fix("clone"), git_processes, (7, 4))


def assert_counts(
    expected: list[tuple[str, str]], run: Callable[[], Ended], git_processes: GitProcesses, counts: tuple[int, int]
) -> None:
    """Run the command: it reports the *expected* codes and actions, with these numbers of statements and processes."""
    git_processes.clear()
    with CaptureQueriesContext(connection) as captured:
        ended = run()
    assert sorted(codes(ended)) == expected
    statements = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
    assert (len(statements), len(git_processes)) == counts, "\n".join(
        [sql[:150] for sql in statements] + [" ".join(call) for call in git_processes]
    )
