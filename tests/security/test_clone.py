"""Limits on the settings and hooks of a clone, and on the secrets in git's messages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.addresses import normalize_url
from consistency.git.process import Git, GitError
from consistency.git.pull import pull
from consistency.git.remote import find_upstream, push
from consistency.git.worktree import WorkTree, open_checkout
from testing.gitlog import GitProcesses
from testing.hub import Hub
from testing.manage import ROOT
from testing.repos import Clone, Origin
from tests.cli.helpers import run
from tests.git.desk import (
    WITH_HOOKS,
    advance,
    cached_status,
    commit_workplans,
    fetched,
    fetched_status,
    item,
    written,
)

Program = Callable[[str, str], Path]
Hook = Callable[[str, str], Path]
REFUSED = "transport '{}' not allowed"


@pytest.fixture
def on_path(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Puts a program on the PATH that leaves a file when it is run; the value is that file."""

    def put(name: str) -> Path:
        spy = tmp_path / f"{name} ran"
        monkeypatch.setenv("PATH", str(program(name, f"touch '{spy}'").parent), prepend=":")
        return spy

    return put


class TestRemoteHelpers:
    def test_ext_is_refused_even_where_the_clone_allows_it(self, clone: Clone, tree: WorkTree, tmp_path: Path) -> None:
        clone.git("config", "protocol.ext.allow", "always")
        clone.git("config", "protocol.allow", "always")
        clone.git("remote", "set-url", "origin", f"ext::touch {tmp_path}/ran")
        assert REFUSED.format("ext") in fetched(tree).outcome
        upstream = find_upstream(tree, [], "")
        assert upstream is not None
        assert REFUSED.format("ext") in push(tree, upstream, "origin/main", clone.head, 10).error
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("way", ["url", "vcs", "insteadOf", "pushInsteadOf"])
    def test_unknown_ones_are_refused_however_they_are_named(
        self, clone: Clone, tree: WorkTree, on_path: Callable[[str], Path], way: str
    ) -> None:
        spy = on_path("git-remote-strange")
        if way == "url":
            clone.git("remote", "set-url", "origin", "strange::x")
        elif way == "vcs":
            clone.git("config", "remote.origin.vcs", "strange")
        else:
            clone.git("config", f"url.strange::.{way}", "/")
        upstream = find_upstream(tree, [], "")
        assert upstream is not None
        trouble = push(tree, upstream, "origin/main", clone.head, 10).error
        elsewhere = "the clone pushes to strange" if way == "pushInsteadOf" else REFUSED.format("strange")
        assert elsewhere in trouble
        if way != "pushInsteadOf":
            assert REFUSED.format("strange") in fetched(tree).outcome
        assert not spy.exists()

    def test_default_branch_is_not_asked_of_one(self, clone: Clone, on_path: Callable[[str], Path], hub: Hub) -> None:
        spy = on_path("git-remote-strange")
        clone.git("remote", "set-head", "origin", "--delete")
        clone.git("remote", "set-url", "origin", "strange::x")
        assert run("register_repo", clone.path).exit == 0
        assert not spy.exists()

    def test_is_run_where_the_machine_allows_it(
        self, clone: Clone, tree: WorkTree, on_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spy = on_path("git-remote-strange")
        monkeypatch.setenv("STATEHUB_GIT_PROTOCOLS", "https:strange")
        clone.git("remote", "set-url", "origin", "strange::x")
        fetched(tree)
        assert spy.exists()

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "git://127.0.0.1:1/x", "ssh://h/x"]
    )
    def test_ordinary_protocols_are_allowed(self, clone: Clone, tree: WorkTree, program: Program, url: str) -> None:
        clone.git("config", "core.sshCommand", str(program("ssh", "exit 1")))
        clone.git("remote", "set-url", "origin", url)
        outcome = fetched(tree).outcome
        assert outcome
        assert "not allowed" not in outcome


