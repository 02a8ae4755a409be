"""The monitor's pings: what is called when, and that nothing else changes by them."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import BaseHandler, Request
from urllib.response import addinfourl

import pytest
from pytest_django.fixtures import Settings

from consistency.cli.ping import _opener, address, pinged
from statehub.models import Repo
from testing.hub import Hub
from testing.manage import ROOT, Ended
from testing.repos import Clone
from tests.cli.helpers import FILE, TEXT, mirrored, run
from tests.cli.test_imports import loaded

RID = re.compile(r"rid=[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass
class Monitor:
    """A server on 127.0.0.1 that keeps what it was asked for; *answers* are by path, and 200 otherwise."""

    url: str = ""
    calls: list[str] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    hangs: threading.Event = field(default_factory=threading.Event)

    def took(self) -> list[str]:
        """Return the requests until now; all of them must have had the same id, shown as `rid=…`."""
        assert len({tuple(RID.findall(call)) for call in self.calls}) <= 1
        return [RID.sub("rid=…", call) for call in self.calls]


def handler(monitor: Monitor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            monitor.calls.append(self.path)
            monitor.agents.add(self.headers["User-Agent"])
            path = self.path.partition("?")[0]
            if path == "/slow":
                monitor.hangs.wait(30)
            if path == "/drip":  # a line now and then: no single wait is too long
                self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                while not monitor.hangs.wait(0.05):
                    self.wfile.write(b"X: x\r\n")
            status, location = monitor.answers.get(path, (200, ""))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    monitor = Monitor()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(monitor))
    monitor.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield monitor
    finally:
        monitor.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 that is taken, but does not accept connections."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def ended_with(url: str, work: Callable[[], object] = lambda: None, seconds: float = 20) -> list[str]:
    """Return the warnings while *work* is done between the pings."""
    warnings: list[str] = []
    with pinged(url, warnings.append, seconds):
        work()
    return warnings


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "end", "expected"),
        [
            ("https://hc.example.org/uuid", "", "https://hc.example.org/uuid?rid=7"),
            ("https://hc.example.org/uuid", "/start", "https://hc.example.org/uuid/start?rid=7"),
            ("https://hc.example.org/uuid/", "/fail", "https://hc.example.org/uuid/fail?rid=7"),
            ("https://hc.example.org/uuid/", "", "https://hc.example.org/uuid/?rid=7"),
            ("https://hc.example.org", "/start", "https://hc.example.org/start?rid=7"),
            (
                "http://h:8000/key/slug?create=1&x=a%26b",
                "/start",
                "http://h:8000/key/slug/start?create=1&x=a%26b&rid=7",
            ),
            ("http://h/a?create=1#top", "", "http://h/a?create=1&rid=7"),
        ],
    )
    def test_of_a_ping(self, url: str, end: str, expected: str) -> None:
        assert address(url, end, "7") == expected


class TestPings:
    def test_of_what_went_well(self, monitor: Monitor) -> None:
        seen: list[list[str]] = []
        assert ended_with(f"{monitor.url}/uuid?create=1", lambda: seen.append(monitor.took())) == []
        assert seen == [["/uuid/start?create=1&rid=…"]]
        assert monitor.took() == ["/uuid/start?create=1&rid=…", "/uuid?create=1&rid=…"]
        assert [str(agent).partition("/")[0] for agent in monitor.agents] == ["statehub"]

    @pytest.mark.parametrize("status", [1, 2, "words"])
    def test_of_an_exit(self, monitor: Monitor, status: object) -> None:
        with pytest.raises(SystemExit) as ended:
            ended_with(f"{monitor.url}/uuid", lambda: sys.exit(status))  # type: ignore[arg-type]  # as Python has it
        assert (ended.value.code, monitor.took()) == (status, ["/uuid/start?rid=…", "/uuid/fail?rid=…"])

    @pytest.mark.parametrize("status", [0, None])
    def test_of_an_exit_that_is_none(self, monitor: Monitor, status: int | None) -> None:
        with pytest.raises(SystemExit):
            ended_with(f"{monitor.url}/uuid", lambda: sys.exit(status))
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid?rid=…"]

    @pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
    def test_of_an_error(self, monitor: Monitor, error: type[BaseException]) -> None:
        def work() -> None:
            raise error

        with pytest.raises(error):
            ended_with(f"{monitor.url}/uuid", work)
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid/fail?rid=…"]

    def test_each_command_has_an_id_of_its_own(self, monitor: Monitor) -> None:
        for _ in range(2):
            ended_with(f"{monitor.url}/uuid")
        assert len({RID.findall(call)[0] for call in monitor.calls}) == 2


class TestTrouble:
    def test_nobody_listens(self) -> None:
        with closed_port() as port:
            line = "warning: ping of 127.0.0.1 failed: Connection refused"
            assert ended_with(f"http://127.0.0.1:{port}/secret") == [line, line]

    @pytest.mark.parametrize("path", ["/slow", "/drip"])
    def test_answer_that_takes_too_long(self, monitor: Monitor, path: str) -> None:
        monitor.answers = {"/moved": (302, path), "/moved/start": (302, path)}
        begun = time.monotonic()
        warnings = ended_with(f"{monitor.url}/moved", seconds=0.3)
        assert time.monotonic() - begun < 10
        line = "warning: ping of 127.0.0.1 failed: no answer within 0.3 seconds"
        assert warnings == [line, line]

    def test_answer_that_is_an_error(self, monitor: Monitor) -> None:
        monitor.answers = {"/uuid/start": (404, ""), "/uuid": (500, "")}
        words = [f"warning: ping of 127.0.0.1 failed: it answered {status}" for status in (404, 500)]
        assert ended_with(f"{monitor.url}/uuid") == words

    def test_answer_that_is_no_http(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:

            def answer() -> None:
                for _ in range(2):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(10_000)
                        connection.sendall(b"SSH-2.0\r\x1b[31m\n")

            thread = threading.Thread(target=answer)
            thread.start()
            warnings = ended_with(f"http://127.0.0.1:{server.getsockname()[1]}/uuid")
            thread.join()
        assert warnings == ["warning: ping of 127.0.0.1 failed: SSH-2.0 \x1b[31m"] * 2

    def test_reader_of_stderr_has_gone(self) -> None:
        def gone(line: str) -> None:
            raise BrokenPipeError

        with closed_port() as port, pinged(f"http://127.0.0.1:{port}/uuid", gone):
            pass


class TestRedirects:
    def test_is_followed(self, monitor: Monitor) -> None:
        monitor.answers["/old"] = (301, f"{monitor.url}/new?a=1")
        assert ended_with(f"{monitor.url}/old") == []
        assert monitor.calls[2] == "/new?a=1"

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://127.0.0.1/"])
    def test_to_another_scheme(self, monitor: Monitor, target: str) -> None:
        monitor.answers["/uuid"] = (302, target)
        words = "it answered 302, a redirect that is not followed"
        assert ended_with(f"{monitor.url}/uuid") == [f"warning: ping of 127.0.0.1 failed: {words}"]

    @pytest.mark.parametrize(("target", "followed"), [("http", False), ("https", True)])
    def test_of_https(self, target: str, followed: bool) -> None:
        """No server of ours speaks TLS: https answers by a stand-in for the network."""
        taken: list[str] = []

        class Network(BaseHandler):
            handler_order = 0

            def https_open(self, request: Request) -> addinfourl:
                headers = Message()
                headers["Location"] = f"{target}://127.0.0.1:1/new"
                taken.append(request.full_url)
                moved = addinfourl(io.BytesIO(), headers, request.full_url, 302 if len(taken) == 1 else 200)
                moved.msg = "Found"  # type: ignore[attr-defined]  # as http.client's answers have it
                return moved

        opener = _opener()
        opener.add_handler(Network())
        with nullcontext() if followed else pytest.raises(HTTPError, match="no redirect to another scheme") as error:
            opener.open("https://hc.example.org/uuid", timeout=5)
        if error is not None:
            error.value.close()
        assert taken == ["https://hc.example.org/uuid", *["https://127.0.0.1:1/new"] * followed]

    def test_in_a_circle(self, monitor: Monitor) -> None:
        monitor.answers["/uuid"] = (302, "/uuid")
        words = "it answered 302, a redirect that is not followed"
        assert ended_with(f"{monitor.url}/uuid") == [f"warning: ping of 127.0.0.1 failed: {words}"]


def test_proxy_of_the_environment(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", monitor.url)
    assert ended_with("http://hc.example.org/uuid") == []
    assert monitor.took() == [f"http://hc.example.org/uuid{end}?rid=…" for end in ("/start", "")]


class TestCommands:
    """In this process where the database, else as cron would."""

    @pytest.fixture
    def url(self, monitor: Monitor, settings: Settings) -> str:
        settings.STATEHUB_PING_URL = f"{monitor.url}/uuid"
        return f"{monitor.url}/uuid"

    @pytest.mark.parametrize(("status", "exit", "end"), [("todo", 0, ""), ("nonsense", 1, "/fail")])
    def test_changes_neither_report_nor_exit_status(
        self, hub: Hub, clone: Clone, monitor: Monitor, settings: Settings, status: str, exit: int, end: str
    ) -> None:
        mirrored(clone)
        clone.write(FILE, TEXT.replace("status: todo", f"status: {status}"))
        silent = run("check_consistency", "clone")
        settings.STATEHUB_PING_URL = f"{monitor.url}/uuid"
        assert run("check_consistency", "clone") == silent
        assert (silent.exit, silent.stderr, monitor.took()) == (exit, "", ["/uuid/start?rid=…", f"/uuid{end}?rid=…"])

    def test_follows_the_exit_status_of_a_quiet_run(self, hub: Hub, clone: Clone, monitor: Monitor, url: str) -> None:
        mirrored(clone)
        clone.write(FILE, TEXT.replace("status: todo", "status: nonsense"))
        run("fix_consistency", "clone", "--verbosity", "0")
        monitor.calls.clear()
        assert run("fix_consistency", "clone", "--verbosity", "0") == Ended(1, "", "")
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid/fail?rid=…"]
        monitor.calls.clear()
        clone.write(FILE, TEXT.replace("status: todo", "status: done"))
        assert run("fix_consistency", "clone", "--verbosity", "0", "--fail-on", "warn") == Ended(0, "", "")
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid?rid=…"]

    def test_monitor_that_is_away_changes_nothing(self, hub: Hub, clone: Clone, settings: Settings) -> None:
        mirrored(clone)
        with closed_port() as port:
            settings.STATEHUB_PING_URL = f"http://127.0.0.1:{port}/secret"
            line = "warning: ping of 127.0.0.1 failed: Connection refused\n"
            assert run("fix_consistency", "clone", "--verbosity", "0") == Ended(0, "", line * 2)

    def test_what_could_not_run(self, hub: Hub, monitor: Monitor, url: str) -> None:
        assert run("fix_consistency", "nope").exit == 2
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid/fail?rid=…"]

    def test_database_that_is_away(self, monitor: Monitor) -> None:
        env = {"DATABASE_URL": "postgres://me@127.0.0.1:1/hub", "STATEHUB_PING_URL": f"{monitor.url}/uuid"}
        assert Hub("").manage("check_consistency", "net", env=env).exit == 2
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid/fail?rid=…"]

    def test_stop_by_keyboard(self, hub: Hub, clone: Clone, tmp_path: Path, monitor: Monitor, url: str) -> None:
        mirrored(clone)
        Repo.objects.update(origin="nowhere.invalid/repo")
        monitor.calls.clear()
        sign = clone.path.with_name("ssh-runs")
        silent = tmp_path / "ssh"
        silent.write_text(f"#!/bin/sh\n: >'{sign}'\nexec sleep 60\n")
        silent.chmod(0o755)
        clone.git("remote", "set-url", "origin", "ssh://nowhere.invalid/repo")
        clone.git("config", "core.sshCommand", str(silent))
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "fix_consistency", "clone"], text=True, cwd=ROOT,
            env={**environment, "DATABASE_URL": hub.url, "STATEHUB_PING_URL": url},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while not sign.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert Ended(process.returncode, out, err) == Ended(2, "", "error: interrupted; changes made so far are kept\n")
        assert monitor.took() == ["/uuid/start?rid=…", "/uuid/fail?rid=…"]

    def test_other_commands_do_not_ping(self, hub: Hub, monitor: Monitor, url: str) -> None:
        assert run("set_task_status", "T01", "done").exit == 2
        assert monitor.took() == []

    def test_nothing_is_called_where_no_url_is_set(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        assert "urllib.request" not in loaded(hub, "check_consistency", "clone")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://hc.example.org/x", "hc.example.org/x", "https://", "https:///x", "http://h:x/", "x",
     "https://me:secret@h/x", "http://h/a b", "http://h/ü", "http://h/\x1b", "http://[::1/x", "http://h:99999/"],
)  # fmt: skip
def test_url_that_cannot_be_called(hub: Hub, url: str) -> None:
    ended = hub.manage("fix_consistency", "net", env={"STATEHUB_PING_URL": url})
    line = "error: STATEHUB_PING_URL must be http://HOST/PATH or https://HOST/PATH, without a password\n"
    assert ended == Ended(2, "", line)
