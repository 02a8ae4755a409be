"""A hub behind a real server, with real repositories, and Debian's Chromium as the browser.

Not part of `make test`: they need a browser. `make test-browser` runs them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testing.hub import Hub
from testing.manage import ROOT
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.workplans import workplan

PASSWORD = "correct horse battery"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"


@dataclass(frozen=True)
class Site:
    """A served hub: its address, and the checkout that has something to find."""

    url: str
    hub: Hub
    clone: Clone


@pytest.fixture(scope="session", autouse=True)
def _loop_is_not_ours() -> None:
    """The browser's driver runs an event loop in this thread, which Django takes for one that it would block."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the tests have already pinned their environment


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's browser: nothing is ever downloaded."""
    quiet = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update")
    arguments = [f"--{name}" for name in (*quiet, "disable-sync", "no-sandbox")]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": arguments}


@pytest.fixture
def site(hub: Hub, clone: Clone, new_origin: Callable[[str], Bare], tmp_path: Path) -> Iterator[Site]:
    """A hub with drift of several kinds in it, served on this machine alone."""
    _fill(hub, clone, new_origin)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "DATABASE_URL": hub.url, "PYTHONWARNINGS": "ignore"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait_for(f"{url}/admin/login/", server)
        yield Site(url, hub, clone)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _fill(hub: Hub, clone: Clone, new_origin: Callable[[str], Bare]) -> None:
    from django.contrib.auth.models import Group, User

    for name in ("viewer", "operator"):
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
        user.groups.add(Group.objects.get(name=name))
    hostile = "<img src=x onerror=alert(1)> \u202eevil"
    tasks = [{"id": "T01", "title": f"'{hostile}'"}, {"id": "T02"}, {"id": "T03"}]
    _publish(clone, "WP-1", tasks)
    assert hub.manage("register_repo", clone.path, "--slug", "net-kingdom").exit == 0
    assert hub.manage("fix_consistency", "--all").exit == 0
    for task, status in (("WP-1-T01", "done"), ("WP-1-T02", "in_progress")):
        assert hub.manage("set_task_status", task, status).exit == 0
    assert hub.manage("fix_consistency", "--all").exit == 0  # writes both back
    assert hub.manage("set_task_status", "WP-1-T03", "done").exit == 0
    assert hub.manage("check_consistency", "--all").exit == 0  # an open C-13
    away = new_origin("away").clone("gone")
    _publish(away, "WP-9", [{"id": "T01", "status": "done"}])
    assert hub.manage("register_repo", away.path, "--slug", "left-behind").exit == 0
    assert hub.manage("fix_consistency", "left-behind").exit == 0
    assert hub.manage("check_consistency", "left-behind", env={"STATEHUB_TRIGGER": "cron"}).exit == 0
    shutil.rmtree(away.path)
    hub.manage("check_consistency", "left-behind")


def _publish(clone: Clone, key: str, tasks: list[dict[str, str]]) -> None:
    clone.write(f"workplans/{key}.md", workplan(key, tasks=tasks))
    clone.commit()
    clone.push()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        else:
            return


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's plugin defines its fixtures in a way that a later pytest will refuse; we pin both."""
    words = "ignore:Session-scoped fixtures defined as instance methods:pytest.PytestRemovedIn10Warning"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(words))
