"""Modules that check_consistency loads: a run with nothing to do consists of start-up time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from statehub.models import Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.hub import Hub
from testing.manage import ROOT
from testing.repos import Clone
from tests.cli.helpers import FILE, TEXT, edit, mirrored, publish

ALLOWED = {
    "asgiref",  # Django's
    "consistency",
    "django",
    "environ",
    "pyromark",
    "statehub",
    "sqlparse",  # Django's
}
OF_POSTGRESQL = {"psycopg", "psycopg_binary", "cython_runtime", "typing_extensions"}
FORBIDDEN = (
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.test", "django.urls", "django.http", "django.core.mail",
    "consistency.reports.sarif_report", "consistency.reports.json_report", "rich", "psycopg", "yaml",
    "consistency.git.commit", "consistency.git.pull", "consistency.runs.push",
)  # fmt: skip
NOTHING_TO_DO = (
    "consistency.git.blame", "consistency.db.arrivals", "consistency.runs.stale_changes",
    "consistency.core.workplan.parse", "pyromark",
)  # fmt: skip
"""Modules that a run needs only if something moves."""

MOST_MODULES = {"check_consistency": 542, "fix_consistency": 564}
"""Modules that a check with nothing to do loads, and a fix of one task in each direction: Python's, Django's and ours.

On SQLite, and without those that Python has loaded at its start.
"""

WITH_NOTES = {FILE: TEXT, "workplans/README.md": "# Plans\n", "workplans/notes.md": "Not a workplan.\n"}

LIST = """
import sys
from django.core.management import execute_from_command_line
from manage import main
sys.argv = ["manage.py", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


def loaded(hub: Hub, *args: str) -> set[str]:
    """Return the modules in a process that has run the command."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    # -S would leave out site-packages; what coverage and editable installs load there is taken off below.
    run = subprocess.run(
        [sys.executable, "-c", LIST, *args], cwd=ROOT, env={**environment, "DATABASE_URL": hub.url}, check=True,
        text=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return set(run.stderr.split())


def at_start() -> set[str]:
    """Return the modules of a process that does nothing."""
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], check=True, text=True, capture_output=True, cwd=ROOT
    )
    return set(bare.stdout.split())


def top_level(modules: set[str]) -> set[str]:
    names = {name.partition(".")[0] for name in modules - at_start()}
    return {name for name in names if name not in sys.stdlib_module_names and not name.startswith("_")} - {"manage"}


@pytest.mark.parametrize("drift", [False, True], ids=["nothing to do", "drift"])
def test_check_loads_what_it_needs(hub: Hub, clone: Clone, drift: bool) -> None:
    mirrored(clone, WITH_NOTES)
    if drift:
        edit(clone, "status: todo", "status: done")
    modules = loaded(hub, "check_consistency", "clone")
    postgresql = set() if hub.url.startswith("sqlite:") else OF_POSTGRESQL
    assert top_level(modules) - ALLOWED - postgresql == set()
    assert sorted(modules.intersection(FORBIDDEN) - postgresql) == []
    assert drift or sorted(modules.intersection(NOTHING_TO_DO)) == []


def test_fix_with_nothing_to_do_loads_no_writeback(hub: Hub, clone: Clone) -> None:
    mirrored(clone, WITH_NOTES)
    modules = loaded(hub, "fix_consistency", "clone", "--push")
    unneeded = {"consistency.git.commit", "consistency.git.pull", *NOTHING_TO_DO}
    assert sorted(modules & unneeded) == []


def test_check_loads_few_modules(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    assert_few(loaded(hub, "check_consistency", "clone"), "check_consistency", hub)


def test_fix_of_both_sides_loads_few_modules(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    edit(clone, "status: todo", "status: done")
    publish(clone)
    advance(find_task("WP-1-T02"), "done", Actor("ada", Source.API))
    modules = loaded(hub, "fix_consistency", "clone")
    assert {"consistency.git.commit", "consistency.git.blame"} <= modules
    assert [(task.key, task.status) for task in Task.objects.order_by("key")] == [
        ("WP-1-T01", "done"),
        ("WP-1-T02", "done"),
    ]
    assert clone.read(FILE).count(b"status: done") == 2
    assert_few(modules, "fix_consistency", hub)


def assert_few(modules: set[str], command: str, hub: Hub) -> None:
    if hub.url.startswith("sqlite:"):
        added = sorted(modules - at_start())
        assert len(added) <= MOST_MODULES[command], " ".join(added)


def test_reports_load_only_their_own(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    modules = loaded(hub, "check_consistency", "clone", "--format", "json")
    assert {name for name in modules if name.startswith("consistency.reports.")} == {
        "consistency.reports.json_report", "consistency.reports.json_text", "consistency.reports.outcome",
        "consistency.reports.progress",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["tasks", "changes"])
def test_list_loads_nothing_of_the_web_nor_of_git(hub: Hub, clone: Clone, command: str) -> None:
    mirrored(clone)
    unneeded = set(FORBIDDEN) - (set() if hub.url.startswith("sqlite:") else OF_POSTGRESQL)
    modules = loaded(hub, command, "--repo", "clone")
    assert {name for name in modules if name.startswith(("web", "consistency.runs")) or name in unneeded} == set()


def test_retire_loads_nothing_of_the_web(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    modules = loaded(hub, "retire_checkout", "clone")
    assert {name for name in modules if name.partition(".")[0] == "web" or name in FORBIDDEN[:8]} == set()


def test_tools_on_stdio_load_nothing_of_the_web(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    modules = loaded(hub, "mcp")
    postgresql = set() if hub.url.startswith("sqlite:") else OF_POSTGRESQL
    assert top_level(modules) - ALLOWED - postgresql == set()
    assert sorted(modules.intersection(FORBIDDEN[:8])) == []
