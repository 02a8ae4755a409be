"""Real clones of the hub's repos for one host: each with an origin beside it, and the files that the hub's rows say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.repository import IDENTITY, GitFailedError, git, settle
from testing.workplans import workplan

COMMITTED_AT = "1767600000 +0000"
"""5 January 2026; all files are of that commit."""

Files = Mapping[str, str]
"""The texts of a repository's files, by path."""


@dataclass(frozen=True)
class Clones:
    """The folders of the clones and their origins, by the repo's id."""

    folder: Path

    @property
    def origins(self) -> Path:
        """Return the folder of the origins; the hub writes their addresses without `.git`."""
        return self.folder / "origins"

    @property
    def checkouts(self) -> Path:
        """Return the folder of the clones."""
        return self.folder / "checkouts"

    def create(self, repos: Sequence[int]) -> None:
        """Create the clones of *repos*. Raises GitFailedError."""
        template = self.folder / "template.git"
        template.mkdir(parents=True)
        git(template, "init", "--quiet", "--bare", "--initial-branch=main", "--template=")
        self.checkouts.mkdir()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda pair: self._create(template, *pair), _files_of(repos)):
                pass

    def _create(self, template: Path, repo: int, files: Files) -> None:
        origin, checkout = self.origins / f"{repo}.git", self.checkouts / str(repo)
        shutil.copytree(template, origin)
        _import(origin, repo, files)
        git(self.checkouts, "clone", "--quiet", "--template=", str(origin), str(checkout))
        settle(checkout)

    def finish_one_task(self, repos: Sequence[int]) -> list[Any]:
        """Finish one task in a file of each of *repos*, commit and push it; return the tasks' ids."""
        from statehub.models import Task

        finished = []
        for repo in repos:
            task = Task.objects.filter(workstream__repo=repo, status="todo").select_related("workstream")[:1].get()
            checkout = self.checkouts / str(repo)
            file = checkout / task.workstream.path
            before, key, after = file.read_text().partition(f"id: {task.key}\n")
            file.write_text(before + key + after.replace("status: todo", "status: done", 1))
            git(checkout, "commit", "--quiet", "--all", f"--message=Finish {task.key}")
            git(checkout, "push", "--quiet", "origin", "HEAD")
            settle(checkout)
            finished.append(task.pk)
        return finished


def _files_of(repos: Sequence[int]) -> Iterator[tuple[int, Files]]:
    """Yield each of *repos* with the files that say what the hub has."""
    from statehub.models import Task

    columns = ("path", "key", "title", "status", "domain", "owner")
    for repo in repos:
        plans: dict[tuple[Any, ...], list[Mapping[str, str]]] = defaultdict(list)
        rows = Task.objects.filter(workstream__repo=repo).order_by("workstream__key", "key")
        for *plan, key, title, status, priority in rows.values_list(
            *(f"workstream__{column}" for column in columns), "key", "title", "status", "priority"
        ):
            plans[tuple(plan)].append({"id": key, "status": status, "heading": title, "priority": priority})
        yield (
            repo,
            {
                path: workplan(key, tasks, title=title, status=status, domain=domain, owner=owner)
                for (path, key, title, status, domain, owner), tasks in plans.items()
            },
        )


def _import(origin: Path, repo: int, files: Files) -> None:
    """Commit *files* in one pack. The repo's id is in the message, so that no two histories begin alike."""
    lines = ["commit refs/heads/main", f"committer Bench <bench@localhost> {COMMITTED_AT}"]
    lines += [_data(f"Work of repo {repo}")]
    for path, text in files.items():
        lines += [f"M 644 inline {path}", _data(text)]
    command = ["git", "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet"]
    run = subprocess.run(
        command,
        cwd=origin,
        input="\n".join([*lines, ""]),
        env={**os.environ, **IDENTITY},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise GitFailedError(run.stderr)


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
