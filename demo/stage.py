"""The demo's machines: a bare origin, two clones, one hub, all in one folder with a HOME of its own."""

import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from demo.screen import Screen, without_colours
from testing.environment import isolated

PROJECT = Path(__file__).resolve().parent.parent
REPO = "orders"
WORKPLAN = "workplans/ORD-WP-0001-receipts.md"
GIT_CONFIG = """\
[user]
\tname = Demo
\temail = demo@localhost
[init]
\tdefaultBranch = main
[pull]
\tff = only
[advice]
\tdetachedHead = false
"""


class CommandFailedError(RuntimeError):
    """A command of the demo exited with another status than 0; its output has been shown."""


class Stage:
    """The folder with everything in it, and the commands that people type there."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        """Take an empty folder."""
        self._folder = folder
        self._screen = screen
        self._hub = folder / "hub" / "hub.sqlite3"
        self.origin = folder / "origin" / f"{REPO}.git"
        home = folder / "home"
        for made in (home, self._hub.parent, self.origin.parent):
            made.mkdir(parents=True)
        (home / ".gitconfig").write_text(GIT_CONFIG)

    def checkout(self, machine: str) -> Path:
        """Return the clone on this machine."""
        return self._folder / machine / REPO

    def workplan(self, machine: str) -> Path:
        """Return the workplan in the clone on this machine."""
        return self.checkout(machine) / WORKPLAN

    def clone(self, machine: str) -> None:
        """Clone the origin onto a machine that has nothing yet."""
        self.checkout(machine).parent.mkdir()
        self.quietly(machine, "git", "clone", "--quiet", str(self.origin), REPO, folder=self.checkout(machine).parent)

    def migrate(self, machine: str) -> None:
        """Make the hub's tables."""
        self.manage_quietly(machine, "migrate", "--verbosity=0")

    def manage(self, machine: str, *arguments: str) -> str:
        """Type a command of State Hub in the clone on this machine; show it and return its output."""
        command = [sys.executable, str(PROJECT / "manage.py"), *arguments]
        return self._type(machine, command, f"manage.py {shlex.join(arguments)}")

    def manage_quietly(self, machine: str, *arguments: str) -> str:
        """Run a command of State Hub behind the scenes and return its output; raises `CommandFailedError`."""
        return self.quietly(machine, sys.executable, str(PROJECT / "manage.py"), *arguments)

    def git(self, machine: str, *arguments: str) -> str:
        """Type a git command in the clone on this machine; show it and return its output."""
        return self._type(machine, ["git", *arguments], f"git {shlex.join(arguments)}")

    def quietly(self, machine: str, *command: str, folder: Path | None = None) -> str:
        """Run a command outside of the story and return its output; raises `CommandFailedError`."""
        run = subprocess.run(
            command,
            check=False,
            cwd=folder or self.checkout(machine),
            env=self._environment(machine),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if run.returncode:
            raise CommandFailedError(f"{shlex.join(command)} exited with {run.returncode}\n{run.stdout}")
        return run.stdout

    def head(self, machine: str) -> str:
        """Return HEAD's commit in the clone on this machine."""
        return self.quietly(machine, "git", "rev-parse", "HEAD").strip()

    def hub_statuses(self) -> dict[str, str]:
        """Return the hub's status of each task, by id."""
        with closing(sqlite3.connect(self._hub)) as connection:
            return dict(connection.execute("SELECT key, status FROM statehub_task ORDER BY key"))

    def _type(self, machine: str, command: list[str], typed: str) -> str:
        self._screen.command(machine, typed)
        output = self.quietly(machine, *command)
        self._screen.output(output)
        return without_colours(output)

    def _environment(self, machine: str) -> dict[str, str]:
        """Return the environment on this machine, with colours as on our own screen."""
        found = isolated(self._folder / "home", url=f"sqlite:///{self._hub}", host=machine, var=self._hub.parent)
        if self._screen.coloured:
            found |= {"FORCE_COLOR": "1"}
            found |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "color.ui", "GIT_CONFIG_VALUE_0": "always"}
        return found
