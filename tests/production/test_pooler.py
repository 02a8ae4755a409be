"""Behind pgbouncer in transaction mode, which gives each transaction of a process another connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consistency.db.queue import queue_checkouts
from statehub.models import Checkout, Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.hub import Hub
from testing.manage import Ended
from testing.pgbouncer import pooled
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.workers import wait_until, working
from testing.workplans import workplan

SLUGS = ("one", "two", "three", "four")


@pytest.fixture
def pooled_hub(hub: Hub) -> Iterator[Hub]:
    """This test's hub, whose processes come through pgbouncer."""
    if hub.url.startswith("sqlite:"):
        pytest.skip("pgbouncer stands before PostgreSQL")
    with pooled(hub.url, pool_size=3) as url:
        yield Hub(url)


@pytest.fixture
def clones(new_origin: Callable[[str], Bare]) -> list[Clone]:
    found = []
    for slug in SLUGS:
        clone = new_origin(slug).clone(slug)
        for number in range(3):
            key = f"{slug}-{number}"
            clone.write(f"workplans/{key}.md", workplan(key, [(f"{key}-T{task}", "todo") for task in range(5)]))
        clone.commit()
        clone.push()
        found.append(clone)
    return found


def at_once(hub: Hub, command: str) -> list[Ended]:
    """Run *command* on every repo at the same time, each in a process; return the results."""
    with ThreadPoolExecutor(len(SLUGS)) as pool:
        return list(pool.map(lambda slug: hub.manage(command, slug), SLUGS))


def test_several_commands_at_once(pooled_hub: Hub, clones: list[Clone]) -> None:
    for clone, slug in zip(clones, SLUGS, strict=True):
        assert pooled_hub.manage("register_repo", clone.path, "--slug", slug).exit == 0
    fixed = at_once(pooled_hub, "fix_consistency")
    assert [(ended.exit, ended.stderr) for ended in fixed] == [(0, "")] * 4
    assert Task.objects.count() == 4 * 3 * 5
    for slug in SLUGS:
        advance(find_task(f"{slug}-0-T0"), "done", Actor("somebody", Source.API))
    checked = at_once(pooled_hub, "check_consistency")
    assert [(ended.exit, ended.stderr) for ended in checked] == [(0, "")] * 4
    pruned = pooled_hub.manage("prune_history", "--older-than", "1")
    assert (pruned.exit, pruned.stderr) == (0, "")


def test_worker_prepares_no_statements(
    pooled_hub: Hub, new_origin: Callable[[str], Bare], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next transaction may be in a session that does not know them."""
    origin = new_origin("plans")
    person, statuses = origin.clone("person"), ["todo"] * 10
    environment = {"STATEHUB_CLONES": str(tmp_path / "clones"), "STATEHUB_HOST": "worker"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def push() -> None:
        tasks = [(f"A-T{number}", status) for number, status in enumerate(statuses)]
        person.write("workplans/a.md", workplan("A", tasks))
        person.commit()
        person.push()

    push()
    registered = pooled_hub.manage("register_repo", "--remote", origin.path, "--slug", "plans", env=environment)
    assert (registered.exit, registered.stderr) == (0, "")
    with working(pooled_hub.url, tmp_path / "log", "--concurrency=1", "--verbosity=2") as worker:
        for number in range(len(statuses)):
            statuses[number] = "done"
            push()
            queue_checkouts(list(Checkout.objects.values_list("pk", flat=True)), "webhook")
            wait_until(lambda: Task.objects.filter(status="done").count() == statuses.count("done"))
    assert "error" not in worker.text, worker.text
