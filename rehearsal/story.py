"""A team of three with five repos and two machines, from nothing to an upgrade, by the commands of the page alone."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from rehearsal.page import blocks_of, read_blocks
from rehearsal.stage import NAME, ROOT, Addresses, Ended, Machine, RehearsalError, make_certificate
from rehearsal.visitor import Visitor
from testing.postgres import server

PROXIES = ("nginx", "caddy")
REPOS = {"orders": "ORD", "billing": "BIL", "catalog": "CAT", "mobile": "MOB", "website": "WEB"}
TASK = "ORD-WP-0001-T01"
"""The task that the page reports."""
TASKS = [f"{short}-WP-0001-T0{number}" for short in REPOS.values() for number in (1, 2, 3)]
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a person who is not there
MOST_TICKS = 3
NEWER = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("consistency", "{last}")]
    operations = [migrations.RunSQL("CREATE TABLE newer (id integer)", "DROP TABLE newer")]
"""


class Team:
    """The stage with all that is on it."""

    def __init__(self, folder: Path, stack: ExitStack, proxy: str) -> None:
        """Make the git server, an empty PostgreSQL, and machines with nothing on them, in *folder*."""
        self.proxy, self._folder = proxy, folder
        self.addresses = Addresses.free()
        make_certificate(folder / "tls")
        _make_origins(folder / "git", folder / "people")
        url = stack.enter_context(server(superuser="postgres", tcp_port=self.addresses.postgres))
        self.database = self._machine("database", **_postgres_settings(url))
        self.hub = self._machine("hub", GUNICORN_CMD_ARGS=f"--bind=127.0.0.1:{self.addresses.web}")
        self.machines = [self._machine("alder"), self._machine("birch")]
        self.laptop = self._machine("laptop")
        for machine in (self.hub, *self.machines):
            stack.callback(machine.stop)
        certificates = self.hub.root / "etc/ssl" / NAME
        certificates.mkdir(parents=True)
        for file in (folder / "tls").iterdir():
            (certificates / file.name).write_bytes(file.read_bytes())
        self.tokens: dict[str, str] = {}
        self.played: set[tuple[str, ...]] = set()

    def visitor(self) -> Visitor:
        """Return a new visitor of the proxy."""
        return Visitor(self.addresses.https, self._folder / "tls/fullchain.pem")

    def do(self, machine: Machine, *labels: str, **options: str) -> str:
        """Run the page's blocks with these labels on *machine*; what they printed."""
        self.played.add(labels)
        return "".join(machine.do(block, **options) for block in blocks_of(*labels))

    def on_machines(self, work: Callable[[Machine], Any]) -> list[Any]:
        """Do *work* on all machines in parallel and return the results."""
        with ThreadPoolExecutor(len(self.machines)) as pool:
            return list(pool.map(work, self.machines))

    def report(self, person: str, task: str, status: str) -> None:
        """Report as *person*, with the page's own command but another task and status."""
        (block,) = blocks_of("person")
        self.played.add(block.labels)
        for name in (TASK, '"done"'):
            expect(name in block.text, True, f"the page's report names {name}")
        text = block.text.replace(TASK, task).replace('"done"', f'"{status}"')
        ended = self.laptop.run(text, environment={"STATEHUB_TOKEN": self.tokens[person]})
        expect((ended.exit, f'"{status}"' in ended.stdout), (0, True), f"{person} reports {task}: {ended}")

    def hub_statuses(self) -> dict[str, str]:
        """Return the hub's status of each task, by its API."""
        tasks = self.visitor().api("/api/tasks/?limit=500", self.tokens["ada"])
        return {task["key"]: task["status"] for task in tasks}

    def file_statuses(self) -> dict[str, str]:
        """Return the status of each task on the branches of the git server."""
        return {
            key: status
            for repo in REPOS
            for key, status in _statuses(
                _git(self._folder / f"git/{repo}.git", "show", "main:workplans/plan.md")
            ).items()
        }

    def clone_statuses(self, machine: Machine) -> dict[str, str]:
        """Return the status of each task in the files of a machine's clones."""
        files = [machine.root / f"srv/checkouts/{repo}/workplans/plan.md" for repo in REPOS]
        return {key: status for file in files for key, status in _statuses(file.read_text()).items()}

    def person_writes(self, repo: str, task: str, status: str) -> None:
        """Edit a plan in a person's own clone, and push."""
        clone = self._folder / "people" / repo
        _git(clone, "pull", "-q", "--ff-only")
        file = clone / "workplans/plan.md"
        file.write_text(re.sub(rf"(id: {task}\nstatus: )\w+", rf"\g<1>{status}", file.read_text()))
        _git(clone, "commit", "-qam", f"{task} is {status}")
        _git(clone, "push", "-q")

    def publish_newer_version(self) -> str:
        """Publish a newer State Hub, with a migration, on the git server; return the migration's name."""
        folder = self._folder / "people/state-hub"
        last = max(file.stem for file in (folder / "consistency/migrations").glob("[0-9]*.py"))
        (folder / "consistency/migrations/9000_newer.py").write_text(NEWER.format(last=last))
        _git(folder, "add", ".")
        _git(folder, "commit", "-qm", "A newer version")
        _git(folder, "push", "-q")
        return "consistency.9000_newer"

    def _machine(self, name: str, **environment: str) -> Machine:
        return Machine(self._folder, name, self.addresses, **environment)


