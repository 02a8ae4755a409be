"""A hub of its own: shared with processes, apart from other tests, on either database."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from statehub.models import Repo
from testing.hub import Hub
from testing.manage import Ended, manage

ADD_ONE = """
from statehub.models import Repo
print(Repo.objects.get().slug)
Repo.objects.create(slug="theirs")
"""


def test_hub_is_shared_with_processes(hub: Hub) -> None:
    Repo.objects.create(slug="ours")
    assert hub.manage("shell", "--no-imports", "--command", ADD_ONE) == Ended(exit=0, stdout="ours\n", stderr="")
    assert sorted(Repo.objects.values_list("slug", flat=True)) == ["ours", "theirs"]


@pytest.mark.parametrize("time", [1, 2])
def test_hub_is_empty_and_commits_for_real(hub: Hub, time: int) -> None:
    with transaction.atomic():
        Repo.objects.create(slug=f"made-{time}")
    seen: list[str] = []

    def look() -> None:
        seen.extend(Repo.objects.values_list("slug", flat=True))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [f"made-{time}"]


@pytest.mark.parametrize("time", [1, 2])
def test_served_hub_is_shared_and_has_no_rows_of_tests_before(served_hub: Hub, time: int) -> None:
    assert not Repo.objects.exists()
    assert served_hub.manage("shell", "--no-imports", "--command", ADD_ONE.replace("print", "# print")).exit == 0
    assert list(Repo.objects.values_list("pk", "slug")) == [(1, "theirs")]


@pytest.mark.django_db
def test_hub_leaves_the_other_database_alone() -> None:
    assert not Repo.objects.exists()


def test_manage_tells_exit_status_and_words(tmp_path: Path) -> None:
    ended = manage("no_such_command", cwd=tmp_path)
    assert ended.exit == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("Unknown command: 'no_such_command'")