def test_submodules_are_neither_fetched_nor_moved(
    clone: Clone, tree: WorkTree, new_origin: Callable[[str], Origin], origin: Origin, git_processes: GitProcesses
) -> None:
    inner = new_origin("inner")
    other = origin.clone("other")
    other.git("submodule", "add", "--quiet", str(inner.path), "module")
    other.commit()
    other.push()
    clone.pull()
    clone.git("submodule", "update", "--init", "--quiet")
    for key in ("submodule.recurse", "fetch.recurseSubmodules", "push.recurseSubmodules"):
        clone.git("config", key, "on-demand" if key.startswith("push") else "true")
    news = inner.clone("news")
    advance(news)
    other.git("-C", "module", "pull", "--quiet", "origin", "main")
    other.commit()
    other.push()
    module = Clone(clone.path / "module")
    before = module.head
    inner.path.rename(inner.path.with_name("gone"))
    git_processes.clear()
    assert fetched(tree).outcome == "ok"
    tree.git.run("merge", "--ff-only", "--quiet", "@{upstream}")
    commit_workplans(clone)
    assert written(clone, item()).commit == clone.head
    upstream = find_upstream(tree, [], "")
    assert upstream is not None
    assert push(tree, upstream, "origin/main", clone.head, 10).error == ""
    assert (module.head, module.git("branch", "--remotes", "--contains", before, "--list", "origin/main")) == (
        before,
        "  origin/main",
    )


def test_programs_of_the_configuration_that_never_run(
    origin: Origin, clone: Clone, tree: WorkTree, program: Program, tmp_path: Path
) -> None:
    commit_workplans(clone)
    spy = program("spy", f'echo "$0 $@" >>{tmp_path}/ran')
    for key in (
        "core.fsmonitor", "core.pager", "core.editor", "sequence.editor", "core.askPass", "diff.external",
        "diff.spy.textconv", "diff.spy.command", "gpg.program", "merge.spy.driver", "difftool.spy.cmd",
        "interactive.diffFilter", "trailer.spy.cmd", "browser.spy.cmd",
    ):  # fmt: skip
        clone.git("config", key, str(spy))
    for name in ("status", "commit", "fetch", "push", "ls-files", "merge"):
        clone.git("config", f"alias.{name}", f"!{spy}")
    clone.git("config", "commit.gpgSign", "true")
    clone.write(".gitattributes", "*.md diff=spy merge=spy\n")
    clone.git("-c", "commit.gpgSign=false", "-c", "core.fsmonitor=", "-c", "core.editor=:", "add", "--all")
    clone.git("-c", "commit.gpgSign=false", "-c", "core.fsmonitor=", "commit", "--quiet", "--message=x")
    (tmp_path / "ran").unlink(missing_ok=True)
    assert fetched_status(clone).freshness == "fresh"
    result = written(clone, item())
    upstream = find_upstream(tree, [], "")
    assert upstream is not None
    assert push(tree, upstream, "origin/main", result.commit or "", 10).error == ""
    assert (result.commit, origin.head) == (clone.head, clone.head)
    assert not (tmp_path / "ran").exists()