def play(folder: Path, proxy: str, tell: Callable[[str], None]) -> None:
    """Play all of it in *folder*. Raises RehearsalError if something is not as the page promises."""
    with ExitStack() as stack:
        team = Team(folder, stack, proxy)
        for scene in (set_up, add_people, add_machines, work, restore_backup, upgrade):
            started = time.monotonic()
            scene(team)
            tell(f"{time.monotonic() - started:5.1f} s  {(scene.__doc__ or '').splitlines()[0]}")
        other = {("hub", name) for name in PROXIES if name != proxy}
        expect(
            team.played, {block.labels for block in read_blocks()} - other, "the blocks of the page that were played"
        )


def set_up(team: Team) -> None:
    """Set up database, web server and proxy, and check that they answer."""
    password = team.addresses.password
    team.do(team.database, "database", answers=f"{password}\n{password}\n")
    said = team.do(team.hub, "hub")
    expect("System check identified no issues" in said, True, said)
    mode = (team.hub.root / "srv/statehub/.env").stat().st_mode & 0o777
    expect(oct(mode), oct(0o600), "the mode of .env")
    expect(team.do(team.hub, "hub", team.proxy), "ready\n", "readiness through the proxy")
    for host in ("10.0.0.5:8000", NAME):
        asked = f"curl --silent --show-error --fail --header 'Host: {host}' http://127.0.0.1:8000/healthz"
        expect(team.hub.run(asked), Ended(0, "ok\n", ""), f"health by address, as {host}")
    status, headers, _ = team.visitor().get("/admin/login/")
    expect((status, headers["Strict-Transport-Security"]), (200, "max-age=31536000"), "the login page")


def add_people(team: Team) -> None:
    """Let three people log in, each with a role, and give them tokens."""
    password = team.do(team.hub, "hub", "people").strip()
    ada = team.visitor()
    ada.log_in("ada", password)
    for name, role in (("ben", "operator"), ("cleo", "viewer")):
        form = {"username": name, "password1": PASSWORD, "password2": PASSWORD, "role": role}
        expect(ada.submit("/admin/auth/user/add/", **form)[0], 302, f"an account for {name}")
        team.visitor().log_in(name, PASSWORD)
    for name in ("ada", "ben", "cleo"):
        status, _, html = ada.submit("/admin/web/apitoken/add/", name=name, rights="", days="")
        shown = re.findall(r"sth_[A-Za-z0-9_-]{43}", html)
        expect((status, len(shown)), (200, 1), f"a token for {name}")
        team.tokens[name] = shown[0]


def add_machines(team: Team) -> None:
    """Set up two machines with clones of five repos each, and cron."""
    team.on_machines(lambda machine: team.do(machine, "machine"))
    for name, ended in _ticks(team):
        expect(ended.exit, 0, f"first fix on {name}: {ended}")
    expect(team.hub_statuses(), dict.fromkeys(TASKS, "todo"), "the hub's tasks")


def work(team: Team) -> None:
    """Report as three people through the proxy and edit a file as one: hub, files and machines come to agree."""
    team.report("ada", "ORD-WP-0001-T01", "done")
    team.report("ben", "BIL-WP-0001-T02", "in_progress")
    team.report("cleo", "CAT-WP-0001-T03", "blocked")
    team.person_writes("mobile", "MOB-WP-0001-T01", "done")
    expected = dict.fromkeys(TASKS, "todo") | {
        "ORD-WP-0001-T01": "done", "BIL-WP-0001-T02": "in_progress", "CAT-WP-0001-T03": "blocked",
        "MOB-WP-0001-T01": "done",
    }  # fmt: skip
    _converge(team, expected)


def restore_backup(team: Team) -> None:
    """Restore a backup beside running servers: all changes since then come back from the files."""
    team.do(team.database, "database", "backup")
    before = team.hub_statuses()
    team.report("ben", "WEB-WP-0001-T01", "done")
    expected = before | {"WEB-WP-0001-T01": "done"}
    _converge(team, expected)
    team.do(team.database, "database", "restore")
    expect(team.hub_statuses(), before, "the restored hub")
    _converge(team, expected)


