"""A team: a forge, people with clones, and a hub with a database, a web server and workers."""

import json
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg

from demo.fleet.forge import Forge
from demo.screen import Screen, without_colours
from demo.stage import CommandFailedError
from testing.manage import manage
from testing.postgres import server, with_name
from testing.repos import Clone, Origin
from testing.server import PRODUCTION, Server, serving
from testing.workers import WorkerProcess, wait_until, working

DATABASE = "demo_statehub_fleet"
WORKERS = 2
HUB = "hub-1"


class Company:
    """All of it, in one folder; commands of the hub's people are typed on its machine."""

    def __init__(self, folder: Path, screen: Screen, url: str, web: Server) -> None:
        """Take a hub with the database at *url* and the server *web*; it has no workers yet."""
        self._folder, self._screen, self._url, self._web = folder, screen, url, web
        self.forge = Forge(folder / "forge")
        self._workers: list[WorkerProcess] = []
        self._shown: list[int] = []
        self._token = self.manage_quietly("create_token", "assistant").strip()

    def manage(self, *arguments: str) -> str:
        """Type a command on the hub's machine; show it and return its output. Raises CommandFailedError."""
        self._screen.command(HUB, f"manage.py {shlex.join(arguments)}")
        output = self.manage_quietly(*arguments)
        self._screen.output(output)
        return without_colours(output)

    def manage_quietly(self, *arguments: str) -> str:
        """Run a command on the hub's machine and return its output. Raises CommandFailedError."""
        ended = manage(*arguments, env={"DATABASE_URL": self._url})
        if ended.exit:
            text = f"{ended.stdout}{ended.stderr}"
            raise CommandFailedError(f"manage.py {shlex.join(arguments)} exited with {ended.exit}\n{text}")
        return ended.stdout

    def add_webhook(self, repo: str) -> None:
        """Make a webhook in the hub, and paste it at the forge."""
        self._screen.command(HUB, f"manage.py webhook {repo} --format json")
        made = json.loads(self.manage_quietly("webhook", repo, "--format", "json"))
        self._screen.output(json.dumps({**made, "secret": f"{made['secret'][:4]}…"}))
        self.forge.add_webhook(repo, f"{self._web.url}{made['path']}", made["secret"])

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Start the workers; they end with the block."""
        with ExitStack() as stack:
            for number in range(1, WORKERS + 1):
                self._screen.command(HUB, "manage.py run_worker --concurrency 2 --verbosity 2 &")
                log = self._folder / f"worker-{number}.log"
                started = working(self._url, log, "--concurrency=2", "--verbosity=2")
                self._workers.append(stack.enter_context(started))
            self._shown = [0] * WORKERS
            yield

    def show_work(self) -> None:
        """Wait until the workers have nothing to do, and show what they have written since this was last called."""
        wait_until(lambda: not self._count_runs())
        for number, worker in enumerate(self._workers):
            lines = worker.text.splitlines()
            for line in lines[self._shown[number] :]:
                self._screen.note(f"worker {number + 1} | {line}")
            self._shown[number] = len(lines)

    def _count_runs(self) -> int:
        """Return the number of runs that wait or are at work."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'run_checkout'"
            ).fetchone()
        return int(row[0]) if row else 0

    def problems(self) -> list[str]:
        """Return the errors that workers and web server have written."""
        logs = [worker.text for worker in self._workers] + [self._web.log.read_text(errors="replace")]
        return [line for log in logs for line in log.splitlines() if "rror" in line or "Traceback" in line]

    def clone(self, person: str, repo: str) -> Clone:
        """Let a person clone a repository."""
        (self._folder / person).mkdir(exist_ok=True)
        clone = Clone(self._folder / person / repo)
        Origin(self.forge.path(repo)).git("clone", "--quiet", str(self.forge.path(repo)), str(clone.path))
        clone.git("config", "user.name", person.capitalize())
        return clone

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API with a token, and return the answer. Raises CommandFailedError."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = HTTPConnection("127.0.0.1", self._web.port, timeout=30)
        try:
            connection.request(method, f"/api/{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise CommandFailedError(f"{method} /api/{path} was answered {answer.status}: {text.decode()}")
        return json.loads(text)

    def report(self, task: str, status: str) -> None:
        """Report a status through the API."""
        body = {"status": status}
        self._screen.command("assistant", f"PATCH /api/tasks/{task}/ {json.dumps(body)}")
        self.call("PATCH", f"tasks/{task}/", body)

    def statuses(self, repo: str) -> dict[str, str]:
        """Return the hub's status of each task of a repo, by id, as the API shows it."""
        found: list[dict[str, Any]] = self.call("GET", f"tasks/?repo={repo}&limit=500")
        return {task["key"]: task["status"] for task in found}


@contextmanager
def open_company(folder: Path, screen: Screen) -> Iterator[Company]:
    """Start database and web server; they end with the block. Raises UnavailableError, StartError."""
    with _database() as url:
        os.environ.update(PRODUCTION, DATABASE_URL=url, STATEHUB_CLONES=str(folder / "clones"))
        started = time.monotonic()
        ended = manage("migrate", "--verbosity=0")
        if ended.exit:
            raise CommandFailedError(f"manage.py migrate exited with {ended.exit}\n{ended.stderr}")
        with serving(os.environ, folder, workers=1) as web:
            screen.note(f"PostgreSQL and a web server on {web.url}, ready after {time.monotonic() - started:.1f} s")
            yield Company(folder, screen, url, web)


@contextmanager
def _database() -> Iterator[str]:
    """Yield the URL of an empty database, on a server of its own or on the one of TEST_DATABASE_URL."""
    with server() as url:
        drop = f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)'
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(drop.encode())
            connection.execute(f'CREATE DATABASE "{DATABASE}"'.encode())
        try:
            yield with_name(url, DATABASE)
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(drop.encode())
