"""Origins that an older version wrote are found again by clones of now."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from consistency.git import addresses
from consistency.git.addresses import normalize_url
from testing.migrations import latest, migrate

BEFORE = [("statehub", "0008_workstream_moves")]


@pytest.fixture
def old(hub: object) -> Iterator[Any]:
    """The models of the version before."""
    yield migrate(BEFORE)
    migrate(latest(["statehub"]))


WRITTEN = {
    "github.com/Acme/Orders": "git@github.com:Acme/Orders.git",
    "ssh.github.com/Acme/Hub": "ssh://git@ssh.github.com:443/Acme/Hub",
    "example.org/Team/App": "https://example.org/Team/App",
    "/srv/Git/x": "/srv/Git/x.git",
}
"""Origins as older versions kept them, each with the URL of a clone."""


def test_are_written_alike(old: Any) -> None:
    Repo, Checkout = (old.get_model("statehub", name) for name in ("Repo", "Checkout"))
    for number, origin in enumerate([*WRITTEN, ""]):
        repo = Repo.objects.create(slug=str(number), origin=origin, workplans="plans/*.md")
        Checkout.objects.create(repo=repo, host="here", path=f"/w/{number}")
    now = migrate(latest(["statehub"]))
    rows = now.get_model("statehub", "Repo").objects.order_by("slug")
    found = [normalize_url(url, "/") for url in WRITTEN.values()]
    assert list(rows.values_list("origin", flat=True)) == [*found, ""]
    assert set(rows.values_list("workplans", "exclude")) == {("plans/*.md", "")}


def test_the_same_servers_are_known() -> None:
    migration = import_module("statehub.migrations.0010_origins_written_alike")
    assert migration.SAME_HOST == addresses.SAME_HOST
    assert migration.CASE_INSENSITIVE_HOSTS == addresses.CASE_INSENSITIVE_HOSTS
