"""One hub for many machines: whose checkouts a command is about, and how a second clone joins its repo."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from consistency.models import Run
from statehub.models import Checkout, Repo, StatusChange
from testing.hub import Hub
from testing.repos import Origin
from testing.samples import T01
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, statuses
from tests.multihost.machine import Host


def make_host(hub: Hub, origin: Origin, name: str, url: str | None = None, *, folder: str = "") -> Host:
    """Make a machine with a clone, in a *folder* of its name or another; *url* is the origin's address there."""
    made = Host(name, origin.clone(folder or name), hub)
    if url is not None:
        made.clone.git("remote", "set-url", "origin", url)
    return made


def push_workplan(origin: Origin, text: str = TEXT) -> Origin:
    author = origin.clone("author")
    author.write(FILE, text)
    author.commit("Plan")
    author.push()
    return origin


def test_all_is_all_of_this_host(hub: Hub, new_origin: Callable[[str], Origin]) -> None:
    plans = push_workplan(new_origin("plans"))
    tools = push_workplan(new_origin("tools"), workplan("WP-2", [("T01", "todo")]))
    hosts = [make_host(hub, plans, name) for name in ("north", "south", "west")]
    also = make_host(hub, tools, "north", folder="tools")
    for each in (*hosts, also):
        assert each.manage("register_repo", each.clone.path).exit == 0
    assert Repo.objects.count() == 2
    for each in hosts:
        ended = each.manage("fix_consistency", "--all", "--format", "json")
        paths = [each.clone.path, *([also.clone.path] if each.name == "north" else [])]
        document = json.loads(ended.stdout)
        assert (ended.exit, ended.stderr, document["host"]) == (0, "", each.name)
        assert {repo["path"] for repo in document["repos"]} == set(map(str, paths))
    runs = Run.objects.values_list("checkout__host", "checkout__path")
    assert sorted(runs) == sorted((each.name, str(each.clone.path)) for each in (*hosts, also))

    # By its slug, too, a repo is that of this host.
    ended = hosts[1].manage("check_consistency", "north", "--format", "json")
    assert [repo["path"] for repo in json.loads(ended.stdout)["repos"]] == [str(hosts[1].clone.path)]


def test_host_without_checkouts(hub: Hub, origin: Origin) -> None:
    north = make_host(hub, push_workplan(origin), "north")
    assert north.manage("register_repo", north.clone.path).exit == 0
    east = Host("east", north.clone, hub)
    ended = east.manage("fix_consistency", "--all")
    words = "no checkout is registered for host 'east': register_repo PATH adds one"
    assert (ended.exit, ended.stdout, ended.stderr) == (2, "", f"error: {words}\n")
    ended = east.manage("fix_consistency", "north")
    words = "repo 'north' has no checkout on host 'east'; register_repo PATH adds one"
    assert (ended.exit, ended.stdout, ended.stderr) == (2, "", f"error: {words}\n")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/team/plans",
        "https://anna:secret@example.org/team/plans.git",
        "git@example.org:team/plans.git",
        "git@EXAMPLE.org:team/plans",
        "ssh://git@example.org:2222/team/plans.git/",
    ],
)
def test_second_host_joins_by_the_origin(hub: Hub, origin: Origin, url: str) -> None:
    north = make_host(hub, push_workplan(origin), "north", "ssh://git@example.org/team/plans.git")
    south = make_host(hub, origin, "south", url)
    ended = north.manage("register_repo", north.clone.path, "--slug", "plans")
    said = (
        f"registered {north.clone.path} as 'plans', workplans: workplans/**/*.md; its branch is main (1 file matches)\n"
    )
    assert (ended.exit, ended.stdout, ended.stderr) == (0, said, "")
    assert north.fix("--no-fetch").exit == 0

    ended = south.manage("register_repo", south.clone.path)
    joined = f"registered {south.clone.path} as another checkout of 'plans' (same origin example.org/team/plans)"
    assert (ended.exit, ended.stdout, ended.stderr) == (0, f"{joined} (1 file matches)\n", "")
    assert list(Checkout.objects.order_by("host").values_list("repo__slug", "host", "path")) == [
        ("plans", "north", str(north.clone.path)),
        ("plans", "south", str(south.clone.path)),
    ]

    # The same tasks: a status from the one comes to the other.
    south.edit(T01, "done")
    assert south.fix("--no-fetch").exit == 0
    assert statuses()[T01] == "done"
    assert StatusChange.objects.get().host == "south"
    north.fix("--no-fetch")
    assert north.statuses()[T01] == "done"


def test_second_host_joins_on_the_way_of_a_run(hub: Hub, origin: Origin) -> None:
    """By an address that git lengthens, and without `register_repo`."""
    north = make_host(hub, push_workplan(origin), "north", "https://example.org/team/plans.git")
    south = make_host(hub, origin, "south", "work:plans")
    south.clone.git("config", "url.ssh://git@example.org/team/.insteadOf", "work:")
    assert north.manage("register_repo", north.clone.path, "--slug", "plans").exit == 0
    ended = south.fix("--no-fetch")
    joined = f"registered {south.clone.path} as another checkout of 'plans' (same origin example.org/team/plans)"
    assert (ended.exit, ended.stderr) == (0, f"{joined}\n")
    assert [repo["slug"] for repo in json.loads(ended.stdout)["repos"]] == ["plans"]
    # Once it is known nothing more is said of it.
    assert south.fix("--no-fetch").stderr == ""


@pytest.mark.parametrize("command", ["register_repo", "fix_consistency"])
def test_slug_taken_by_another_origin(hub: Hub, new_origin: Callable[[str], Origin], command: str) -> None:
    north = make_host(hub, push_workplan(new_origin("one")), "north", "git@example.org:team/plans.git", folder="plans")
    assert north.manage("register_repo", north.clone.path).exit == 0
    south = make_host(
        hub, push_workplan(new_origin("two")), "south", "https://example.org/others/plans.git", folder="plans"
    )
    ended = south.manage(command, *(["--path"] if command == "fix_consistency" else []), south.clone.path)
    words = (
        "slug 'plans' is taken by the repo with origin example.org/team/plans "
        f"(this one's is example.org/others/plans), and the histories have nothing in common; "
        f"choose one: register_repo {south.clone.path} --slug SLUG"
    )
    assert (ended.exit, ended.stdout, ended.stderr) == (2, "", f"error: {words}\n")
    assert (Repo.objects.count(), Checkout.objects.count()) == (1, 1)
    # Under a slug of its own it is another repo.
    assert south.manage("register_repo", south.clone.path, "--slug", "others").exit == 0
    assert set(Repo.objects.values_list("slug", "origin")) == {
        ("plans", "example.org/team/plans"),
        ("others", "example.org/others/plans"),
    }
