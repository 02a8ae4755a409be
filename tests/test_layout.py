"""Every module is in the code map and in an import layer, and every test mirrors a module or says why not."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FOLDERS = {
    "browser": "the pages in a real browser",
    "concurrency": "a proof: many processes at once",
    "crash": "a proof: a failure at every effect",
    "fleet": "a proof: workers on several hosts while much goes wrong",
    "fuzz": "a proof: generated files",
    "multihost": "several machines and one hub",
    "production": "the settings of production, with the servers of docs/deployment.md",
    "security": "one test for each line of docs/security.md",
    "simulation": "a proof: random steps of users and machines",
}
"""Folders of tests that use the whole product, each with its subject."""

SUBJECTS = {
    "cli/test_asked.py": "arguments that contradict each other",
    "cli/test_codes.py": "each code through the real commands",
    "cli/test_database_restarts.py": "a database that restarts during a run",
    "cli/test_gates.py": "gates through the real commands",
    "cli/test_imports.py": "the modules that a command imports",
    "cli/test_locales.py": "file names in all locales",
    "cli/test_moved_checkout.py": "a checkout that was moved in the hub",
    "cli/test_near_misses.py": "C-23 and C-24 through the real commands",
    "cli/test_options.py": "options, and output to stdout, stderr and files",
    "cli/test_order.py": "depends, positions and who has a task, through the real commands",
    "cli/test_output.py": "a report in a folder that others can write to",
    "cli/test_protocol.py": "register_repo --protocol",
    "cli/test_quiet.py": "--verbosity 0 and exit statuses",
    "cli/test_registered_again.py": "register_repo on a repo that is registered",
    "cli/test_slow_remote.py": "remotes that stall or are slow",
    "cli/test_task_commands.py": "set_task_status and reopen_task",
    "cli/test_trouble.py": "errors that keep a command from running",
    "cli/test_unreachable.py": "C-26 through the real commands",
    "cli/test_unread.py": "unread files through the real commands",
    "cli/test_upstream.py": "fetch, pull and push through the real commands",
    "cli/test_wait.py": "--wait",
    "core/comparison/test_convergence.py": "any order of runs leads to the same end",
    "core/workplan/test_commonmark_spec.py": "the examples of the CommonMark specification",
    "core/workplan/test_fuzz.py": "the promises that tests/fuzz checks",
    "core/workplan/test_linear.py": "time that grows linearly with the file",
    "db/test_ids_in_nfc.py": "a migration",
    "db/test_take_over.py": "a migration",
    "git/test_crash_found.py": "defects that tests/crash found",
    "mcp/test_client.py": "the tools, called by the official client",
    "reports/test_escapes.py": "control characters in all reports",
    "reports/test_imports.py": "the modules that a report imports",
    "reports/test_terminal.py": "the text report on a terminal",
    "runs/test_counts.py": "queries and git processes of a run",
    "statehub/test_origins.py": "a migration",
    "test_deploy.py": "the files in deploy/",
    "test_design.py": "docs/design.md",
    "test_docs.py": "the documentation",
    "test_english.py": "plain English everywhere",
    "test_layout.py": "this test",
    "test_makefile.py": "the Makefile",
    "test_protocol_docs.py": "the session protocol's text",
    "test_setup.py": "make's set-up of .venv",
    "web/admin/test_bring_back.py": "an action of retire_actions",
    "web/admin/test_move_checkout.py": "the form of relocate",
    "web/admin/test_pages.py": "all lists and pages of the admin",
    "web/admin/test_unavailable.py": "pages without a database",
    "web/api/test_asked.py": "parameters and conditions of calls",
    "web/api/test_batch.py": "many reports in one call",
    "web/api/test_document.py": "the OpenAPI document",
    "web/api/test_live.py": "calls over real HTTP",
    "web/api/test_report_status.py": "scripts/report-status",
    "web/api/test_watch.py": "healthz, readyz and metrics",
    "web/hooks/test_command.py": "the command webhook",
    "web/hooks/test_live.py": "deliveries over real HTTP",
    "worker/test_webhooks.py": "pushes that webhooks announce, with real workers",
    "web/test_plans.py": "the indexes that the pages' queries use",
    "web/test_standard_names.py": "a migration",
}
"""Tests without a module of their name, each with its subject."""


def product_modules() -> list[str]:
    """List the modules of the product, as paths."""
    files = [file for folder in ("statehub", "consistency", "web") for file in (ROOT / folder).rglob("*.py")]
    paths = [str(file.relative_to(ROOT)) for file in files if file.name != "__init__.py"]
    return sorted(path for path in paths if "/migrations/" not in path)


def find_mirrored(test: str) -> list[str]:
    """List the modules or folders that *test* mirrors, as in `git/test_remote_push.py`: consistency/git/remote.py."""
    folder, _, name = test.removesuffix(".py").rpartition("test_")
    words = name.split("_")
    names = ["_".join(words[:number]) for number in range(1, len(words) + 1)]
    names += ["/".join((words[0], "_".join(words[1:])))]
    folders = [folder, f"consistency/{folder}"]
    if folder == "cli/":
        folders += ["consistency/management/commands/", "web/management/commands/"]
    paths = [f"{each}{name}" for each in folders for name in names]
    return [path for path in paths if (ROOT / f"{path}.py").is_file() or (ROOT / path / "__init__.py").is_file()]


def read_code_map() -> list[str]:
    """List the folders and files of the product in the code map."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page.partition("\n## Code map\n")[2].partition("\n## ")[0], re.MULTILINE)
    return [path for row in rows for path in re.findall(r"`([^`]+)`", row)]


def test_every_test_mirrors_a_module_or_is_listed() -> None:
    tests = sorted(str(file.relative_to(ROOT / "tests")) for file in (ROOT / "tests").rglob("test_*.py"))
    lost = [test for test in tests if test.partition("/")[0] not in FOLDERS and not find_mirrored(test)]
    assert sorted(SUBJECTS) == lost


def test_mirrored_modules() -> None:
    assert find_mirrored("git/test_remote_push.py") == ["consistency/git/remote"]
    assert find_mirrored("statehub/test_management_base.py") == ["statehub/management", "statehub/management/base"]
    assert find_mirrored("cli/test_prune_history.py") == ["consistency/management/commands/prune_history"]
    assert find_mirrored("git/test_nothing.py") == []


def test_every_module_is_in_the_code_map() -> None:
    paths = read_code_map()
    assert [path for path in paths if not (ROOT / path).exists()] == []
    folders = tuple(path for path in paths if path.endswith("/"))
    assert [path for path in product_modules() if path not in paths and not path.startswith(folders)] == []


def test_every_module_has_an_import_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [each for each in contracts if each["type"] == "layers" and "consistency" in each["containers"]]
    # import-linter then demands a layer for every module and folder of the container.
    assert [(each["exhaustive"], each["exhaustive_ignores"]) for each in layers] == [(True, ["apps", "migrations"])]


def test_every_name_in_a_text_of_the_tests_exists() -> None:
    """Tests replace parts of the product by name; after a renaming they would replace nothing."""
    files = [file for folder in ("tests", "testing", "bench", "demo") for file in (ROOT / folder).rglob("*.py")]
    named = re.compile(r'"((?:consistency|statehub|web)(?:\.[a-z_]+)+\.[A-Za-z_]\w*)"')
    names = {name for file in files for name in named.findall(file.read_text("utf-8"))}
    lost = []
    for name in sorted(names):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            lost.append(name)
    assert lost == []
