"""The hub's knowledge of the remote: a checkout that cannot fetch is judged by the fetches of other machines."""

from __future__ import annotations

import re

import pytest

from consistency.models import Run
from testing.repos import Origin
from testing.samples import T01
from tests.cli.helpers import codes, findings
from tests.multihost.machine import Machine, make_machines, repo, report

pytestmark = pytest.mark.usefixtures("hub")

BEHIND = re.compile(
    r"Repo 'a' is behind remote — pull before fixing to avoid clobbering remote progress "
    r"\(it lacks ([0-9a-f]{7}), as seen by (\w+) at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)\)"
)


def push_more(b: Machine) -> str:
    """Push something from b, and see it with a run there."""
    b.clone.write("more.md", "more\n")
    b.commit("More")
    b.push()
    assert codes(b.fix()) == []
    return b.clone.head


@pytest.fixture
def pair(origin: Origin) -> tuple[Machine, Machine]:
    a, b = make_machines(origin, "a", "b")
    return a, b


def last_sighting(ended: str) -> tuple[str, ...]:
    found = BEHIND.fullmatch(ended)
    assert found, ended
    return found.groups()


def test_offline_checkout_that_lacks_what_another_has_seen(pair: tuple[Machine, Machine], origin: Origin) -> None:
    a, b = pair
    tip = push_more(b)
    sighting = Run.objects.filter(checkout__host="b").latest("started_at")
    assert sighting.tip == tip
    assert sighting.fetched_at is not None
    origin.path.rename(origin.path.with_name("away"))
    report(T01, "done")
    before = a.clone.head
    for ended in (a.fix(), a.fix("--no-fetch")):
        (finding,) = findings(ended)
        assert last_sighting(finding["message"]) == (tip[:7], "b", f"{sighting.fetched_at:%Y-%m-%d %H:%M:%SZ}")
        shown = repo(ended)
        assert (finding["code"], finding["severity"], shown["outcome"]) == ("C-14", "WARN", "skipped")
        assert (shown["freshness"], shown["ahead"], shown["behind"]) == ("behind", None, None)
    assert a.clone.head == before
    (gate, drift) = findings(a.check())
    assert (gate["code"], gate["severity"], drift["code"]) == ("C-14", "INFO", "C-13")


def test_same_checkout_once_it_has_the_commit(pair: tuple[Machine, Machine], origin: Origin) -> None:
    a, b = pair
    push_more(b)
    a.pull()
    origin.path.rename(origin.path.with_name("away"))
    ended = a.fix()
    assert (codes(ended), repo(ended)["freshness"]) == ([], "unknown")
    a.clone.write("own.md", "mine\n")
    a.commit("On top of it")
    ended = a.fix()
    assert (codes(ended), repo(ended)["freshness"]) == ([], "unknown")


def test_fetch_that_works_beats_the_memory(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    push_more(b)
    b.clone.git("push", "-q", "--force", "origin", "main~1:main")
    ended = a.fix()
    assert (codes(ended), repo(ended)["freshness"]) == ([], "fresh")
    # And that is what the hub knows from now on.
    ended = a.fix("--no-fetch")
    assert (codes(ended), repo(ended)["freshness"]) == ([], "unknown")


def test_another_branch_is_compared_with_the_repos(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    push_more(b)
    a.clone.git("checkout", "-q", "-b", "topic")
    a.push()
    # What a checkout is compared with is the repo's branch, wherever it is itself.
    assert codes(a.fix("--no-fetch")) == [("C-14", "none"), ("C-18", "none")]
    ended = a.fix("--no-fetch", "--any-branch")
    assert (codes(ended), repo(ended)["freshness"]) == ([("C-14", "none")], "behind")


def test_same_remote_under_other_names(pair: tuple[Machine, Machine]) -> None:
    """The remote's address counts, not the clone's name for it."""
    a, b = pair
    a.clone.git("remote", "rename", "origin", "upstream")
    a.clone.git("config", "url./.insteadOf", "root:")
    url = a.clone.git("remote", "get-url", "upstream")
    a.clone.git("remote", "set-url", "upstream", f"root:{url.removeprefix('/')}")
    a.clone.git("branch", "--move", "trunk")
    push_more(b)
    assert codes(a.fix("--no-fetch", "--any-branch")) == [("C-14", "none")]


def test_tracking_a_fork_does_not_make_it_the_origin(pair: tuple[Machine, Machine], origin: Origin) -> None:
    a, b = pair
    fork = origin.path.with_name("fork.git")
    origin.git("clone", "-q", "--bare", str(origin.path), str(fork))
    a.clone.git("remote", "add", "fork", str(fork))
    a.clone.git("fetch", "-q", "fork")
    a.clone.git("branch", "-q", "--set-upstream-to=fork/main")
    push_more(b)
    assert codes(a.fix("--no-fetch")) == [("C-14", "none")]
    ended = a.fix()
    assert (codes(ended), repo(ended)["behind"]) == ([("C-14", "none")], 1)


def test_own_push_is_seen_too(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    report(T01, "done")
    assert codes(b.fix("--push")) == [("C-13", "written_back")]
    (finding,) = findings(a.fix("--no-fetch"))
    assert last_sighting(finding["message"])[:2] == (b.clone.head[:7], "b")


def test_remote_that_tells_its_tip_but_leaves_no_note_of_it(pair: tuple[Machine, Machine]) -> None:
    """Without a refspec git's tracking branch stays old, and git itself would call the clone up to date."""
    a, b = pair
    push_more(b)
    a.clone.git("config", "--unset-all", "remote.origin.fetch")
    ended = a.fix()
    assert codes(ended) == [("C-14", "none")]
    assert findings(ended)[0]["message"].endswith("clobbering remote progress")
    assert codes(a.fix("--pull")) == []
    assert a.clone.head == b.clone.head
