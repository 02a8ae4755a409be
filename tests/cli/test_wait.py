"""A run on a checkout at which another run is at work waits for it, for `--wait` seconds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from consistency.git.lock import locked
from consistency.git.worktree import find_worktree
from consistency.models import Run
from statehub.models import Checkout
from testing.manage import Ended
from testing.repos import Clone, Origin
from tests.cli.helpers import check, codes, edit, fix, mirrored, publish, run

pytestmark = pytest.mark.usefixtures("hub")


@contextmanager
def at_work(clone: Clone, seconds: float, leave: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Keep another run at work on *clone* for *seconds*, or until the block has ended; *leave* is its last action."""
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(find_worktree(str(clone.path))):
            begun.set()
            ended.wait(seconds)
            leave()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def words(clone: Clone) -> str:
    return f"error: {clone.path.name}: another run is working on {clone.path}; try again when it has ended\n"


def others(tmp_path: Path, *names: str) -> list[Clone]:
    made = [Clone(tmp_path / name) for name in names]
    for other in made:
        other.path.mkdir()
        other.git("init", "--quiet")
        assert fix("--path", other.path).exit == 0
    return made


def slugs(ended: Ended) -> list[str]:
    return [repo["slug"] for repo in json.loads(ended.stdout)["repos"]]


@pytest.mark.parametrize("mode", [check, fix])
@pytest.mark.parametrize("options", [[], ["--no-fetch"]], ids=["", "no fetch"])
def test_run_goes_on_when_the_other_has_ended(clone: Clone, mode: Callable[..., Ended], options: list[str]) -> None:
    mirrored(clone)
    with at_work(clone, 0.5, lambda: edit(clone, "status: todo", "status: done")):
        ended = mode("clone", *options)
    assert (ended.exit, ended.stderr) == (0, "")
    assert codes(ended) == [("C-11", "advanced" if mode is fix else "none")]


@pytest.mark.parametrize(("wait", "least", "most"), [("0", 0, 0.5), ("0.6", 0.6, 3)])
def test_time_is_up(clone: Clone, wait: str, least: float, most: float) -> None:
    mirrored(clone)
    with at_work(clone, 4):
        begun = time.monotonic()
        assert run("check_consistency", "clone", "--wait", wait, "--no-fetch") == Ended(2, "", words(clone))
        assert least <= time.monotonic() - begun < most


@pytest.mark.parametrize("options", [["--jobs", "1"], ["--jobs", "8"], ["--no-fetch"]], ids=" ".join)
def test_others_go_on_meanwhile(clone: Clone, tmp_path: Path, options: list[str]) -> None:
    mirrored(clone)
    others(tmp_path, "other", "third")
    before = set(Run.objects.values_list("pk", flat=True))
    with at_work(clone, 1):
        ended = fix("--all", *options)
    assert (ended.exit, ended.stderr, slugs(ended)) == (0, "", ["clone", "other", "third"])
    runs = Run.objects.exclude(pk__in=before).order_by("started_at")
    assert [row.checkout.repo.slug for row in runs][-1] == "clone"


@pytest.mark.parametrize("options", [["--jobs", "1"], ["--jobs", "8"]], ids=" ".join)
def test_others_are_reported_if_the_time_is_up(clone: Clone, tmp_path: Path, options: list[str]) -> None:
    mirrored(clone)
    others(tmp_path, "other")
    with at_work(clone, 4):
        ended = fix("--all", "--wait", "0.3", *options)
    assert (ended.exit, ended.stderr, slugs(ended)) == (2, words(clone), ["other"])


def test_fetch_comes_after_the_wait(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    edit(other, "status: todo", "status: done")
    with at_work(clone, 0.5, lambda: publish(other)):
        ended = fix("clone", "--pull")
    assert (ended.exit, codes(ended), clone.head) == (0, [("C-11", "advanced")], other.head)


def test_what_the_other_run_has_left_on_record_counts(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    since = timezone.now() - timedelta(hours=30)
    origin.path.rename(origin.path.with_name("away.git"))

    def leave() -> None:
        try:
            Checkout.objects.update(unreachable_since=since)
        finally:
            connection.close()

    with at_work(clone, 0.5, leave):
        assert codes(fix("clone")) == [("C-26", "none")]
    assert Checkout.objects.get().unreachable_since == since


@pytest.mark.parametrize("value", ["-1", "soon", "", "nan", "1e9"])
def test_value_that_is_not_a_number_of_seconds(clone: Clone, value: str) -> None:
    ended = run("check_consistency", "clone", f"--wait={value}")
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert f"'{value}'" in ended.stderr


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, StringIO])
def test_terminal_is_told_which_checkout_waits(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, stream: Callable[[], StringIO]
) -> None:
    mirrored(clone)
    screen = stream()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    with at_work(clone, 0.5):
        assert fix("clone").exit == 0
    assert ("waiting for another run on clone" in screen.getvalue()) == (stream is Terminal)