def test_hooks_of_the_clone_run_at_a_commit_alone(
    origin: Origin, clone: Clone, tree: WorkTree, hook: Hook, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name in (
        "pre-push", "post-merge", "post-checkout", "post-index-change", "reference-transaction", "post-rewrite",
    ):  # fmt: skip
        hook(name, f"echo {name} >>{ran}")
    clone.git("config", "core.hooksPath", str(clone.path / ".git/hooks"))
    advance(origin.clone("other"))
    assert fetched(tree).outcome == "ok"
    tree.git.run("merge", "--ff-only", "--quiet", "@{upstream}")
    tree.git.run("reset", "--quiet", "--keep", "HEAD~1")
    upstream = find_upstream(tree, [], "")
    assert upstream is not None
    assert push(tree, upstream, "origin/main", "origin/main", 10).error == ""
    assert not ran.exists()
    tree.git.run("commit", "--quiet", "--allow-empty", "--message=x", hooks=True)
    assert set(ran.read_text().split()) == {"reference-transaction"}


def test_hooks_filters_and_ssh_of_the_clone_are_its_owners(
    clone: Clone, tree: WorkTree, hook: Hook, program: Program, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name in ("pre-commit", "commit-msg", "post-commit", "pre-push", "reference-transaction"):
        hook(name, f"echo {name} >>{ran}")
    clone.git("config", "filter.spy.clean", f"echo clean >>{ran}; cat")
    clone.git("config", "core.sshCommand", str(program("own-ssh", f"echo ssh >>{ran}; exit 1")))
    clone.write(".git/info/attributes", "*.md filter=spy\n")
    commit_workplans(clone)
    ran.unlink()
    clone.push()
    ran.unlink()
    written(clone, item(), committer=WITH_HOOKS)
    upstream = find_upstream(tree, [], "")
    assert upstream is not None
    push(tree, upstream, "origin/main", clone.head, 10)
    clone.git("remote", "set-url", "origin", "ssh://h/x")
    fetched(tree)
    assert set(ran.read_text().split()) == {
        "pre-commit", "commit-msg", "post-commit", "reference-transaction", "clean", "ssh",
    }  # fmt: skip


class TestPasswords:
    @pytest.mark.parametrize(
        "url", ["https://me:hunter2@h.invalid/x", "https://hunter2@h.invalid/x", "ssh://me:hunter2@h/x"]
    )
    def test_of_an_address_are_not_in_gits_words(self, clone: Clone, url: str) -> None:
        with pytest.raises(GitError) as caught:
            Git(str(clone.path)).run("fails", config={"alias.fails": f"!echo \"cannot reach '{url}'\" >&2; exit 1"})
        host = "ssh://me@h/x" if url.startswith("ssh") else "https://h.invalid/x"
        assert str(caught.value) == f"cannot reach '{host}'"

    def test_user_of_an_ssh_address_stays(self, clone: Clone) -> None:
        with pytest.raises(GitError, match=r"^ssh://git@h:22/x git@h:x$"):
            Git(str(clone.path)).run("fails", config={"alias.fails": "!echo ssh://git@h:22/x git@h:x; exit 1"})

    @pytest.mark.parametrize(
        ("url", "place"),
        [
            ("https://me:hunter2@h/x.git", "h/x"),
            ("https://me:hunter2@h", "/w/https:/h"),
            ("strange::https://me:hunter2@h/x", "strange/:https://h/x"),
            ("https://me:hunter2@h:port/x", "/w/https:/h:port/x"),
        ],
    )
    def test_of_an_address_are_not_in_the_name_of_the_origin(self, url: str, place: str) -> None:
        assert normalize_url(url, "/w") == place

    def test_of_the_remote_are_nowhere_in_report_or_hub(self, clone: Clone, hub: Hub) -> None:
        clone.git("remote", "set-url", "origin", "http://me:hunter2@127.0.0.1:1/x.git")
        mirrored_before = run("register_repo", clone.path)
        ended = run("check_consistency", "--path", clone.path, "--format", "json", "--fetch-timeout", "5")
        assert '"freshness": "unknown"' in ended.stdout
        from consistency.models import Run
        from statehub.models import Repo

        kept = f"{list(Repo.objects.values())} {list(Run.objects.values())}"
        assert "127.0.0.1" in kept
        for text in (mirrored_before.stdout, mirrored_before.stderr, ended.stdout, ended.stderr, kept):
            assert "hunter2" not in text


class TestPartialClones:
    """Partial clones fetch missing objects at almost any command, from the remote in their settings."""

    @pytest.fixture
    def partial(self, origin: Origin, clone: Clone) -> Clone:
        """A clone without the blobs of its history, whose index has one that is not there either."""
        clone.write("workplans/a.md", "new\n")
        clone.commit()
        clone.push()
        origin.git("config", "uploadpack.allowFilter", "true")
        origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
        partial = origin.clone("partial", "--no-local", "--filter=blob:none", "--no-checkout")
        partial.git("reset", "--quiet")
        return partial

    @pytest.mark.parametrize(
        "command",
        [
            ("cat-file", "-p", "HEAD:README.md"), ("checkout", "--force", "main"), ("status",), ("log", "-p"),
            ("reset", "--hard"), ("blame", "HEAD", "--", "README.md"), ("diff", "HEAD"), ("fetch", "--refetch"),
            ("merge", "--ff-only", "origin/main"), ("ls-remote",),
        ],
        ids=lambda command: command[0],
    )  # fmt: skip
    def test_no_program_runs_whatever_the_promisor_is(
        self, partial: Clone, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        partial.git("config", "protocol.ext.allow", "always")
        partial.git("config", "remote.origin.url", f"ext::touch {tmp_path}/ran")
        words = ""
        try:
            Git(str(partial.path)).run(*command)
        except GitError as error:
            words = str(error)
        assert (REFUSED.format("ext") in words) is (command[0] not in ("status", "merge"))
        assert not (tmp_path / "ran").exists()

    def test_pull_fetches_no_more_often_than_git_does(self, origin: Origin, partial: Clone, tmp_path: Path) -> None:
        partial.git("checkout", "--quiet", "--force", "main")
        other = origin.clone("other")
        for number in range(50):
            other.write(f"workplans/{number}.md", f"{number}\n")
        other.commit()
        other.push()
        alone = origin.clone("alone", "--no-local", "--filter=blob:none", "--no-checkout")
        alone.git("reset", "--quiet", "--hard", "HEAD~1")

        def fetches(clone: Clone, pulled: Callable[[], object]) -> int:
            counter = tmp_path / f"{clone.path.name} asks"
            script = tmp_path / f"{clone.path.name}-upload-pack"
            script.write_text(f"#!/bin/sh\necho x >>'{counter}'\nexec git-upload-pack \"$@\"\n")
            script.chmod(0o755)
            clone.git("fetch", "--quiet")
            clone.git("config", "remote.origin.uploadpack", f"'{script}'")
            pulled()
            assert clone.head == other.head
            return counter.read_text().count("x")

        def ours() -> None:
            pull(open_checkout(str(partial.path)), cached_status(partial), 60, lambda _commits: {}, None)

        assert fetches(partial, ours) == fetches(alone, lambda: alone.git("merge", "--ff-only", "--quiet")) == 1


def test_ssh_that_git_starts_by_itself_can_ask_nobody(clone: Clone, origin: Origin, program: Program) -> None:
    """A lazy fetch uses the clone's `core.sshCommand`, also with a terminal."""
    origin.git("config", "uploadpack.allowFilter", "true")
    partial = origin.clone("partial", "--no-local", "--filter=blob:none", "--no-checkout")
    asks = 'if (: </dev/tty) 2>/dev/null; then echo terminal; fi; echo "[$SSH_ASKPASS $SSH_ASKPASS_REQUIRE]"'
    partial.git("config", "core.sshCommand", str(program("ssh", f"({asks}) >&2; exit 1")))
    partial.git("config", "remote.origin.url", "ssh://h/x")
    code = (
        "import pty, sys\n"
        "if (pid := pty.fork()[0]) == 0:\n"
        "    open('/dev/tty').close()\n"
        "    from consistency.git.process import Git, GitError\n"
        "    try:\n"
        f"        Git({str(partial.path)!r}).run('cat-file', '-p', 'HEAD:README.md')\n"
        "    except GitError as error:\n"
        f"        open({str(partial.path.with_name('said'))!r}, 'w').write(str(error))\n"
        "    import os; os._exit(0)\n"
        "import os; os.waitpid(pid, 0)\n"
    )
    environ = {**os.environ, "SSH_ASKPASS": "/bin/echo", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, check=True)
    said = partial.path.with_name("said").read_text()
    assert said.startswith("[ never]")
    assert "terminal" not in said


def test_programs_of_alternates_and_signatures_never_run(
    origin: Origin, clone: Clone, tree: WorkTree, program: Program, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    spy = str(program("spy", f"echo ran >>{ran}; exit 1"))
    other = origin.clone("other")
    (clone.path / ".git/objects/info/alternates").write_text(f"{other.path}/.git/objects\n")
    for key in ("core.alternateRefsCommand", "gpg.program", "gpg.ssh.program", "trace2.eventTarget"):
        clone.git("config", key, spy)
    for key in ("log.showSignature", "push.gpgSign", "submodule.recurse"):
        clone.git("config", key, "true")
    signed = clone.git("cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n\n", 1
    )
    commit = clone.git("hash-object", "-t", "commit", "-w", "--stdin", input=f"{signed}\n")
    advance(other)
    assert fetched(tree).outcome == "ok"
    tree.git.run("log", "--max-count=1", commit)
    upstream = find_upstream(tree, [], "")
    assert upstream is not None
    assert push(tree, upstream, "origin/main", "origin/main", 10).error == ""
    assert not ran.exists()
