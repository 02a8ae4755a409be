"""One repository and one database in a temporary folder; the states that runs start from are saved and restored."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import repository
from bench.counted import SETTINGS
from bench.measure import LAST_WORDS, RunFailedError, Sample, timed
from testing.database import Database
from testing.environment import isolated

PROJECT = Path(__file__).resolve().parent.parent
SLUG = "bench"
HOST = "bench-host"


class Arena:
    """The live checkout (with its origin) and database under `folder`; both are always restored together."""

    def __init__(self, folder: Path, database: Database, *, seed: int, size: int) -> None:
        """Take an empty or missing folder; `size` is the number of workplans."""
        self._folder = folder
        self._live = folder / "live"
        self.database = database
        self.seed = seed
        self.size = size
        self.checkout = self._live / SLUG
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self._environment = isolated(home, url=database.url, host=HOST, var=self._live / "var")
        self._environment["DJANGO_SETTINGS_MODULE"] = SETTINGS

    def create(self) -> None:
        """Generate the repository and an empty, migrated database that knows it."""
        self.checkout.mkdir(parents=True)
        repository.create(self.checkout, self._live / "origin.git", seed=self.seed, size=self.size)
        self.database.create()
        self.manage("migrate", "--verbosity=0")
        self.manage("register_repo", str(self.checkout), "--slug", SLUG)

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

    def timed(self, *arguments: str) -> Sample:
        """Run the same Python once and return its cost."""
        return timed([sys.executable, *arguments], environment=self._environment, folder=PROJECT)

    def remove(self) -> None:
        """Free the space on disk."""
        shutil.rmtree(self._folder, ignore_errors=True)
