"""git is run with nothing of the caller's, within its time, and speaks for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType

import pytest

from consistency.git.process import Git, GitError, GitMissingError, GitTimeoutError
from consistency.git.remote import Fetched
from consistency.git.status import read_status
from consistency.git.worktree import WorkTree
from testing.gitlog import GitProcesses
from testing.manage import ROOT
from testing.repos import Clone, Origin
from tests.git.desk import fetched, upstream_of
from tests.git.processes import gone

Program = Callable[[str, str], Path]


def environment(git: Git, env: dict[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a program started by git sees."""
    lines = git.run("shown", config={"alias.shown": "!env"}, env=env).decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_the_callers_git_variables_do_not_reach_git(
    clone: Clone, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = origin.clone("other")
    strange = tmp_path / "strange.config"
    strange.write_text("[user]\n\tname = Stranger\n")
    for name, value in {
        "GIT_DIR": str(other.path / ".git"),
        "GIT_WORK_TREE": str(other.path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(strange),
        "GIT_CONFIG_PARAMETERS": "'user.name=Stranger'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Stranger",
        "GIT_NAMESPACE": "strange",
        "GIT_GLOB_PATHSPECS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    git = Git(str(clone.path))
    assert git.run("rev-parse", "--show-toplevel").decode() == f"{clone.path}\n"
    assert git.run("ls-files") == b"README.md\n"
    assert git.run("config", "user.name") == b"Test Person\n"


def test_our_own_variables_win_over_the_callers(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_TERMINAL_PROMPT", "GIT_ASKPASS", "GIT_EDITOR", "GIT_AUTHOR_NAME", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "1")
    seen = environment(Git(str(clone.path)), env={"GIT_AUTHOR_NAME": "Hub"})
    assert {name: value for name, value in seen.items() if name in os.environ and name.startswith("GIT_")} == {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_EDITOR": ":",
        "GIT_AUTHOR_NAME": "Hub",
    }


def test_hooks_and_helpers_speak_utf8_and_english(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    seen = environment(Git(str(clone.path)))
    assert (seen["LC_ALL"], seen["LANGUAGE"]) == ("C.UTF-8", "C")


def test_first_command_starts_one_process(clone: Clone, program: Program, git_processes: GitProcesses) -> None:
    surprise = program("surprise", f"touch {clone.path}/surprised")
    code = f"from consistency.git.process import Git; Git({str(clone.path)!r}).run('version')"
    environ = {**os.environ, "GIT_PYTHON_GIT_EXECUTABLE": str(surprise), "GIT_PYTHON_REFRESH": "error"}
    git_processes.clear()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, check=True)
    assert [call[-1] for call in git_processes] == ["version"]
    assert not (clone.path / "surprised").exists()


def test_standard_input_reaches_git_and_is_empty_else(clone: Clone) -> None:
    git = Git(str(clone.path))
    git.run("hash-object", "-w", "--stdin", stdin=b"x\0\xff")
    assert (
        git.run("cat-file", "blob", git.run("hash-object", "--stdin", stdin=b"x\0\xff").decode().strip()) == b"x\0\xff"
    )
    assert git.run("hash-object", "--stdin") == b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"


def test_standard_input_that_nobody_reads_is_no_fault(clone: Clone) -> None:
    assert Git(str(clone.path)).run("version", stdin=b"x" * 1_000_000).startswith(b"git version")


def test_exit_status_that_is_good(clone: Clone) -> None:
    assert Git(str(clone.path)).run("config", "no.such", ok=(0, 1)) == b""


def test_error_without_words_tells_the_exit_status(clone: Clone) -> None:
    with pytest.raises(GitError, match=r"^git config ended with 1$"):
        Git(str(clone.path)).run("config", "no.such")


def test_error_has_gits_last_words_without_its_advice(clone: Clone) -> None:
    script = "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; echo hint: do this >&2; echo >&2; exit 3"
    with pytest.raises(GitError, match=r"^line 2 · line 3 · line 4 · line 5 · line 6 · line 7$"):
        Git(str(clone.path)).run("fails", config={"alias.fails": f"!{script}"})


def test_error_on_standard_output_and_not_utf8(clone: Clone) -> None:
    with pytest.raises(GitError, match=r"^said \ufffd$"):
        Git(str(clone.path)).run("fails", config={"alias.fails": "!printf 'said \\377'; exit 1"})


def test_very_long_words_are_cut(clone: Clone) -> None:
    with pytest.raises(GitError) as caught:
        Git(str(clone.path)).run("fails", config={"alias.fails": "!printf '%5000s' x | tr ' ' y; exit 1"})
    assert len(str(caught.value)) == 600


def test_git_missing_from_path(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissingError, match=r"^git is not on the PATH: install git$"):
        Git(str(clone.path)).run("version")


def test_git_whose_interpreter_is_missing(clone: Clone, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = program("git", "")
    broken.write_text("#!/no/such/shell\n")
    monkeypatch.setenv("PATH", str(broken.parent))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    with pytest.raises(GitError, match=r"^git cannot be started: "):
        Git(str(clone.path)).run("version")


def test_git_is_all_that_is_needed_on_the_path(clone: Clone, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    lone = program("git", f'exec {real} "$@"')
    monkeypatch.setenv("PATH", str(lone.parent))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert Git(str(clone.path)).run("ls-files") == b"README.md\n"


def test_arguments_beyond_the_systems_limit(clone: Clone) -> None:
    with pytest.raises(GitError, match=r"^git cannot be started: .*Argument list too long"):
        Git(str(clone.path)).run("ls-files", "--", "x" * 3_000_000)


def test_folder_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(GitError, match=r"cannot change to '.*/gone': No such file or directory"):
        Git(str(tmp_path / "gone")).run("status")


@pytest.mark.parametrize("name", ["$HOME", "~", "a b", "-x", "ü\n", "%s"])
def test_odd_and_relative_folders(origin: Origin, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = origin.clone(name).path
    monkeypatch.chdir(folder.parent)
    assert Git(name).run("ls-files") == b"README.md\n"
    assert Git(str(folder)).run("ls-files") == b"README.md\n"


def test_own_folder_gone(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doomed = tmp_path / "doomed"
    doomed.mkdir()
    monkeypatch.chdir(doomed)
    doomed.rmdir()
    assert Git(str(clone.path)).run("ls-files") == b"README.md\n"


def test_pathspecs_are_literal_unless_asked(clone: Clone) -> None:
    git = Git(str(clone.path))
    assert git.run("ls-files", "--", "*.md") == b""
    assert git.run("ls-files", "--", ":(glob)*.md", magic_pathspecs=True) == b"README.md\n"


def test_time_limit_ends_git_and_its_grandchildren(clone: Clone, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! >{tmp_path}/grandchild; echo $$ >{tmp_path}/child; wait"
    with pytest.raises(GitTimeoutError, match=r"^git hang did not end within 0.3 s$"):
        Git(str(clone.path)).run("hang", config={"alias.hang": f"!{script}"}, timeout=0.3)
    for name in ("child", "grandchild"):
        assert gone(int((tmp_path / name).read_text()))


def test_time_limit_when_a_grandchild_ignores_sigterm(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consistency.git.process.KILL_GRACE_SECONDS", 0.2)
    script = f"trap '' TERM; echo $$ >{tmp_path}/child; while :; do sleep 0.1; done"
    with pytest.raises(GitTimeoutError):
        Git(str(clone.path)).run("hang", config={"alias.hang": f"!{script}"}, timeout=0.3)
    assert gone(int((tmp_path / "child").read_text()))


def test_time_limit_when_somebody_left_the_group(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consistency.git.process.KILL_GRACE_SECONDS", 0.2)
    code = f"import os,time; os.setsid(); open('{tmp_path}/pid','w').write(str(os.getpid())); time.sleep(60)"
    script = f'{sys.executable} -c "{code}" & wait'
    started = time.monotonic()
    try:
        with pytest.raises(GitTimeoutError):
            Git(str(clone.path)).run("hang", config={"alias.hang": f"!{script}"}, timeout=0.5)
        assert time.monotonic() - started < 5
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_interrupt_ends_git_too(clone: Clone, tmp_path: Path) -> None:
    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            Git(str(clone.path)).run("hang", config={"alias.hang": f"!echo $$ >{tmp_path}/child; exec sleep 60"})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert gone(int((tmp_path / "child").read_text()))


def test_two_run_at_the_same_time(clone: Clone, tmp_path: Path) -> None:
    git = Git(str(clone.path))
    meet = "touch {0}; for i in $(seq 100); do [ -e {1} ] && echo met && exit; sleep 0.05; done"
    one, other = (meet.format(tmp_path / here, tmp_path / there) for here, there in (("a", "b"), ("b", "a")))
    with (
        git.start("meet", config={"alias.meet": f"!{one}"}) as first,
        git.start("meet", config={"alias.meet": f"!{other}"}) as second,
    ):
        assert (first.output(), second.output()) == (b"met\n", b"met\n")


def test_output_beyond_the_pipe_waits_for_its_reader(clone: Clone) -> None:
    git = Git(str(clone.path))
    with git.start("print", config={"alias.print": "!seq 100000"}) as numbers, git.start("version") as version:
        assert version.output().startswith(b"git version")
        assert numbers.output().split()[-1] == b"100000"


def test_error_of_one_stops_the_other_and_removes_its_leftovers(clone: Clone, tree: WorkTree, tmp_path: Path) -> None:
    left = clone.path / ".git" / "objects" / "pack" / "tmp_pack_1"
    script = f"touch {left}; echo $$ >{tmp_path}/child; exec sleep 60"
    with (  # noqa: PT012 - the second must be running
        pytest.raises(GitError, match=r"^git config ended with 1$"),
        tree.git.start("hang", config={"alias.hang": f"!{script}"}),
    ):
        while not (tmp_path / "child").exists():
            time.sleep(0.01)
        tree.git.run("config", "no.such")
    assert gone(int((tmp_path / "child").read_text()))
    assert not left.exists()


def test_ssh_that_hangs_is_stopped(clone: Clone, tree: WorkTree, tmp_path: Path, program: Program) -> None:
    ssh = program("ssh", f'echo "$@" >{tmp_path}/arguments; echo $$ >{tmp_path}/pid; sleep 60')
    clone.git("remote", "set-url", "origin", "ssh://nobody@host.invalid/x")
    clone.git("config", "core.sshCommand", str(ssh))
    assert fetched(tree, 0.5).outcome == "git fetch did not end within 0.5 s"
    assert "-oBatchMode=yes" in (tmp_path / "arguments").read_text()
    assert gone(int((tmp_path / "pid").read_text()))
    fetched_in_vain = Fetched("git fetch did not end within 0.5 s")
    assert read_status(tree, "*.md", upstream_of(tree), fetched_in_vain, "main").freshness == "unknown"


def test_the_callers_ssh_is_not_used(
    clone: Clone, tree: WorkTree, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, strange = program("own", "echo own >&2; exit 1"), program("strange", "echo strange >&2; exit 1")
    clone.git("remote", "set-url", "origin", "ssh://nobody@host.invalid/x")
    clone.git("config", "core.sshCommand", str(own))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(strange))
    monkeypatch.setenv("GIT_SSH", str(strange))
    assert fetched(tree, 5).outcome.startswith("own")


def test_remote_helper_that_never_answers(
    clone: Clone, tree: WorkTree, tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = program("git-remote-silent", f"echo $$ >{tmp_path}/pid; sleep 60")
    monkeypatch.setenv("PATH", str(helper.parent), prepend=":")
    monkeypatch.setenv("STATEHUB_GIT_PROTOCOLS", "silent")
    clone.git("remote", "set-url", "origin", "silent::x")
    assert fetched(tree, 0.5).outcome == "git fetch did not end within 0.5 s"
    assert gone(int((tmp_path / "pid").read_text()))


class _Unauthorized(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def locked_door() -> Iterator[str]:
    """Yield the URL of a server that wants a password."""
    with HTTPServer(("127.0.0.1", 0), _Unauthorized) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x.git"
        server.shutdown()
        thread.join()


def test_nobody_is_asked_for_a_password(
    clone: Clone, tree: WorkTree, locked_door: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path(clone.git("--exec-path"), "git-remote-http").exists():
        pytest.skip("this git has no http transport")
    asks = program("asks", f"touch {clone.path}/asked; echo secret")
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(asks))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
    clone.git("config", "core.askPass", str(asks))
    clone.git("remote", "set-url", "origin", locked_door)
    assert "could not read Username" in fetched(tree, 10).outcome
    assert clone.status() == []


def test_no_program_of_the_configuration_is_run_by_a_look(clone: Clone, tree: WorkTree, program: Program) -> None:
    spy = program("spy", f"echo ran >>{clone.path}/.git/spied")
    clone.git("config", "core.fsmonitor", str(spy))
    clone.git("config", "core.pager", str(spy))
    clone.git("config", "diff.external", str(spy))
    read_status(tree, "*.md", upstream_of(tree), Fetched("ok", clone.head), "main")
    fetched(tree, 10)
    assert not (clone.path / ".git" / "spied").exists()


def test_a_look_does_not_write_to_the_index(clone: Clone, tree: WorkTree) -> None:
    os.utime(clone.path / "README.md", (1, 1))
    before = clone.read(".git/index")
    assert read_status(tree, "*.md", upstream_of(tree), Fetched("ok", clone.head), "main").dirty == frozenset()
    assert clone.read(".git/index") == before
