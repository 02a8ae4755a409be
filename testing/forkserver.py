"""Start `manage.py` in forks of a process that has loaded Django and the libraries already, but nothing of a hub.

A fork is a process of its own in all that a test can see: environment, folder, files, exit status. It reads its
settings and sets Django up itself; only the imports that cost the same each time are done. A test that needs
Python's own start (another locale, other `PYTHON…` variables) gets a new interpreter: `testing.manage` does that.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pickle
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
PRELOADED = (
    "coverage", "django.core.management", "django.db.backends.sqlite3.base",
    "django.db.migrations.executor", "django.db.models", "django.urls", "environ", "psycopg",
    "consistency.core.comparison.workplans", "consistency.core.workplan.parse", "consistency.git.commit",
    "consistency.git.writeback",
)  # fmt: skip
"""Modules that read no setting when they are imported."""


class ForkServer:
    """The client's side: one server for this process, started when it is needed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def run(
        self, args: Sequence[str], env: Mapping[str, str], cwd: Path, input: str, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run `manage.py` with *args*; its exit status, stdout and stderr. Raises subprocess.TimeoutExpired."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(input.encode())
            stdin.seek(0)
            exit = self._wait(self._start((list(args), dict(env), str(cwd)), (stdin, out, err)), args, timeout)
            return exit, _whole(out), _whole(err)

    def _start(self, request: object, files: Sequence[IO[bytes]]) -> int:
        """Send *request*; the pipe on which its process id and its exit status come."""
        answers, answering = os.pipe()
        data = pickle.dumps(request)
        with self._lock:
            control = self._connected()
            control.sendall(len(data).to_bytes(4, "big") + data)
            socket.send_fds(control, [b"+"], [*(file.fileno() for file in files), answering])
        os.close(answering)
        return answers

    def _wait(self, answers: int, args: Sequence[str], timeout: float) -> int:
        with os.fdopen(answers, "rb", buffering=0) as pipe:
            pid = json.loads(_line(pipe))
            if not select.select([pipe], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                _line(pipe)
                raise subprocess.TimeoutExpired(["manage.py", *args], timeout)
            return int(json.loads(_line(pipe)))

    def _connected(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            self._control, theirs = socket.socketpair()
            self._owner = os.getpid()
            # Coverage starts in the forks. The server ends when this process has gone, and so its end of the socket.
            env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
            env.pop("DJANGO_SETTINGS_MODULE", None)
            command = [sys.executable, "-m", "testing.forkserver", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=env, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
            theirs.close()
            atexit.register(self._close, os.getpid())
        return self._control

    def _close(self, owner: int) -> None:
        """End the server with the process *owner* that started it; a fork of that process leaves it alone."""
        if os.getpid() == owner and self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _line(pipe: IO[bytes]) -> bytes:
    line = pipe.readline()
    if not line:
        raise RuntimeError("the server of forks is gone; its stderr says why")
    return line


def serve(control: socket.socket) -> None:
    """Fork for every request on *control*, until its other end is closed."""
    sys.path[0] = str(ROOT)
    for name in PRELOADED:
        import_module(name)
    gc.freeze()
    ended, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}  # Process id → the pipe on which its end is sent.
    while True:
        ready = select.select([control.fileno(), ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _tell_ends(running)
        if control.fileno() in ready:
            head = control.recv(4, socket.MSG_WAITALL)
            if not head:
                return
            length = int.from_bytes(head, "big")
            request = pickle.loads(control.recv(length, socket.MSG_WAITALL))  # noqa: S301 - from our parent
            _, (stdin, out, err, answering), _, _ = socket.recv_fds(control, 1, 4)
            child = os.fork()
            if child == 0:
                for other in (answering, ended, waking, *running.values()):
                    os.close(other)
                control.close()
                _be_manage(request, (stdin, out, err))
            for file in (stdin, out, err):
                os.close(file)
            running[child] = answering
            _tell(answering, child)


def _tell_ends(running: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            answering = running.pop(pid)
            _tell(answering, os.waitstatus_to_exitcode(status))
            os.close(answering)


def _tell(answering: int, number: int) -> None:
    with suppress(BrokenPipeError):  # Whoever asked has gone.
        os.write(answering, b"%d\n" % number)


def _be_manage(request: tuple[list[str], dict[str, str], str], files: tuple[int, int, int]) -> NoReturn:
    """Do what a new Python would with `manage.py`, from its start to its end."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        args, env, cwd = request
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            old = getattr(sys, name)
            new = open(number, mode, encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115 - to the end
            setattr(sys, name, new)
            setattr(sys, f"__{name}__", new)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = [str(ROOT / "manage.py"), *args]
        if any(name in env for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")):
            import_module("coverage").process_startup(force=True)
        status = _main()
        threading._shutdown()  # type: ignore[attr-defined]  # What Python does at its end, in its order.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - a fork must never return into the server
        status = 1
        traceback.print_exc()
    finally:
        os._exit(status)


def _main() -> int:
    gc.unfreeze()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - as Python's own end
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
