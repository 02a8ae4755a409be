"""A team of three with five repos, from nothing to an upgrade, and a small set-up, by the page's commands alone."""

from __future__ import annotations

import getpass
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from rehearsal.delivery import count_undelivered, install_hook, read_answers
from rehearsal.page import blocks_of, read_blocks
from rehearsal.stage import NAME, ROOT, Addresses, Ended, Machine, RehearsalError, make_certificate
from rehearsal.visitor import Visitor
from testing.postgres import server
from testing.sshd import ssh_server

PROXIES = ("nginx", "caddy")
REPOS = {"orders": "ORD", "billing": "BIL", "catalog": "CAT", "mobile": "MOB", "website": "WEB"}
TASK = "ORD-WP-0001-T01"
"""The task that the page reports."""
TASKS = [f"{short}-WP-0001-T0{number}" for short in REPOS.values() for number in (1, 2, 3)]
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a person who is not there
SETTLE_SECONDS = 60.0
"""The time for a push or a report to get everywhere on a busy machine; polling alone would take five minutes."""

WORKER = "statehub-worker.service"
DEPLOY_KEY = """\
#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
"git-upload-pack '$1'" | "git-receive-pack '$1'") exec git-shell -c "$SSH_ORIGINAL_COMMAND" ;;
esac
echo "this key is for another repository" >&2
exit 1
"""
"""The command of a deploy key on the git server: the repository at its argument, and no other."""

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
        make_certificate(folder / "tls")
        _make_origins(folder / "git", folder / "people")
        self._deploy_key = folder / "git/deploy-key"
        self._deploy_key.write_text(DEPLOY_KEY)
        self._deploy_key.chmod(0o755)
        self._sshd = stack.enter_context(ssh_server(folder / "sshd"))
        self.addresses = replace(
            Addresses.free(),
            git_user=getpass.getuser(),
            git_server=self._sshd.name,
            fingerprint=self._sshd.fingerprint(),
        )
        url = stack.enter_context(server(superuser="postgres", tcp_port=self.addresses.postgres))
        self.database = self._machine("database", **_postgres_settings(url))
        self.hub = self._machine("hub", GUNICORN_CMD_ARGS=f"--bind=127.0.0.1:{self.addresses.web}")
        self.alder = self._machine("alder")
        self.birch = self._machine("birch")
        self.laptop = self._machine("laptop")
        for machine in (self.hub, self.alder):
            stack.callback(machine.stop)
        certificates = self.hub.root / "etc/ssl" / NAME
        certificates.mkdir(parents=True)
        for file in (folder / "tls").iterdir():
            (certificates / file.name).write_bytes(file.read_bytes())
        self.tokens: dict[str, str] = {}
        self.played: set[tuple[str, ...]] = set()

    def visitor(self) -> Visitor:
        """Return a new visitor of the proxy."""
        return Visitor(self.addresses.https, self._certificate)

    def do(self, machine: Machine, *labels: str, **options: str) -> str:
        """Run the page's blocks with these labels on *machine*; what they printed."""
        self.played.add(labels)
        return "".join(machine.do(block, **options) for block in blocks_of(*labels))

    def paste_keys(self, printed: str) -> None:
        """Let the deploy keys that a command has *printed* in, each for one repo, and no others."""
        keys = re.findall(r"^ssh-ed25519 .+$", printed, re.MULTILINE)
        expect(len(keys), len(REPOS), f"the number of deploy keys in {printed}")
        rows = [(self.origin(repo), key) for repo in REPOS for key in keys if re.search(rf"\b{repo}\b", key)]
        expect(len(rows), len(REPOS), f"the deploy keys that name their repos, in {printed}")
        self._sshd.allow(*(f'restrict,command="{self._deploy_key} {path}" {key}' for path, key in rows))

    def add_webhooks(self, printed: str) -> None:
        """Enter the webhooks that a command has *printed* at the git server."""
        found = re.findall(r"^path +(\S+)\nsecret +(\S+)$", printed, re.MULTILINE)
        for repo, (path, secret) in zip(REPOS, found, strict=True):
            install_hook(self.origin(repo), self.addresses.https, self._certificate, path, secret)

    def deliveries(self) -> set[str]:
        """Return the statuses of all answers that webhooks got."""
        return {status for repo in REPOS for status in read_answers(self.origin(repo))}

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

    def open_findings(self) -> list[str]:
        """Return the open findings, by the hub's API."""
        findings = self.visitor().api("/api/findings/?state=open", self.tokens["ada"])
        return [f"{finding['code']} {finding['message']}" for finding in findings]

    def queue(self) -> list[str]:
        """Return the lines of the hub's metrics on runs that wait."""
        _, _, text = self.visitor().get("/metrics", Authorization=f"Bearer {self.tokens['ada']}")
        return re.findall(r"^statehub_queue_length\S* [^0].*$", text, re.MULTILINE)

    def file_statuses(self) -> dict[str, str]:
        """Return the status of each task on the branches of the git server."""
        return {
            key: status
            for repo in REPOS
            for key, status in _statuses(_git(self.origin(repo), "show", "main:workplans/plan.md")).items()
        }

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

    def origin(self, repo: str) -> Path:
        """Return the bare repository of *repo* on the git server."""
        return self._folder / f"git/team/{repo}.git"

    @property
    def _certificate(self) -> Path:
        return self._folder / "tls/fullchain.pem"

    def _machine(self, name: str, **environment: str) -> Machine:
        return Machine(self._folder, name, self.addresses, **environment)


