"""A status reported from another machine: success is a task in the answer, and nothing else is.

Real servers: a hub with production's settings, and stand-ins that answer as proxies, other programs and old hubs do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import timezone

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.manage import ROOT, Ended
from testing.server import UNLIMITED, Server
from tests.web.api.helpers import as_json, new_task
from web.api import tokens
from web.models import ApiToken

pytestmark = pytest.mark.skipif(not (shutil.which("make") and shutil.which("curl")), reason="needs make and curl")

DEPLOYED = {**UNLIMITED, "ALLOWED_HOSTS": "hub.example.org", "SECURE_SSL_REDIRECT": "true"}
TASK = '{"id":"0","repo":"net","key":"T01","status":"done","version":"1"}'
JSON, PROBLEM = "application/json", "application/problem+json"


def run(command: list[str], **env: str) -> Ended:
    """Run *command* in the project's folder."""
    given = {**os.environ, "http_proxy": "http://127.0.0.1:9", **env}
    ended = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def make(url: str, secret: str, **variables: str) -> Ended:
    given = [f"{name}={value}" for name, value in variables.items()]
    return run(["make", "--silent", "report-status", f"API_BASE={url}/", *given], STATEHUB_TOKEN=secret)


def report(url: str, secret: str = "sth_x", task: str = "T01", status: str = "done") -> Ended:  # noqa: S107
    return run(["sh", "scripts/report-status", task, status], STATEHUB_TOKEN=secret, API_BASE=url)


