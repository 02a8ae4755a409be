"""A short campaign on the database of these tests: 50 reporters and 8 fixers on PostgreSQL, 4 and 2 on SQLite."""

from __future__ import annotations

from pathlib import Path

from statehub.models import StatusChange, Task
from testing.hub import Hub
from tests.concurrency import campaign, world
from tests.concurrency.verdict import judge


def test_nothing_is_lost(hub: Hub, tmp_path: Path) -> None:
    small = hub.url.startswith("sqlite:")
    made = world.build(hub, tmp_path, world.SQLITE if small else world.POSTGRESQL)
    done = campaign.run(made, operations=100 if small else 200, seed=1)
    assert judge(done).wrongs == []
    # All of them were really at work, and in each other's way.
    counts = done.counts
    assert (
        min(counts[name] for name in ("moves", "reopens", "fixes", "commits", "pushes", "people's pushes", "409")) > 0
    )
    # The judge has an eye for it: damage that nothing in the product would do is seen.
    chosen = StatusChange.objects.filter(source="api", reopen=False).latest("pk")
    again = StatusChange.objects.get(pk=chosen.pk)
    again.pk = None
    again.save()
    assert judge(done).lost
    again.delete()
    assert judge(done).wrongs == []
    chosen.delete()
    assert judge(done).lost
    assert judge(done).unaccounted
    moved = Task.objects.exclude(status="todo").first()
    assert moved is not None
    Task.objects.filter(pk=moved.pk).update(status="todo")
    assert judge(done).regressed
    assert judge(done).apart
