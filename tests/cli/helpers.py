"""Runs the commands in this process, and compares their JSON reports and what they leave as whole values."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db.models import Model

from consistency.models import Finding, LedgerEntry, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from testing.environment import HOST
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.templates import make_once
from testing.workplans import workplan

Json = dict[str, Any]

FILE = "workplans/a.md"
TEXT = workplan("WP-1", [("T01", "todo"), ("T02", "in_progress")])
"""One workplan; the status of its T01 is in line 14, that of its T02 in line 21."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def cannot_run(line: str) -> Ended:
    """Result of a command that cannot run."""
    return Ended(2, "", f"error: {line}\n")


def run(name: str, *args: str | Path) -> Ended:
    """Return the command *name*, in this process and on the test's hub."""
    out, err = StringIO(), StringIO()
    module = import_module(f"{get_commands()[name]}.management.commands.{name}")
    command: BaseCommand = module.Command(stdout=out, stderr=err)
    try:
        call_command(command, *map(str, args), stdout=out, stderr=err)
    except SystemExit as end:
        return Ended(int(end.code or 0), out.getvalue(), err.getvalue())
    return Ended(0, out.getvalue(), err.getvalue())


def check(*args: str | Path) -> Ended:
    """Run `check_consistency` with a JSON report."""
    return run("check_consistency", "--format", "json", *args)


def fix(*args: str | Path) -> Ended:
    """Run `fix_consistency` with a JSON report."""
    return run("fix_consistency", "--format", "json", *args)


def mirrored(clone: Clone, files: Mapping[str, str] | None = None) -> Clone:
    """Return *clone* with *files* (default: FILE with TEXT) committed, pushed, and taken into the hub."""
    wanted = files or {FILE: TEXT}

    def make() -> None:
        for path, text in wanted.items():
            clone.write(path, text)
        clone.commit("Plan")
        clone.push()
        assert fix("--path", clone.path).exit == 0

    make_once(tuple(wanted.items()), Origin(clone.path.with_name("origin.git")), [clone.path.name], make)
    return clone


def clone_with_plan(origin: Origin) -> Clone:
    """Return a clone `person`, from which FILE with TEXT was pushed; the hub knows nothing of it."""
    path = origin.path.with_name("person")

    def make() -> None:
        clone = origin.clone(path.name)
        clone.write(FILE, TEXT)
        clone.commit("Plan")
        clone.push()

    make_once("a pushed plan", origin, [path.name], make)
    return Clone(path)


def document(ended: Ended) -> Json:
    """Return the report without what differs from run to run; each run's id must be that of a row, with its outcome."""
    report: Json = json.loads(ended.stdout)
    for name in ("started_at", "finished_at"):
        assert _TIME.fullmatch(report.pop(name))
    for repo in report["repos"]:
        row = Run.objects.get(pk=repo.pop("run_id"))
        assert (row.mode, row.outcome, row.converged) == (report["mode"], repo["outcome"], repo["converged"])
        assert (row.head, row.freshness) == (repo["head"] or "", repo["freshness"] or "")
        assert (row.ahead, row.behind, row.counts) == (repo["ahead"], repo["behind"], repo["counts"])
        assert row.finished_at is not None
    return report


def findings(ended: Ended) -> list[Json]:
    """Return the findings of all repos in the report."""
    return [finding for repo in json.loads(ended.stdout)["repos"] for finding in repo["findings"]]


def codes(ended: Ended) -> list[tuple[str, str]]:
    """List code and action of each finding in the report."""
    return [(finding["code"], finding["action"]) for finding in findings(ended)]


def finding(
    code: str, message: str, line: int | None = None, *, severity: str = "WARN", file: str | None = FILE,
    workplan: str | None = "WP-1", task: str | None = None, db: str | None = None, says: str | None = None,
    action: str = "none",
) -> Json:  # fmt: skip
    """Return one finding as the report has it; *db* and *says* are the two statuses."""
    return {
        "code": code, "severity": severity, "message": message, "file": file, "line": line, "workplan": workplan,
        "task": task, "db_status": db, "file_status": says, "action": action,
    }  # fmt: skip


def report(mode: str, *repos: Json) -> Json:
    """Return the whole report, as `document` gives it."""
    severities = Counter(finding["severity"] for repo in repos for finding in repo["findings"])
    summary = {"repos": len(repos), **{name: severities[name] for name in ("FAIL", "WARN", "INFO")}}
    return {"version": 1, "mode": mode, "host": HOST, "repos": list(repos), "summary": summary}


def repo_report(clone: Clone, found: Iterable[Json] = (), **fields: Any) -> Json:
    """Return one repo's part of the report; *fields* differ from those of a fresh clone without drift."""
    listed = list(found)
    return {
        "slug": clone.path.name, "path": str(clone.path), "outcome": "ok", "converged": not listed,
        "freshness": "fresh", "head": None if "head" in fields else clone.head, "ahead": 0, "behind": 0,
        "writeback_commit": None, "counts": dict(sorted(Counter(each["code"] for each in listed).items())),
        "findings": listed, **fields,
    }  # fmt: skip


def rows(*models: type[Model]) -> dict[str, list[Json]]:
    """Return all rows of *models*, whole."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def hub_rows() -> dict[str, list[Json]]:
    """Return all that a check must not change: what the hub mirrors, and the ledger; not how its fetches went."""
    found = rows(Repo, Checkout, Workstream, Task, StatusChange, LedgerEntry)
    for checkout in found["Checkout"]:
        del checkout["unreachable_since"], checkout["fetch_timeouts"]
    return found


def episodes() -> list[tuple[str, str, int]]:
    """List code, resolution ('' while open) and times seen of each episode, in the order of their beginnings."""
    found = Finding.objects.order_by("pk").values_list("code", "resolution", "times_seen")
    assert not Finding.objects.filter(resolved_at=None).exclude(resolution="", resolved_by=None).exists()
    assert not Finding.objects.exclude(resolved_at=None).filter(resolution="").exists()
    return list(found)


def statuses() -> dict[str, str]:
    """Return task id → status in the hub."""
    return dict(Task.objects.order_by("key").values_list("key", "status"))


def tree(clone: Clone) -> tuple[str, list[str], dict[str, bytes]]:
    """Return HEAD, dirt and files of the work tree."""
    files = sorted(path for path in clone.path.rglob("*") if path.is_file() and ".git" not in path.parts)
    return clone.head, clone.status(), {str(path): path.read_bytes() for path in files}


def edit(clone: Clone, old: str, new: str, path: str = FILE) -> None:
    """Replace *old*, which is there once, by *new* in a file."""
    text = clone.read(path).decode()
    assert text.count(old) == 1
    clone.write(path, text.replace(old, new))


def publish(clone: Clone, message: str = "Change") -> None:
    """Commit all there is and push it."""
    clone.commit(message)
    clone.push()
