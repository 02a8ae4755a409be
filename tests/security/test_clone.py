"""What a clone's own settings and hooks can make git do, and what they cannot; what git's words give away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.checkout.git import Git, GitError
from consistency.checkout.remote import normalised, push, upstream_of
from consistency.checkout.worktree import WorkTree
from tests.checkout.desk import advance, fetched, item, laid_out, seen, written
from tests.commands.helpers import run
from tests.support.gitlog import GitProcesses
from tests.support.hub import Hub
from tests.support.repos import Clone, Origin

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
        upstream = upstream_of(tree)
        assert upstream is not None
        assert REFUSED.format("ext") in push(tree, upstream, clone.head, 10).trouble
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
        upstream = upstream_of(tree)
        assert upstream is not None
        assert REFUSED.format("strange") in push(tree, upstream, clone.head, 10).trouble
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
    laid_out(clone)
    assert written(clone, item()).commit == clone.head
    upstream = upstream_of(tree)
    assert upstream is not None
    assert push(tree, upstream, clone.head, 10).trouble == ""
    assert (module.head, module.git("branch", "--remotes", "--contains", before, "--list", "origin/main")) == (
        before,
        "  origin/main",
    )


def test_programs_of_the_configuration_that_never_run(
    origin: Origin, clone: Clone, tree: WorkTree, program: Program, tmp_path: Path
) -> None:
    laid_out(clone)
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
    assert seen(clone).freshness == "fresh"
    result = written(clone, item())
    upstream = upstream_of(tree)
    assert upstream is not None
    assert push(tree, upstream, result.commit or "", 10).trouble == ""
    assert (result.commit, origin.head) == (clone.head, clone.head)
    assert not (tmp_path / "ran").exists()


def test_hooks_filters_and_ssh_of_the_clone_are_its_owners(
    clone: Clone, tree: WorkTree, hook: Hook, program: Program, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name in ("pre-commit", "commit-msg", "post-commit", "pre-push", "reference-transaction"):
        hook(name, f"echo {name} >>{ran}")
    clone.git("config", "filter.spy.clean", f"echo clean >>{ran}; cat")
    clone.git("config", "core.sshCommand", str(program("own-ssh", f"echo ssh >>{ran}; exit 1")))
    clone.write(".git/info/attributes", "*.md filter=spy\n")
    laid_out(clone)
    ran.unlink()
    written(clone, item())
    upstream = upstream_of(tree)
    assert upstream is not None
    push(tree, upstream, clone.head, 10)
    clone.git("remote", "set-url", "origin", "ssh://h/x")
    fetched(tree)
    assert set(ran.read_text().split()) == {
        "pre-commit", "commit-msg", "post-commit", "pre-push", "reference-transaction", "clean", "ssh",
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
        assert normalised(url, "/w") == place

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