def play(folder: Path, proxy: str, tell: Callable[[str], None]) -> None:
    """Play all of it in *folder*. Raises RehearsalError if something is not as the page promises."""
    with ExitStack() as stack:
        team = Team(folder, stack, proxy)
        for scene in (set_up, add_people, add_repos, work, restore_backup, lose_host, upgrade, run_by_cron):
            started = time.monotonic()
            lines = [(scene.__doc__ or "").splitlines()[0], *(scene(team) or ())]
            tell(f"{time.monotonic() - started:5.1f} s  " + "\n         ".join(lines))
        expect(team.deliveries(), {"202"}, "the answers to all deliveries")
        other = {("hub", name) for name in PROXIES if name != proxy}
        expect(
            team.played, {block.labels for block in read_blocks()} - other, "the blocks of the page that were played"
        )


def set_up(team: Team) -> None:
    """Set up database, web server, worker and proxy, and check that they answer."""
    password = team.addresses.password
    team.do(team.database, "database", answers=f"{password}\n{password}\n")
    said = team.do(team.hub, "hub")
    expect("System check identified no issues" in said, True, said)
    mode = (team.hub.root / "srv/statehub/.env").stat().st_mode & 0o777
    expect(oct(mode), oct(0o600), "the mode of .env")
    expect(team.hub.tick(), Ended(0, "", ""), "the weekly cron job")
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


def add_repos(team: Team) -> None:
    """Pin the git server, register five repos, paste their deploy keys, and enter their webhooks."""
    said = team.do(team.hub, "hub", "trust")
    expect(f" {team.addresses.fingerprint}" in said, True, f"the pinned key: {said}")
    team.paste_keys(team.do(team.hub, "hub", "register"))
    said = team.do(team.hub, "hub", "clone")
    expect(said.count("files and hub agree"), len(REPOS), f"the repos that agree after the first run: {said}")
    expect(team.hub_statuses(), dict.fromkeys(TASKS, "todo"), "the hub's tasks")
    team.add_webhooks(team.do(team.hub, "hub", "webhooks"))


def work(team: Team) -> list[str]:
    """Push as one person and report as three through the proxy: hub, files and clones come to agree in seconds."""
    expected = dict.fromkeys(TASKS, "todo") | {"MOB-WP-0001-T01": "done"}
    team.person_writes("mobile", "MOB-WP-0001-T01", "done")
    pushed = _settle(team, expected)
    team.report("ada", "ORD-WP-0001-T01", "done")
    reported = _settle(team, expected | {"ORD-WP-0001-T01": "done"})
    team.report("ben", "BIL-WP-0001-T02", "in_progress")
    team.report("cleo", "CAT-WP-0001-T03", "blocked")
    team.person_writes("catalog", "CAT-WP-0001-T01", "in_progress")
    expected |= {
        "ORD-WP-0001-T01": "done", "BIL-WP-0001-T02": "in_progress", "CAT-WP-0001-T03": "blocked",
        "CAT-WP-0001-T01": "in_progress",
    }  # fmt: skip
    _settle(team, expected)
    return [f"after {pushed:.1f} s a push, and after {reported:.1f} s a report, was everywhere"]


def restore_backup(team: Team) -> None:
    """Restore a backup beside a running server: all changes since then come back from the files."""
    team.do(team.database, "database", "backup")
    before = team.hub_statuses()
    team.report("ben", "WEB-WP-0001-T01", "done")
    expected = before | {"WEB-WP-0001-T01": "done"}
    _settle(team, expected)
    team.do(team.hub, "hub", "stop")
    team.do(team.database, "database", "restore")
    expect(team.hub_statuses(), before, "the restored hub")
    expect(team.do(team.hub, "hub", "restored"), "", "a fix of the restored hub")
    _settle(team, expected)
    team.report("ben", "WEB-WP-0001-T01", "cancelled")
    _settle(team, expected | {"WEB-WP-0001-T01": "cancelled"})


