"""register_repo --remote: clones of the hub's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection
from pytest_django import Settings

from statehub.models import Checkout, Repo
from testing.clones import only_clone
from testing.environment import HOST
from testing.gitserver import GitServer, git_server
from testing.hub import Hub
from testing.manage import ROOT, Ended
from testing.repos import Clone, Origin
from testing.sshd import SshServer
from tests.cli.helpers import FILE, TEXT, cannot_run, clone_with_plan, document, fix, publish, rows, run, statuses

pytestmark = pytest.mark.usefixtures("hub", "clones")

CRON = "workers need PostgreSQL: with SQLite, cron runs fix_consistency --all\n"


@pytest.fixture
def person(origin: Origin) -> Clone:
    """Push TEXT to the origin, as a person does."""
    return clone_with_plan(origin)


def register(url: str | Path, *args: str) -> Ended:
    return run("register_repo", "--remote", str(url), *args)


def said(ended: Ended) -> str:
    """Return stdout, without the line about cron that SQLite has."""
    return ended.stdout.replace(CRON, "")


class TestRegister:
    def test_clones_at_once(self, origin: Origin, person: Clone, clones: Path) -> None:
        ended = register(origin.path)
        made = Clone(clones / f"origin-{Repo.objects.get().pk}")
        note = f"registered {origin.path} as 'origin'; cloned into {made.path} (1 file matches)\n"
        assert (ended.exit, said(ended), ended.stderr) == (0, note, "")
        assert (made.head, made.status(), made.read(FILE).decode()) == (origin.head, [], TEXT)
        repo, checkout = Repo.objects.get(), Checkout.objects.get()
        first = person.git("rev-list", "--max-parents=0", "HEAD")
        assert (repo.slug, repo.origin, repo.remote, repo.branch, repo.first_commits) == (
            "origin", str(origin.path).removesuffix(".git"), str(origin.path), "main", [first],
        )  # fmt: skip
        assert (checkout.host, checkout.path, checkout.managed, checkout.watch) == (HOST, str(made.path), True, False)
        assert checkout.clone_size == pytest.approx(64 * 1024, rel=3)

    def test_one_branch_and_no_tag(self, origin: Origin, person: Clone, clones: Path) -> None:
        person.git("tag", "v1")
        person.git("push", "--quiet", "origin", "HEAD:refs/heads/other", "v1")
        register(origin.path)
        refs = only_clone(clones).git("for-each-ref", "--format=%(refname)").splitlines()
        assert refs == ["refs/heads/main", "refs/remotes/origin/main"]

    def test_settings(self, origin: Origin, person: Clone, clones: Path) -> None:
        person.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
        options = ("--branch", "other", "--slug", "orders", "--workplans", "plans/*.md", "--writeback", "propose")
        assert register(origin.path, *options).exit == 0
        repo = Repo.objects.get()
        assert (repo.slug, repo.branch, repo.workplans, repo.writeback) == ("orders", "other", "plans/*.md", "propose")
        assert only_clone(clones).git("branch", "--show-current") == "other"

    def test_joins_the_repo_with_that_address(self, origin: Origin, person: Clone, clones: Path) -> None:
        assert fix("--path", person.path).exit == 0
        assert register(f"file://{origin.path}").exit == 0
        repo = Repo.objects.get()
        assert (repo.slug, repo.remote) == ("person", f"file://{origin.path}")
        assert list(repo.checkouts.order_by("managed").values_list("managed", flat=True)) == [False, True]
        assert fix("person").exit == 0

    def test_slug_that_is_taken(self, origin: Origin, person: Clone, tmp_path: Path) -> None:
        Repo.objects.create(slug="origin", origin="example.org/other")
        before = rows(Repo, Checkout)
        assert register(origin.path) == cannot_run(
            "slug 'origin' is taken by the repo with origin example.org/other: --slug SLUG is another one, and --slug "
            "origin joins that repo if the histories are related"
        )
        assert rows(Repo, Checkout) == before

    def test_joins_by_name_only_if_the_histories_are_related(
        self, origin: Origin, person: Clone, new_origin: object, clones: Path
    ) -> None:
        assert fix("--path", person.path).exit == 0
        copy, other = origin.path.with_name("copy.git"), origin.path.with_name("other.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(copy))
        origin.git("init", "--quiet", "--bare", str(other))
        stranger = Clone(person.path.with_name("stranger"))
        origin.git("clone", "--quiet", str(other), str(stranger.path))
        stranger.commit("Another beginning")
        stranger.push()
        before = rows(Repo, Checkout)
        ended = register(other, "--slug", "person")
        assert (ended.exit, "the histories have nothing in common" in ended.stderr) == (2, True)
        assert (rows(Repo, Checkout), sorted(each.name for each in clones.iterdir() if each.is_dir())) == (before, [])
        gone = register("https://localhost:1/gone", "--slug", "person")
        assert (gone.exit, rows(Repo, Checkout)) == (2, before)
        assert gone.stderr.startswith(
            "error: the history cannot be compared with that of 'person': the clone could not"
        )
        empty = origin.path.with_name("empty.git")
        origin.git("init", "--quiet", "--bare", str(empty))
        assert register(empty, "--slug", "person") == cannot_run(
            "the history cannot be compared with that of 'person': the remote has no commit yet"
        )
        assert rows(Repo, Checkout) == before
        assert register(copy, "--slug", "person").exit == 0
        assert Repo.objects.get().aliases == [str(copy).removesuffix(".git")]

    def test_another_address_of_a_clone_only_if_the_histories_are_related(
        self, origin: Origin, person: Clone, clones: Path
    ) -> None:
        assert register(origin.path).exit == 0
        assert fix("origin").exit == 0
        copy, other = origin.path.with_name("copy.git"), origin.path.with_name("other.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(copy))
        origin.git("init", "--quiet", "--bare", str(other))
        stranger = Clone(person.path.with_name("stranger"))
        origin.git("clone", "--quiet", str(other), str(stranger.path))
        stranger.commit("Another beginning")
        stranger.push()
        before = rows(Repo, Checkout)
        ended = register(other, "--slug", "origin", "--branch", "main")
        assert (ended.exit, "the histories have nothing in common" in ended.stderr) == (2, True)
        token = ("--token-variable", "TOKEN")
        gone = register("https://localhost:1/gone", "--slug", "origin", *token)
        assert (gone.exit, "the history cannot be compared with that of 'origin'" in gone.stderr) == (2, True)
        assert rows(Repo, Checkout) == before
        report = document(fix("origin"))
        assert (report["repos"][0]["converged"], report["summary"]) == (
            True,
            {"repos": 1, "FAIL": 0, "WARN": 0, "INFO": 0},
        )
        assert register(copy, "--slug", "origin").exit == 0
        assert Repo.objects.get().remote == str(copy)

    def test_retired_one_stays_retired_if_it_is_refused(self, origin: Origin, person: Clone) -> None:
        register(origin.path)
        run("retire_checkout", "origin")
        before = rows(Repo, Checkout)
        assert register("https://localhost:1/gone", "--slug", "origin").exit == 2
        assert rows(Repo, Checkout) == before

    def test_folder_of_a_person_in_its_place(self, origin: Origin, person: Clone, clones: Path) -> None:
        """The clone gets another name, whether or not the hub knows the folder."""
        repo = Repo.objects.create(slug="orders", origin="", remote="")
        Repo.objects.filter(pk=repo.pk).update(origin=str(origin.path).removesuffix(".git"))
        theirs = Clone(clones / f"orders-{repo.pk}")
        origin.git("clone", "--quiet", str(origin.path), str(theirs.path))
        theirs.write(FILE, "unsaved work")
        assert register(origin.path).exit == 0
        assert Checkout.objects.get().path == f"{theirs.path}-2"
        assert (theirs.status(), theirs.read(FILE)) == ([f" M {FILE}"], b"unsaved work")

    def test_checkout_of_a_person_in_its_place(self, origin: Origin, person: Clone, clones: Path) -> None:
        repo = Repo.objects.create(slug="orders", origin=str(origin.path).removesuffix(".git"))
        path = str(clones / f"orders-{repo.pk}")
        other = Repo.objects.create(slug="other")
        Checkout.objects.create(repo=other, host=HOST, path=path)
        assert register(origin.path).exit == 0
        assert Checkout.objects.get(repo=repo).path == f"{path}-2"

    def test_clone_of_a_person_beside_one_that_is_not_made_yet(
        self, origin: Origin, person: Clone, clones: Path
    ) -> None:
        register(origin.path)
        shutil.rmtree(only_clone(clones).path)
        assert run("register_repo", person.path).exit == 0
        assert list(Checkout.objects.order_by("pk").values_list("path", "managed")) == [
            (str(clones / f"origin-{Repo.objects.get().pk}"), True),
            (str(person.path), False),
        ]

    def test_registered_again(self, origin: Origin, person: Clone, clones: Path) -> None:
        register(origin.path)
        ended = register(origin.path, "--branch", "main")
        assert (ended.exit, said(ended)) == (
            0,
            f"{origin.path} is registered already, as 'origin'; cloned into {only_clone(clones).path} "
            "(1 file matches)\n",
        )
        assert Checkout.objects.count() == 1

    def test_retired_one_comes_back(self, origin: Origin, person: Clone) -> None:
        register(origin.path)
        assert run("retire_checkout", "origin").exit == 0
        assert said(register(origin.path)).startswith(f"{origin.path} is back, as 'origin'")
        assert Checkout.objects.get().retired_at is None

    def test_empty_repository(self, origin: Origin, clones: Path) -> None:
        origin.git("update-ref", "-d", "refs/heads/main")
        assert register(origin.path).exit == 0
        person = origin.clone("person")
        person.write(FILE, TEXT)
        publish(person)
        assert fix("origin").exit == 0
        assert (statuses(), Repo.objects.get().branch) == ({"WP-1-T01": "todo", "WP-1-T02": "in_progress"}, "main")

    def test_branch_that_is_not_there(self, origin: Origin, person: Clone, clones: Path) -> None:
        assert register(origin.path, "--branch", "mian") == cannot_run(
            "the clone could not be made: the remote has no branch 'mian'; its default branch is 'main'"
        )
        assert (Repo.objects.count(), Checkout.objects.count()) == (0, 0)

    def test_branch_that_is_not_there_of_a_clone(self, origin: Origin, person: Clone) -> None:
        register(origin.path)
        before = rows(Repo, Checkout)
        assert register(origin.path, "--branch", "mian") == cannot_run(
            "the remote has no branch 'mian'; its default branch is 'main'"
        )
        assert rows(Repo, Checkout) == before

    def test_proposals_need_one(self, origin: Origin, person: Clone) -> None:
        ended = run("register_repo", person.path, "--writeback", "propose")
        assert (ended.exit, ended.stderr) == (
            0,
            "person: proposals need a clone of the hub's own: register_repo --remote URL makes it; until then no "
            "status gets into the files\n",
        )
        register(origin.path)
        assert run("register_repo", person.path, "--writeback", "propose").stderr == ""

    def test_retired_one_says_how_to_bring_it_back(self, origin: Origin, person: Clone) -> None:
        register(origin.path)
        path = Checkout.objects.get().path
        run("retire_checkout", "origin")
        assert fix("origin") == cannot_run(
            f"repo 'origin' is retired on host '{HOST}' ({path}): register_repo --remote URL brings it back"
        )

    def test_workers_run_it_at_once_after_a_change(self, origin: Origin, person: Clone) -> None:
        """A poll would find no news. A new one is polled at once."""
        if connection.vendor != "postgresql":
            pytest.skip("workers need PostgreSQL")

        def queued() -> list[tuple[int, str]]:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs RETURNING (args->>'checkout')::int, args->>'trigger'")
                return list(cursor)

        register(origin.path)
        own = Checkout.objects.get()
        assert (queued(), own.poll_at) == ([], None)
        register(origin.path, "--writeback", "off")
        assert queued() == [(own.pk, "command")]
        run("register_repo", person.path)
        assert queued() == []
        run("register_repo", person.path, "--watch")
        theirs = Checkout.objects.get(managed=False)
        assert sorted(queued()) == sorted([(own.pk, "command"), (theirs.pk, "command")])

    def test_sha256(self, tmp_path: Path, clones: Path) -> None:
        bare = Origin(tmp_path / "sha256.git")
        bare.path.mkdir()
        bare.git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
        person = Clone(tmp_path / "person")
        bare.git("init", "--quiet", "--object-format=sha256", str(person.path))
        person.git("remote", "add", "origin", str(bare.path))
        person.write(FILE, TEXT)
        publish(person)
        assert register(bare.path).exit == 0
        assert (fix("sha256").exit, len(only_clone(clones).head)) == (0, 64)

    def test_many_at_once(self, hub: Hub, origin: Origin, person: Clone, clones: Path) -> None:
        """Two processes that register the same make one repo, one checkout and one clone."""
        command = [sys.executable, "manage.py", "register_repo", "--remote", str(origin.path)]
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        environment["DATABASE_URL"] = hub.url
        started = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        ended = [(process.communicate()[1], process.returncode) for process in started]
        assert ended == [(b"", 0)] * 3
        assert (Repo.objects.count(), Checkout.objects.count()) == (1, 1)
        assert only_clone(clones).head == origin.head


@contextmanager
def watched_processes(seen: list[str]) -> Iterator[None]:
    """Add the command line of each process that runs to *seen*, for as long as the block lasts."""
    ended = Event()

    def watch() -> None:
        while not ended.is_set():
            for process in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError):
                    seen.append(
                        Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )

    thread = Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


SECRET = "hunter2"


class TestRefused:
    @pytest.mark.parametrize(
        "url",
        [
            f"https://ada:{SECRET}@git.example.org/orders.git",
            f"https://{SECRET}@git.example.org/orders.git",
            f"http://{SECRET}:x-oauth-basic@git.example.org/orders.git",
            f"HTTPS://ada:{SECRET}@git.example.org/orders.git",
            f"https://ada:{SECRET}/@git.example.org/orders.git",
            f"https://git.example.org/orders.git?private_token={SECRET}",
            f"https://git.example.org/orders.git#{SECRET}",
            f"ssh://git:{SECRET}@git.example.org/orders.git",
            f"ssh://git@git.example.org/orders.git?{SECRET}",
            f"git:{SECRET}@git.example.org:orders.git",
            f"git:{SECRET}/@git.example.org:orders.git",
            f"git@git.example.org:orders.git?private_token={SECRET}",
            f"git://ada:{SECRET}@git.example.org/orders.git",
            f"file://ada:{SECRET}@host/orders.git",
            f"ext::sh -c {SECRET}",
            f"codecommit://{SECRET}@orders",
            f"https://ada:{SECRET}@git.example.org/orders.git\n",
            f"--upload-pack={SECRET}",
        ],
    )
    def test_url_with_a_secret_is_repeated_nowhere(self, hub: Hub, url: str, clones: Path) -> None:
        before = rows(Repo, Checkout)
        ended = hub.manage("register_repo", f"--remote={url}")
        assert (ended.exit, ended.stdout, SECRET in ended.stderr, ended.stderr.count("\n")) == (2, "", False, 1)
        assert ended.stderr.startswith("error: ")
        assert (rows(Repo, Checkout), clones.exists()) == (before, False)

    @pytest.mark.parametrize("url", [f"https://ada:{SECRET}@h/o.git", f"git:{SECRET}@h:o.git"])
    def test_url_with_a_secret_in_the_place_of_a_path(self, hub: Hub, url: str) -> None:
        ended = hub.manage("register_repo", url)
        assert ended == cannot_run("a PATH is a folder of this machine; a URL is for --remote")

    def test_folder_that_is_not_a_repository(self, tmp_path: Path, clones: Path) -> None:
        ended = register(tmp_path)
        assert (ended.exit, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"error: {tmp_path} is not a repository that git can read: fatal: ")
        assert (Repo.objects.count(), clones.exists()) == (0, False)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                ["--remote", "https://h/x", "/tmp"],
                "--remote URL makes a clone of the hub's own: PATH, --under, --protocol and --watch are for others",
            ),
            (["--token-file", "/x", "/tmp"], "a token is for a clone of the hub's own: give --remote URL with it"),
            (
                ["--remote", "http://h/x", "--token-file", "/x"],
                "a token is for https: anything else would show it, or has no use for it",
            ),
            (
                ["--remote", "https://h/x", "--token-variable", "GIT_TOKEN"],
                "'GIT_TOKEN' cannot be a token's variable: letters, digits and _, and not GIT_ at the beginning",
            ),
        ],
    )
    def test_options_that_do_not_fit(self, options: list[str], message: str) -> None:
        assert run("register_repo", *options) == cannot_run(message)


class TestSsh:
    def test_from_the_first_command_to_a_pushed_status(
        self, sshd: SshServer, origin: Origin, person: Clone, clones: Path
    ) -> None:
        ended = register(sshd.url(origin.path))
        slug, key = "origin", run("deploy_key", "origin").stdout.strip()
        assert (ended.exit, said(ended).splitlines()) == (
            0,
            [
                f"registered {sshd.url(origin.path)} as '{slug}'; it is not cloned yet",
                f"trust_host {sshd.name} shows the key of the server, and pins it",
                "paste this deploy key at the server, with the right to write:",
                key,
                f"then fix_consistency {slug}, or the next run, clones it",
            ],
        )
        assert "Host key verification failed" in ended.stderr
        assert f"(trust_host {sshd.name} shows the server's key and pins it)" in ended.stderr
        assert run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint()).exit == 0
        refused = fix(slug)
        assert refused.exit == 2
        assert f"(deploy_key {slug} shows the key to paste at the server)" in refused.stderr
        sshd.allow(key)
        assert fix(slug).exit == 0
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        assert fix(slug).exit == 0
        person.pull()
        assert person.read(FILE).decode() == TEXT.replace("status: todo", "status: done")

    def test_key_that_cannot_be_made(self, clones: Path) -> None:
        """The clone is registered, as with a remote that cannot be reached."""
        clones.mkdir()
        (clones / ".keys").write_text("")
        ended = register("git@localhost:team/orders.git")
        assert (ended.exit, said(ended).splitlines()) == (
            0,
            [
                "registered git@localhost:team/orders.git as 'orders'; it is not cloned yet",
                "trust_host localhost shows the key of the server, and pins it",
                "then fix_consistency orders, or the next run, clones it",
            ],
        )
        assert ended.stderr == f"orders: the clone could not be made: {clones / '.keys'}: File exists\n"

    def test_keys_are_not_committed(self, sshd: SshServer, origin: Origin, person: Clone, settings: Settings) -> None:
        """A folder of clones in the repository of a person, who commits all that is there."""
        settings.STATEHUB_CLONES = person.path / "clones"
        register(sshd.url(origin.path))
        person.git("add", "--all")
        assert person.git("ls-files", "clones/.keys") == ""

    def test_key_is_for_its_owner_alone(self, sshd: SshServer, origin: Origin, clones: Path) -> None:
        register(sshd.url(origin.path))
        folder = clones / ".keys"
        private = folder / str(Repo.objects.get().pk)
        assert [oct(each.stat().st_mode & 0o777) for each in (clones, folder, private)] == ["0o700", "0o700", "0o600"]
        assert private.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        assert private.with_name(f"{private.name}.pub").read_text().startswith("ssh-ed25519 ")

    @pytest.mark.proof
    def test_host_that_changes_its_keys(self, sshd: SshServer, origin: Origin, person: Clone, clones: Path) -> None:
        self.trusted(sshd, origin)
        sshd.change_host_keys()
        publish(person)
        ended = fix("origin")
        assert (ended.exit, only_clone(clones).head == origin.head) == (0, False)
        assert run("check_consistency", "origin").exit == 0
        assert run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint()).exit == 0
        assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)

    @pytest.mark.proof
    def test_key_that_is_rotated(self, sshd: SshServer, origin: Origin, person: Clone, clones: Path) -> None:
        """The last key is good until the server no longer takes it, so no run fails in between."""
        before = self.trusted(sshd, origin)
        after = run("deploy_key", "origin", "--rotate").stdout.strip()
        assert after != before
        for allowed in ([before], [before, after], [after]):
            sshd.allow(*allowed)
            publish(person)
            assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)
        sshd.allow(before)
        again = run("deploy_key", "origin", "--rotate").stdout.strip()
        publish(person)
        assert (fix("origin").exit, only_clone(clones).head == origin.head) == (0, False)
        sshd.allow(again)
        assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)

    def test_key_that_is_rotated_again_before_it_is_pasted(
        self, sshd: SshServer, origin: Origin, person: Clone, clones: Path
    ) -> None:
        """Until a new key has worked, the one that works stays, however often another one is made."""
        works = self.trusted(sshd, origin)
        rotated = [run("deploy_key", "origin", "--rotate") for _ in range(3)]
        assert [ended.exit for ended in rotated] == [0, 0, 0]
        new = rotated[-1].stdout.strip()
        for allowed in ([works], [works, new], [new]):
            sshd.allow(*allowed)
            publish(person)
            assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)
        assert sorted(each.name for each in (clones / ".keys").glob("[0-9]*")) == ["1", "1.pub"]
        assert ".previous" not in only_clone(clones).git("config", "core.sshCommand")

    def test_key_that_is_rotated_again_after_it_is_pasted(
        self, sshd: SshServer, origin: Origin, person: Clone, clones: Path
    ) -> None:
        """The server is asked which key it takes: no run has used the pasted one yet."""
        self.trusted(sshd, origin)
        pasted = run("deploy_key", "origin", "--rotate").stdout.strip()
        sshd.allow(pasted)
        ended = run("deploy_key", "origin", "--rotate")
        assert (ended.exit, ended.stderr) == (
            0,
            "paste the new key at the server of 'origin'; then remove the last one there\n",
        )
        publish(person)
        assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)

    def trusted(self, sshd: SshServer, origin: Origin) -> str:
        """Register the origin by ssh, with its key pasted and its host pinned; return the public key."""
        assert run("trust_host", sshd.name, "--fingerprint", sshd.fingerprint()).exit == 0
        register(sshd.url(origin.path))
        key = run("deploy_key", "origin").stdout.strip()
        sshd.allow(key)
        assert fix("origin").exit == 0
        return key


class TestHttps:
    @pytest.fixture
    def token(self, tmp_path: Path, https: GitServer) -> Path:
        """Write the token that the server takes."""
        https.passwords = {"s3cr3t-token"}
        file = tmp_path / "a token"
        file.write_text("s3cr3t-token\n")
        return file

    def test_token_of_a_file(self, https: GitServer, origin: Origin, person: Clone, token: Path, clones: Path) -> None:
        assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
        assert fix("origin").exit == 0
        assert run("set_task_status", "WP-1-T01", "done").exit == 0
        assert fix("origin").exit == 0
        person.pull()
        assert person.read(FILE).decode() == TEXT.replace("status: todo", "status: done")
        assert set(https.credentials) == {"x-token-auth:s3cr3t-token"}
        held = b"".join(file.read_bytes() for file in clones.rglob("*") if file.is_file())
        assert b"s3cr3t-token" not in held

    def test_token_is_in_no_list_of_processes(
        self, https: GitServer, origin: Origin, person: Clone, token: Path
    ) -> None:
        """All processes of the machine are looked at, again and again, while git asks for the token and pushes."""
        seen: list[str] = []
        with watched_processes(seen):
            assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
            assert fix("origin").exit == 0
            assert run("set_task_status", "WP-1-T01", "done").exit == 0
            assert fix("origin").exit == 0
        assert [line for line in seen if "s3cr3t-token" in line] == []
        assert any(str(token) in line for line in seen)

    def test_token_of_a_variable(
        self, https: GitServer, origin: Origin, person: Clone, token: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORGE_TOKEN", token.read_text().strip())
        assert register(https.url(origin.path), "--token-variable", "FORGE_TOKEN").exit == 0
        assert fix("origin").exit == 0
        monkeypatch.delenv("FORGE_TOKEN")
        ended = run("check_consistency", "origin", "--format", "json")
        assert ended.exit == 0
        assert Checkout.objects.get().runs.latest("started_at").fetch == "the variable FORGE_TOKEN is not set or empty"

    def test_user_and_password_as_git_writes_them(
        self, https: GitServer, origin: Origin, person: Clone, token: Path
    ) -> None:
        token.write_text("username=deploy\npassword=s3cr3t-token\n")
        assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
        assert set(https.credentials) == {"deploy:s3cr3t-token"}

    def test_token_that_expires_and_is_replaced(
        self, https: GitServer, origin: Origin, person: Clone, token: Path, clones: Path
    ) -> None:
        assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
        https.passwords = {"another"}
        publish(person)
        ended = fix("origin")
        newest = Checkout.objects.get().runs.latest("started_at")
        assert (ended.exit, newest.outcome, only_clone(clones).head == origin.head) == (0, "ok", False)
        assert newest.fetch.startswith("fatal: Authentication failed for")
        assert newest.fetch.endswith("(register_repo --remote URL --token-file FILE gives another token)")
        token.write_text("another")
        assert (fix("origin").exit, only_clone(clones).head) == (0, origin.head)

    def test_token_changes_while_the_clone_cannot_be_made(
        self, https: GitServer, origin: Origin, person: Clone, tmp_path: Path, token: Path
    ) -> None:
        ended = register(https.url(origin.path), "--token-file", str(tmp_path / "missing"))
        assert (ended.exit, "it is not cloned yet" in ended.stdout) == (0, True)
        assert ended.stderr == (
            f"origin: the clone could not be made: the token file {tmp_path / 'missing'} cannot be read: "
            "No such file or directory\n"
        )
        assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
        assert fix("origin").exit == 0

    def test_redirect_to_another_server_gets_no_token(
        self, https: GitServer, origin: Origin, person: Clone, token: Path, tmp_path: Path
    ) -> None:
        with git_server(tmp_path, tmp_path / "elsewhere") as other:
            with (Path.home() / ".gitconfig").open("a") as file:
                file.write(f'[http "{other.site}"]\n\tsslCAInfo = {other.certificate}\n')
            https.redirect = other.site
            ended = register(https.url(origin.path), "--token-file", str(token))
        assert (ended.exit, "it is not cloned yet" in ended.stdout) == (0, True)
        assert other.credentials == []

    def test_helper_of_the_machine_is_not_asked(
        self, https: GitServer, origin: Origin, person: Clone, token: Path, tmp_path: Path
    ) -> None:
        seen = tmp_path / "seen"
        with (Path.home() / ".gitconfig").open("a") as file:
            file.write(f'[credential]\n\thelper = "!touch {seen}; cat >/dev/null; true"\n')
        assert register(https.url(origin.path), "--token-file", str(token)).exit == 0
        assert not seen.exists()
