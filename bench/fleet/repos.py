"""The fleet: repos with a bare origin and their rows in the hub, and the people who push."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.repository import IDENTITY, GitFailedError, git
from bench.scale.size import HOSTS
from testing.workplans import workplan

PLANS, TASKS = 5, 10
"""Workplans of a repo, and tasks of each."""

COMMITTED_AT = 1767600000
"""5 January 2026."""


@dataclass(frozen=True)
class Fleet:
    """A number of repos below *folder*. Repo 7 has the slug `repo-0007`."""

    folder: Path
    number: int

    def origin(self, repo: int) -> Path:
        """Return the bare repository of *repo*."""
        return self.folder / "origins" / f"{repo}.git"

    def bare_clone(self, repo: int) -> Path:
        """Return a clone of *repo* that only fetches."""
        return self.folder / "fetched" / str(repo)

    def person(self, repo: int) -> Path:
        """Return the clone of a person who pushes to *repo*."""
        return self.folder / "people" / str(repo)

    @property
    def repos(self) -> Sequence[int]:
        """All repos."""
        return range(1, self.number + 1)

    def create(self) -> None:
        """Create repositories and rows; the first run makes the hub's own clones. Raises GitFailedError."""
        from consistency.runs.managed import find_new_place
        from statehub.models import Checkout, Repo

        template = self.folder / "template.git"
        template.mkdir(parents=True)
        git(template, "init", "--quiet", "--bare", "--initial-branch=main", "--template=")
        for folder in ("origins", "people", "fetched"):
            (self.folder / folder).mkdir()
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(self._create, self.repos))
        made = Repo.objects.bulk_create(
            Repo(
                slug=f"repo-{repo:04}", branch="main", remote=str(self.origin(repo)), origin=str(self.origin(repo))[:-4]
            )
            for repo in self.repos
        )
        Checkout.objects.bulk_create(
            Checkout(repo=row, host=HOSTS[0], path=find_new_place(row), managed=True) for row in made
        )

    def _create(self, repo: int) -> None:
        shutil.copytree(self.folder / "template.git", self.origin(repo))
        # The number is in the message, so that no two histories begin alike.
        self._commit(repo, f"Work of repo {repo}", {plan: [] for plan in range(PLANS)}, 0)

    def _clone(self, repo: int, path: Path) -> None:
        git(
            self.folder, "clone", "--quiet", "--single-branch", "--no-tags", "--template=",
            "--config=core.hooksPath=/dev/null", str(self.origin(repo)), str(path),
        )  # fmt: skip

    def copy_clones(self) -> None:
        """Copy the hub's own clones to those that only fetch."""
        from statehub.models import Checkout

        for slug, path in Checkout.objects.values_list("repo__slug", "path"):
            shutil.copytree(path, self.bare_clone(int(slug.rpartition("-")[2])), symlinks=True)

    def fetch_bare(self, threads: int) -> None:
        """Fetch in each of those, as fast as *threads* can."""
        with ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(
                    lambda repo: git(self.bare_clone(repo), "fetch", "--quiet", "--no-tags", "origin", "main"),
                    self.repos,
                )
            )

    def push_to_all(self, number: int) -> None:
        """Finish one task more in each repo, on the server itself; *number* counts these pushes, from 1."""
        plans = PLANS - 1  # The last is for the pushes of people.
        plan, done = number % plans, (number + plans - 1) // plans
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(
                threads.map(
                    lambda repo: self._commit(repo, f"Finish {number}", {plan: ["done"] * done}, number), self.repos
                )
            )

    def prepare_push(self, repo: int, status: str) -> None:
        """Let a person commit the *status* of a task of *repo*, without a push."""
        person = self.person(repo)
        if not person.exists():
            self._clone(repo, person)
        git(person, "pull", "--quiet", "--rebase")
        (person / _path(PLANS - 1)).write_text(_text(repo, PLANS - 1, [status]))
        git(person, "commit", "--quiet", "--all", "--message=Report")

    def push(self, repo: int) -> None:
        """Push what was prepared."""
        git(self.person(repo), "push", "--quiet", "origin", "main")

    def _commit(self, repo: int, message: str, plans: Mapping[int, Sequence[str]], number: int) -> None:
        parent = ["from refs/heads/main^0"] if number else []
        lines = ["commit refs/heads/main", f"committer Bench <bench@localhost> {COMMITTED_AT + number} +0000"]
        lines += [_data(message), *parent]
        for plan, first in plans.items():
            lines += [f"M 644 inline {_path(plan)}", _data(_text(repo, plan, first))]
        run = subprocess.run(
            ["git", "fast-import", "--quiet"],
            cwd=self.origin(repo),
            input="\n".join([*lines, ""]),
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise GitFailedError(run.stderr)


def _path(plan: int) -> str:
    return f"workplans/plan-{plan}.md"


def _text(repo: int, plan: int, first: Sequence[str]) -> str:
    """Return a workplan whose *first* tasks have these statuses."""
    statuses = [*first, *["todo"] * (TASKS - len(first))]
    return workplan(f"R{repo}-WP-{plan}", [(f"T{task:02}", status) for task, status in enumerate(statuses)])


def first_task(repo: int, plan: int) -> str:
    """Return the id of the first task of a workplan of *repo*."""
    return f"R{repo}-WP-{plan}-T00"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