def upgrade(team: Team) -> None:
    """Upgrade the server first; an older machine does nothing until it is upgraded as well."""
    migration = team.publish_newer_version()
    team.do(team.hub, "hub", "upgrade")
    expect(team.visitor().get("/readyz")[0], 200, "readiness of the newer version")
    team.report("cleo", "WEB-WP-0001-T02", "done")
    before = team.file_statuses()
    for name, ended in _ticks(team):
        said = ended.stderr.startswith(f"error: the hub's database is newer than this State Hub: it has {migration}, ")
        expect((ended.exit, ended.stdout, said), (2, "", True), f"the older version on {name}: {ended}")
    expect(team.file_statuses(), before, "the files after the older version")
    team.on_machines(lambda machine: team.do(machine, "machine", "upgrade"))
    _converge(team, before | {"WEB-WP-0001-T02": "done"})


def _converge(team: Team, expected: dict[str, str]) -> None:
    """Check that after at most two fixes of each machine cron is silent on both, and all say *expected*."""
    silent = dict.fromkeys((machine.name for machine in team.machines), Ended(0, "", ""))
    said: dict[str, Ended] = {}
    for _ in range(MOST_TICKS):
        if said != silent:
            said = dict(_ticks(team))
    expect(said, silent, "cron when all is well")
    expect(team.hub_statuses(), expected, "the hub")
    expect(team.file_statuses(), expected, "the files on the git server")
    for machine in team.machines:
        expect(team.clone_statuses(machine), expected, f"the files on {machine.name}")


def _ticks(team: Team) -> list[tuple[str, Ended]]:
    """Run cron's job on all machines at the same moment, and return the results."""
    ended = team.on_machines(Machine.tick)
    return [(machine.name, each) for machine, each in zip(team.machines, ended, strict=True)]


def expect(found: object, wanted: object, what: str) -> None:
    """Raise RehearsalError if *found* is not as *wanted*."""
    if found != wanted:
        raise RehearsalError(f"{what}:\n  found  {found}\n  wanted {wanted}")


def _make_origins(git: Path, people: Path) -> None:
    """Make bare repositories as on a git server: the team's five, and this project in its present state."""
    git.mkdir()
    people.mkdir()
    for repo, short in REPOS.items():
        clone = _new_clone(git, people, repo)
        (clone / "workplans").mkdir()
        sections = [f"### T0{n} — Work\n\n```task\nid: {short}-WP-0001-T0{n}\nstatus: todo\n```\n" for n in (1, 2, 3)]
        front = f"---\nid: {short}-WP-0001\ntype: workplan\ntitle: Plan of {repo}\nstatus: active\n---\n\n"
        (clone / "workplans/plan.md").write_text(front + "\n".join(sections))
        _commit_and_push(clone)
    clone = _new_clone(git, people, "state-hub")
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    names = "\0".join(name for name in listed if name and (ROOT / name).is_file())
    packed = subprocess.run(
        ["tar", "-cf", "-", "--null", "-T", "-"], cwd=ROOT, input=names.encode(), capture_output=True, check=True
    )
    subprocess.run(["tar", "-xf", "-"], cwd=clone, input=packed.stdout, check=True)
    _commit_and_push(clone)


def _new_clone(git: Path, people: Path, name: str) -> Path:
    _git(git, "init", "-q", "--bare", "-b", "main", f"{name}.git")
    clone = people / name
    _git(people, "init", "-q", "-b", "main", name)
    for setting in ("user.name=Ada", "user.email=ada@example.org", "gc.auto=0", "maintenance.auto=false"):
        _git(clone, "config", *setting.split("="))
    _git(clone, "remote", "add", "origin", f"{git}/{name}.git")
    return clone


def _commit_and_push(clone: Path) -> None:
    _git(clone, "add", "--all", "--force", ".")
    _git(clone, "commit", "-qm", "Begin")
    _git(clone, "push", "-q", "-u", "origin", "main")


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "commit.gpgSign=false", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _statuses(text: str) -> dict[str, str]:
    return dict(re.findall(r"^id: (\S+-T\d+)\nstatus: (\w+)$", text, re.MULTILINE))


def _postgres_settings(url: str) -> dict[str, str]:
    """Return the variables with which PostgreSQL's own programs find the server at *url*, and their folder as PATH."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    parts = urlsplit(url)
    return {
        "PATH": row[0] if row else "",
        "PGHOST": parse_qs(parts.query)["host"][0],
        "PGPORT": str(parts.port),
        "PGUSER": str(parts.username),
    }