def lose_host(team: Team) -> None:
    """Lose the host of the clones: another one with a worker takes them, with keys of its own."""
    before = team.hub_statuses()
    team.hub.kill(WORKER)
    team.report("cleo", "BIL-WP-0001-T01", "done")
    team.do(team.alder, "host")
    team.paste_keys(team.do(team.alder, "host", "move"))
    for repo, short in REPOS.items():
        team.person_writes(repo, f"{short}-WP-0001-T03", "done")
    pushed = {f"{short}-WP-0001-T03": "done" for short in REPOS.values()}
    _settle(team, before | pushed | {"BIL-WP-0001-T01": "done"}, team.alder)


def upgrade(team: Team) -> None:
    """Upgrade the server first; an older worker on another host does nothing until it is upgraded as well."""
    migration = team.publish_newer_version()
    team.do(team.hub, "hub", "upgrade")
    expect(team.visitor().get("/readyz")[0], 200, "readiness of the newer version")
    before = team.file_statuses()
    team.report("cleo", "WEB-WP-0001-T02", "done")
    refusal = f"error: the hub's database is newer than this State Hub: it has {migration}, "
    _wait(lambda: refusal in team.alder.log(WORKER), lambda: f"the older worker: {team.alder.log(WORKER)}")
    expect(team.file_statuses(), before, "the files after the older version")
    team.do(team.alder, "host", "upgrade")
    _settle(team, before | {"WEB-WP-0001-T02": "done"}, team.alder)


def run_by_cron(team: Team) -> None:
    """Run a small set-up beside it, with SQLite and cron alone: both hubs agree through the files."""
    before = team.hub_statuses()
    team.do(team.birch, "small")
    expect(team.birch.tick().exit, 0, "the first fix by cron")
    team.person_writes("orders", "ORD-WP-0001-T02", "in_progress")
    said = team.birch.run(
        "cd /srv/statehub && .venv/bin/python manage.py set_task_status MOB-WP-0001-T02 blocked --verbosity 0"
    )
    expect(said.exit, 0, f"a report by command: {said}")
    ended = team.birch.tick()
    expect((ended.exit, ended.stderr), (0, ""), f"the second fix by cron: {ended}")
    expected = before | {"ORD-WP-0001-T02": "in_progress", "MOB-WP-0001-T02": "blocked"}
    _settle(team, expected, team.alder)
    expect(team.birch.tick(), Ended(0, "", ""), "cron when all is well")
    expect(_read_plans(team.birch.root / "srv/checkouts"), expected, "the files of the small set-up")


def _settle(team: Team, expected: dict[str, str], host: Machine | None = None) -> float:
    """Wait until hub, git server and clones on *host* say *expected*, and then until nothing is left to do.

    Return the seconds until they all say so. Raises RehearsalError.
    """
    clones = (host or team.hub).root / "srv/statehub/var/clones"

    def find_others() -> dict[str, dict[str, str]]:
        found = {
            "hub": team.hub_statuses(), "files on the git server": team.file_statuses(), "clones": _read_plans(clones),
        }  # fmt: skip
        return {
            name: {key: status for key, status in statuses.items() if expected.get(key) != status}
            for name, statuses in found.items()
            if statuses != expected
        }

    def find_rest() -> dict[str, list[str]]:
        waiting = [repo for repo in REPOS if count_undelivered(team.origin(repo))]
        rest = {"open findings": team.open_findings(), "deliveries": waiting, "queue": team.queue()}
        return {name: rows for name, rows in rest.items() if rows}

    seconds = _wait(lambda: not find_others(), lambda: f"not everywhere as expected: {find_others()}")
    _wait(lambda: not find_rest(), lambda: f"not at rest: {find_rest()}")
    expect(find_others(), {}, "statuses that are not as expected any longer")
    return seconds


def _wait(is_so: Callable[[], bool], describe: Callable[[], str]) -> float:
    """Wait until *is_so*, and return the seconds that it took. Raises RehearsalError with the text of *describe*."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > SETTLE_SECONDS:
            raise RehearsalError(f"not within {SETTLE_SECONDS:.0f} s: {describe()}")
        time.sleep(0.1)
    return time.monotonic() - started


def _read_plans(folder: Path) -> dict[str, str]:
    """Return the status of each task in the clones in *folder*."""
    files = folder.glob("*/workplans/plan.md")
    return {key: status for file in files for key, status in _statuses(file.read_text()).items()}


def expect(found: object, wanted: object, what: str) -> None:
    """Raise RehearsalError if *found* is not as *wanted*."""
    if found != wanted:
        raise RehearsalError(f"{what}:\n  found  {found}\n  wanted {wanted}")


def _make_origins(git: Path, people: Path) -> None:
    """Make bare repositories as on a git server: the team's five, and this project in its present state."""
    (git / "team").mkdir(parents=True)
    people.mkdir()
    for repo, short in REPOS.items():
        clone = _new_clone(git / "team", people, repo)
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
