"""The machines of a campaign: a forge of bare repositories, a hub with a server and a database, hosts with workers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

from testing.manage import manage
from testing.repos import Clone, Origin, make_origin
from testing.workers import WorkerProcess, working
from testing.workplans import workplan

HOSTS, WORKERS = ("host-1", "host-2"), 2
"""The hosts, and the workers of each."""

WORKPLANS, TASKS = 2, 4
"""In each repo, and in each workplan."""

POLL_SECONDS = 2
DISK_BYTES = 96 << 20
"""Size of the disk of the second host."""

_BLOCK = re.compile(r"^id: (\S+-T\d\d)\nstatus: (\w+)$", re.MULTILINE)


@dataclass
class World:
    """All machines. `webhooks` has path and secret of each repo's webhook, `proposing` are repos with proposals."""

    folder: Path
    url: str
    origins: dict[str, Origin]
    proposing: frozenset[str]
    has_small_disk: bool
    webhooks: dict[str, tuple[str, str]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)
    """Logs of all workers, those that were killed too."""

    @property
    def pushes(self) -> Path:
        """The file with a line for each push: the slug."""
        return self.folder / "pushes"

    def home(self, host: str) -> Path:
        """Return the folder of a host; that of the second one may be a small disk."""
        return self.folder / host

    def environment(self, host: str) -> dict[str, str]:
        """Return the variables of a process on *host*."""
        return {
            "DATABASE_URL": self.url,
            "STATEHUB_HOST": host,
            "STATEHUB_VAR": str(self.home(host) / "var"),
            "STATEHUB_CLONES": str(self.home(host) / "clones"),
            "STATEHUB_POLL_SECONDS": str(POLL_SECONDS),
        }

    def manage(self, host: str, *arguments: str) -> str:
        """Run a command on *host*, which must go well, and return its output. Raises RuntimeError."""
        ended = manage(*arguments, env=self.environment(host))
        if ended.exit:
            raise RuntimeError(f"{' '.join(arguments)} on {host} ended with {ended.exit}: {ended.stderr}")
        return ended.stdout

    def start_worker(self, host: str, stack: ExitStack) -> WorkerProcess:
        """Start a worker on *host*; it ends with the *stack*."""
        log = self.folder / f"worker-{len(self.logs)}-of-{host}.log"
        self.logs.append(log)
        environment = self.environment(host)
        return stack.enter_context(
            working(self.url, log, "--concurrency=2", "--verbosity=2", env=environment, wait=False)
        )

    def restart_database(self) -> None:
        """Kill one of the server's processes: it ends them all, and begins again."""
        folder = Path(parse_qs(urlsplit(self.url).query)["host"][0])
        process = (folder / "data/postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if children:
            subprocess.run(["kill", "-9", children[0]], check=False)

    def statuses(self, slug: str) -> dict[str, str]:
        """Return the status of each task in the files of the repo's branch."""
        origin = self.origins[slug]
        files = origin.git("ls-tree", "-r", "--name-only", "main", "workplans/").splitlines()
        return dict(_BLOCK.findall("\n".join(origin.git("show", f"main:{file}") for file in files)))


def statuses_in(clone: Clone) -> dict[str, str]:
    """Return the status of each task in the files of *clone*."""
    texts = (path.read_text() for path in sorted((clone.path / "workplans").glob("*.md")))
    return {task: status for text in texts for task, status in _BLOCK.findall(text)}


def set_status(clone: Clone, task: str, status: str) -> None:
    """Set the status of *task* in its file."""
    path = clone.path / "workplans" / f"{task.rpartition('-')[0]}.md"
    path.write_text(re.sub(rf"(?m)^(id: {task}\nstatus: )\w+$", rf"\g<1>{status}", path.read_text()))


@contextmanager
def build(folder: Path, url: str, repos: int, seed: int) -> Iterator[World]:
    """Make *repos* repos that the hub at *url* knows: some on both hosts, some that are proposed to."""
    origins = {f"repo-{number:02}": make_origin(folder / "forge" / f"repo-{number:02}.git") for number in range(repos)}
    chance = Random(f"{seed}-world")
    proposing = frozenset(chance.sample(sorted(origins), max(1, repos // 5)))
    for host in HOSTS:
        (folder / host).mkdir()
    with _small_disk(folder / HOSTS[1]) as is_small:
        world = World(folder, url, origins, proposing, is_small)
        world.pushes.touch()
        both = set(chance.sample(sorted(origins), max(1, repos // 4)))
        for number, (slug, origin) in enumerate(origins.items()):
            _plan(world, origin, slug)
            writeback = "propose" if slug in proposing else "push"
            for host in HOSTS if slug in both else [HOSTS[number % len(HOSTS)]]:
                world.manage(
                    host, "register_repo", "--remote", str(origin.path), "--slug", slug, "--writeback", writeback
                )
        for host in HOSTS:
            world.manage(host, "fix_consistency", "--all", "--fail-on", "never")
        _add_webhooks(world)
        yield world


def _plan(world: World, origin: Origin, slug: str) -> None:
    clone = origin.clone(f"first-{slug}")
    for number in range(WORKPLANS):
        key = f"{slug.replace('repo-', 'R').upper()}-WP-{number}"
        clone.write(f"workplans/{key}.md", workplan(key, [(f"T{each:02}", "todo") for each in range(TASKS)]))
    clone.commit("Plan")
    clone.push()
    world.tasks += sorted(statuses_in(clone))
    hook = origin.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho {slug} >>{shlex.quote(str(world.pushes))}\n")
    hook.chmod(0o755)


def _add_webhooks(world: World) -> None:
    from statehub.models import Repo
    from web.hooks.webhooks import create_webhook, get_path

    for repo in Repo.objects.all():
        webhook, secret = create_webhook(repo, "generic")
        world.webhooks[repo.slug] = (get_path(webhook), secret)


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk at *folder* if this user may; the value says whether it is one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "statehub-fleet", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