@pytest.fixture(scope="module")
def module_server(module_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a hub as it is deployed: it has another name outside, and all requests from there need https."""
    with module_hub.serve(tmp_path_factory.mktemp("server"), env=DEPLOYED) as running:
        yield running


@pytest.fixture
def hub_in_production(server: Server) -> Server:
    """Return a hub as it is deployed, with the rows of this test alone."""
    return server


@pytest.fixture
def secret(served_hub: Hub) -> str:
    return tokens.create("laptop")[1]


@dataclass
class StandIn:
    """A server that gives every caller the same answer, and remembers who called."""

    status: int
    body: str
    headers: Mapping[str, str]
    port: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def stand_in(status: int, body: str = "", **headers: str) -> Iterator[StandIn]:
    answer = StandIn(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer.calls.append((self.path, self.headers["Authorization"]))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    answer.port = server.server_port
    try:
        yield answer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestThroughATunnelToAHubInProduction:
    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
    def test_status_is_reported(self, hub_in_production: Server, secret: str, name: str) -> None:
        task = new_task()
        ended = make(f"http://{name}:{hub_in_production.port}", secret, TASK="T01", STATUS="done")
        assert (ended.exit, json.loads(ended.stdout), ended.stderr) == (0, as_json(task, status="done"), "")
        assert StatusChange.objects.get().who == "laptop"

    def test_whatever_the_name(self, hub_in_production: Server, secret: str) -> None:
        for key in ("T01", "a/b c", 'x"$(id)`id`$$', "ü?&#%41", "-X", "{a,b}[1-2]", "..;'"):
            task = new_task(key=key)
            ended = make(hub_in_production.url, secret, TASK=key, STATUS="done")
            assert (ended.exit, json.loads(ended.stdout), ended.stderr) == (0, as_json(task, status="done"), "")

    def test_refusals_are_said_and_fail(self, hub_in_production: Server, secret: str) -> None:
        new_task(status="done")
        reader = tokens.create("reader", read_only=True)[1]
        past = tokens.create("past", days=1)[1]
        ApiToken.objects.filter(name="past").update(expires_at=timezone.now() - timedelta(days=1))
        for given, task, status, kind, said in (
            (secret, "T01", "todo", "would-regress", "409, the hub refuses the status: task 'T01' is done; todo would "
             'move it backwards; to do that deliberately send "reopen": true and a "reason"'),
            (secret, "T9", "done", "unknown-task", "404, the hub has no such task: no task 'T9' in the hub"),
            (reader, "T01", "done", "read-only",
             "403, the token may not do that: the token 'reader' has read-only access"),
            *((bad, "T01", "done", "bad-token", "401, the hub does not accept the token: the token is "
               "unknown, expired or revoked") for bad in (past, "sth_x")),
        ):  # fmt: skip
            ended = report(hub_in_production.url, given, task, status)
            assert (ended.exit, ended.stderr) == (1, f"report-status: {said}\n")
            assert json.loads(ended.stdout)["type"] == f"/api/problems/#{kind}"
            assert make(hub_in_production.url, given, TASK=task, STATUS=status).exit == 2
        assert not StatusChange.objects.exists()

    def test_lines_of_the_docs(self, hub_in_production: Server, secret: str, tmp_path: Path) -> None:
        tasks = [new_task("net-kingdom", "CUST-WP-0026-T01"), new_task("net-kingdom", "T02")]
        page = (ROOT / "docs/api.md").read_text("utf-8").partition("### With curl alone")[2].partition("## Reports")[0]
        set_up, lines, pages = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        read, write = lines.replace(":8000", f":{hub_in_production.port}").split("\n", 1)

        def shell(script: str) -> Ended:
            return run(["sh", "-c", f"cd {tmp_path}\n{script}"], HOME=str(tmp_path), STATEHUB_TOKEN=secret)

        assert shell(set_up) == Ended(0, "", "")
        assert (tmp_path / ".statehub.curl").stat().st_mode & 0o777 == 0o600
        ended = shell(read)
        assert (ended.exit, json.loads(ended.stdout), ended.stderr) == (0, [as_json(task) for task in tasks], "200 \n")
        ended = shell(write)
        assert (ended.exit, ended.stdout) == (0, "")
        assert StatusChange.objects.values_list("task__key", "new").get() == ("CUST-WP-0026-T01", "done")
        ended = shell(pages.replace(":8000", f":{hub_in_production.port}").replace("limit=500", "limit=1"))
        assert (ended.exit, ended.stdout.count('"id"'), ended.stderr) == (0, 2, "200 \n" * 2)
        # Refused, redirected, answered by a proxy's page, or not answered: no line of them ends with 0.
        assert shell(write.replace('"done"}', '"todo"}')).exit != 0
        for answer in (stand_in(301, Location="https://hub.example.org/api/"), stand_in(200, "<html>Log in</html>")):
            with answer as other:
                ended = shell(write.replace(f":{hub_in_production.port}", f":{other.port}"))
                assert (ended.exit != 0, len(other.calls)) == (True, 1)
                # curl and tee write to stderr at the same time.
                assert str(other.status) in ended.stderr.replace("<html>Log in</html>", "")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for line in (read, write):
            assert shell(line.replace(f":{hub_in_production.port}", f":{port}")).exit != 0


def test_hub_under_its_outside_name_redirects_and_that_is_said(hub_in_production: Server, secret: str) -> None:
    new_task()
    ended = run(
        ["sh", "scripts/report-status", "T01", "done"],
        STATEHUB_TOKEN=secret, API_BASE="http://hub.example.org", http_proxy=hub_in_production.url, no_proxy="",
    )  # fmt: skip
    said = "not reported: the hub redirects to https://hub.example.org: set API_BASE to it"
    assert ended == Ended(2, "", f"report-status: {said}\n")
    assert Task.objects.get().status == "todo"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with (
        stand_in(200, TASK, Content_Type=JSON) as target,
        stand_in(status, Location=f"{target.url}/api/tasks/T01/") as hub,
    ):
        said = f"report-status: not reported: the hub redirects to {target.url}: set API_BASE to it\n"
        assert report(hub.url) == Ended(2, "", said)
        assert (len(hub.calls), target.calls) == (1, [])
    with stand_in(status, Location="https://login.example.org/?next=/api/tasks/T01/") as hub:
        said = f"report-status: not reported: {hub.url} redirects to https://login.example.org/, which is not a hub\n"
        assert report(hub.url) == Ended(2, "", said)
    with stand_in(status) as hub:
        said = f"report-status: not reported: {hub.url} redirects to nowhere, which is not a hub\n"
        assert report(hub.url) == Ended(2, "", said)


def test_settings_of_curl_that_follow_redirects_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("location-trusted\n")
    with stand_in(200, TASK, Content_Type=JSON) as target, stand_in(302, Location=f"{target.url}/api/tasks/") as hub:
        env = {"HOME": str(tmp_path), "CURL_HOME": str(tmp_path), "STATEHUB_TOKEN": "sth_x", "API_BASE": hub.url}
        assert run(["sh", "scripts/report-status", "T01", "done"], **env).exit == 2
        assert target.calls == []


@pytest.mark.parametrize(
    ("status", "body", "type", "shown", "said"),
    [
        (200, "<html>Log in</html>", "text/html", False, "answers 200 with text/html, which is not what a hub says"),
        (200, TASK, "text/html", False, "answers 200 with text/html, which is not what a hub says"),
        (204, "", "", False, "answers 204 with nothing, which is not what a hub says"),
        (404, "<html>", "text/html", False, "answers 404 with text/html, which is not what a hub says"),
        (401, "{}", JSON, True, f"answers 401 with {JSON}, which is not what a hub says"),
        *((200, body, JSON, True, "") for body in ("{}", "[]", "", TASK.replace("done", "todo"), f"[{TASK}]")),
    ],
)
def test_what_is_not_a_hubs_answer_is_no_success(status: int, body: str, type: str, shown: bool, said: str) -> None:
    with stand_in(status, body, **({"Content_Type": type} if type else {})) as other:
        ended = report(other.url)
    said = f"{other.url} {said}" if said else (
        f"what {other.url} answered has no task with status done in it; is it a hub?"
    )  # fmt: skip
    assert ended == Ended(2, f"{body}\n" if shown else "", f"report-status: not reported: {said}\n")


def test_answer_of_a_hub_that_is_busy_or_down_is_said() -> None:
    problem = '{"type": "/api/problems/#busy", "status": 409, "detail": "a \\"task\\" was moved; try again"}'
    with stand_in(409, problem, Content_Type=PROBLEM) as hub:
        said = 'report-status: 409, the hub refuses the status: a "task" was moved; try again\n'
        assert report(hub.url) == Ended(1, f"{problem}\n", said)
    problem = '{"type": "/api/problems/#invalid", "status": 422, "detail": "no"}'
    with stand_in(422, problem, Content_Type=PROBLEM) as hub:
        said = "report-status: 422, the hub did not take the report: no\n"
        assert report(hub.url) == Ended(1, f"{problem}\n", said)


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = report(f"http://127.0.0.1:{port}")
    assert (ended.exit, ended.stdout) == (2, "")
    said = f"report-status: not reported, the hub at http://127.0.0.1:{port} does not answer: curl: (7) "
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("secret", "variables", "said"),
    [
        ("sth_x", {"TASK": "T01"}, "give TASK=id and STATUS=status"),
        ("sth_x", {"TASK": "T01", "STATUS": 'done"$(id)'}, "STATUS is one of todo, in_progress, blocked, done, "),
        ("", {"TASK": "T01", "STATUS": "done"}, "STATEHUB_TOKEN must hold the token"),
        ('a"\nurl = "x', {"TASK": "T01", "STATUS": "done"}, "STATEHUB_TOKEN must hold the token"),
    ],
)
def test_what_is_missing_is_said(secret: str, variables: dict[str, str], said: str) -> None:
    ended = make("http://127.0.0.1:9", secret, **variables)
    assert (ended.exit, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"report-status: {said}")


def test_address_that_is_none_is_said() -> None:
    said = "report-status: API_BASE must be http://HOST:PORT or https://HOST, not 'hub.example.org'\n"
    assert report("hub.example.org/") == Ended(2, "", said)


def test_token_is_in_no_list_of_processes(tmp_path: Path) -> None:
    """A curl that shows how it was called, as `ps` would."""
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s " "$@" >"$SHOWN"; env >>"$SHOWN"; cat >"$READ"; exit 7\n')
    curl.chmod(0o755)
    shown, read = tmp_path / "shown", tmp_path / "read"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHOWN": str(shown), "READ": str(read)}
    assert run(["sh", "scripts/report-status", "T", "done"], STATEHUB_TOKEN="sth_abc", **env).exit == 2
    arguments = shown.read_text().partition("\n")[0]
    assert arguments.startswith("-q --config - ")
    assert "sth_abc" not in arguments
    assert read.read_text() == 'header = "Authorization: Bearer sth_abc"\n'
