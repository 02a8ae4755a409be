"""Places in which commands run and are timed; one repository with one database, whose states are saved and restored."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import repository
from bench.counted import SETTINGS
from bench.generate import TASKS_PER_WORKPLAN, Workplan, workplans
from bench.measure import LAST_WORDS, RunFailedError, Sample, timed
from testing.database import Database
from testing.environment import isolated

PROJECT = Path(__file__).resolve().parent.parent
SLUG = "bench"
HOST = "bench-host"


class Workshop:
    """A folder and a database; commands run away from the user's settings."""

    def __init__(self, folder: Path, database: Database, *, seed: int) -> None:
        """Take an empty or missing folder."""
        self._folder = folder
        self.database = database
        self.seed = seed
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self._environment = isolated(home, url=database.url, host=HOST, var=folder / "var")
        self._environment["DJANGO_SETTINGS_MODULE"] = SETTINGS

    def manage(self, *arguments: str) -> str:
        """Run `manage.py`, untimed, and return what it printed; raises `RunFailedError`."""
        return self.python(str(PROJECT / "manage.py"), *arguments)

    def python(self, *arguments: str, path: str | None = None) -> str:
        """Run the same Python, untimed, on `path` if given, and return what it printed; raises `RunFailedError`."""
        environment = self._environment | ({"PATH": path} if path else {})
        command = [sys.executable, *arguments]
        run = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        if run.returncode:
            raise RunFailedError(
                f"{' '.join(arguments)} exited with {run.returncode}: {run.stderr.strip()[-LAST_WORDS:]}"
            )
        return run.stdout

    def timed(self, *command: str) -> Sample:
        """Run a command once and return its cost; raises `RunFailedError`."""
        return timed(command, environment=self._environment, folder=PROJECT)

    def remove(self) -> None:
        """Free the space on disk."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Arena(Workshop):
    """The live checkout (with its origin) and database under `folder`; both are always restored together."""

    def __init__(self, folder: Path, database: Database, *, seed: int, size: int, plain: bool = False) -> None:
        """Take an empty or missing folder; `size` is the number of workplans, all of them `plain` or varied."""
        super().__init__(folder, database, seed=seed)
        self._live = folder / "live"
        self._environment["STATEHUB_VAR"] = str(self._live / "var")
        self.size = size
        self.plain = plain
        self.checkout = self._live / SLUG

    @property
    def tasks(self) -> int:
        """The number of tasks in all workplans."""
        return self.size * TASKS_PER_WORKPLAN

    @property
    def workplans(self) -> list[Workplan]:
        """The workplans that `create` writes."""
        return workplans(self.seed, range(self.size), plain=self.plain)

    def create(self) -> None:
        """Generate the repository, and an empty database without tables; what was there is replaced."""
        shutil.rmtree(self._live, ignore_errors=True)
        self.checkout.mkdir(parents=True)
        repository.create(self.checkout, self._live / "origin.git", self.workplans)
        self.database.create()

    def head(self) -> str:
        """Return the commit that is checked out."""
        return repository.git(self.checkout, "rev-parse", "HEAD")

    def save(self, state: str) -> None:
        """Keep files and database as they are now, under a name."""
        repository.copy(self._live, self._folder / state)
        self.database.save(state)

    def restore(self, state: str) -> None:
        """Bring files and database back to a saved state, so that the next run pays nothing for the copying."""
        repository.copy(self._folder / state, self._live)
        repository.settle(self.checkout)
        self.database.restore(state)
        os.sync()
