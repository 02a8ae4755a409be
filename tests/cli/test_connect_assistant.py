"""connect_assistant: the configuration of assistants, and the text that begins a session."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from consistency.cli.assistants import ASSISTANTS
from statehub.models import Checkout, Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, take
from testing.hub import Hub
from testing.manage import ROOT, Ended
from testing.repos import Clone
from testing.samples import T01
from testing.workplans import workplan
from tests.cli.helpers import FILE, fix, mirrored, run

pytestmark = pytest.mark.usefixtures("hub")

TOKEN_NOTE = "The assistant needs a token in STATEHUB_TOKEN: create_token NAME prints one.\n"
GENERAL = """\
State Hub keeps the workplans of repositories and one database, the hub, in step.
Tasks: use the tools of state-hub: next_tasks, take_task before you work on one, then report_status.
report_status with the commit when a task is done; with a note when it is blocked. reopen_task moves one back.
Leave `status:` in workplans alone: the hub writes it, as commits of its own. Never amend or rebase those.
"""
HOW_TO_WORK = GENERAL.partition("\n")[2]

CLAUDE = """\
{
  "mcpServers": {
    "state-hub": {
      "type": "http",
      "url": "http://127.0.0.1:8000/mcp",
      "headers": {
        "Authorization": "Bearer ${STATEHUB_TOKEN}"
      }
    }
  }
}
"""
CODEX = """\
[mcp_servers.state-hub]
url = "http://127.0.0.1:8000/mcp"
bearer_token_env_var = "STATEHUB_TOKEN"
"""
CURSOR = """\
{
  "mcpServers": {
    "state-hub": {
      "url": "http://127.0.0.1:8000/mcp",
      "headers": {
        "Authorization": "Bearer ${env:STATEHUB_TOKEN}"
      }
    }
  }
}
"""
FILES = {"claude": ".mcp.json", "codex": ".codex/config.toml", "cursor": ".cursor/mcp.json"}
TEXTS = {"claude": CLAUDE, "codex": CODEX, "cursor": CURSOR}


def connect(name: str, *options: str | Path) -> Ended:
    return run("connect_assistant", name, *options)


def read(clone: Clone, name: str) -> str:
    return (clone.path / FILES[name]).read_text()


def write(clone: Clone, name: str, text: str) -> None:
    file = clone.path / FILES[name]
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("name", FILES)
def test_configuration_is_printed(name: str) -> None:
    place = f"Put this into {FILES[name]} of a repository, or give --repo PATH.\n"
    assert connect(name) == Ended(0, TEXTS[name] + GENERAL, place + TOKEN_NOTE)


@pytest.mark.parametrize("name", FILES)
def test_configuration_is_written(clone: Clone, name: str) -> None:
    file = FILES[name]
    created = f"{file}: created with the server state-hub; commit it if others shall use it\n"
    assert connect(name, "--repo", clone.path) == Ended(0, created + GENERAL, TOKEN_NOTE)
    assert read(clone, name) == TEXTS[name]
    same = f"{file}: the server state-hub is up to date; commit it if others shall use it\n"
    assert connect(name, "--repo", clone.path) == Ended(0, same + GENERAL, TOKEN_NOTE)
    changed = f"{file}: it now has the server state-hub; commit it if others shall use it\n"
    ended = connect(name, "--repo", clone.path, "--hub", "https://hub.example.org/")
    assert ended == Ended(0, changed + GENERAL, TOKEN_NOTE)
    assert read(clone, name) == TEXTS[name].replace("http://127.0.0.1:8000", "https://hub.example.org")


@pytest.mark.parametrize("name", FILES)
def test_server_on_stdio(clone: Clone, name: str) -> None:
    assert connect(name, "--repo", clone.path, "--stdio").stderr == ""
    text = read(clone, name)
    servers: Any = tomllib.loads(text)["mcp_servers"] if name == "codex" else json.loads(text)["mcpServers"]
    assert servers == {"state-hub": {"command": sys.executable, "args": [f"{ROOT}/manage.py", "mcp"]}}


@pytest.mark.parametrize("name", ["claude", "cursor"])
def test_other_servers_stay_in_json(clone: Clone, name: str) -> None:
    write(clone, name, '{"a": "é", "mcpServers": {"other": {"url": "http://x"}, "state-hub": {"url": "old"}}}')
    assert connect(name, "--repo", clone.path).exit == 0
    ours = json.loads(TEXTS[name])["mcpServers"]
    servers = {"other": {"url": "http://x"}, **ours}
    assert read(clone, name) == json.dumps({"a": "é", "mcpServers": servers}, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('# mine\nmodel = "x"\n', f'# mine\nmodel = "x"\n\n{CODEX}'),
        ('model = "x"', f'model = "x"\n\n{CODEX}'),
        ('[mcp_servers.other]\nurl = "y" # why\n', f'[mcp_servers.other]\nurl = "y" # why\n\n{CODEX}'),
        ('[mcp_servers.state-hub]\nurl = "old"\n', CODEX),
        ('a = 1\n[mcp_servers.state-hub]\nurl = "old"\n\n[b] # c\nd = 2\n', f"a = 1\n{CODEX}\n[b] # c\nd = 2\n"),
    ],
)
def test_other_tables_stay_in_toml(clone: Clone, before: str, after: str) -> None:
    write(clone, "codex", before)
    assert connect("codex", "--repo", clone.path).exit == 0
    assert read(clone, "codex") == after


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("claude", "{", "not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("claude", "[]", "its mcpServers is not an object"),
        ("cursor", '{"mcpServers": []}', "its mcpServers is not an object"),
        ("codex", "a = 1\na = 2", "not valid TOML: Cannot overwrite a value (at end of document)"),
        ("codex", "mcp_servers = 1", "not valid TOML: 'int' object has no attribute 'get'"),
        (
            "codex",
            '[mcp_servers]\nstate-hub = { url = "old" }\n',
            "it names the server state-hub in another way; change it there by hand",
        ),
        (
            "codex",
            '[mcp_servers.state-hub]\nurl = "old"\n[mcp_servers.state-hub.env]\nA = "b"\n',
            "it names the server state-hub in another way; change it there by hand",
        ),
    ],
)
def test_file_that_stays_as_it_is(clone: Clone, name: str, text: str, why: str) -> None:
    write(clone, name, text)
    assert connect(name, "--repo", clone.path) == Ended(2, "", f"error: {FILES[name]}: {why}\n")
    assert read(clone, name) == text


def test_link_that_leads_out(clone: Clone, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (clone.path / ".cursor").symlink_to(outside)
    why = "error: '.cursor/mcp.json' is not a file inside the repository, such as CLAUDE.md\n"
    assert connect("cursor", "--repo", clone.path) == Ended(2, "", why)
    assert os.listdir(outside) == []


def test_arguments() -> None:
    assert connect("claude", "--hub", "https://h", "--stdio") == Ended(
        2, "", "error: give only one of --hub and --stdio\n"
    )
    for url in ("hub.example.org", "ftp://hub", "https://ada:secret@hub", "https://hub/?token=x", "https://"):
        line = "is not the address of a hub, such as https://hub.example.org\n"
        assert connect("claude", "--hub", url) == Ended(2, "", f"error: '{url}' {line}")
    assert connect("emacs").exit == 2


def test_no_configuration_has_a_token(monkeypatch: pytest.MonkeyPatch, clone: Clone) -> None:
    monkeypatch.setenv("STATEHUB_TOKEN", "sth_secret")
    for name in ASSISTANTS:
        assert "sth_secret" not in connect(name).stdout
        assert "sth_secret" not in connect(name, "--repo", clone.path).stdout + read(clone, name)


class TestSessionStart:
    def start(self, clone: Clone, monkeypatch: pytest.MonkeyPatch, user: str = "ada") -> list[str]:
        """Return the lines of the text, after those on how to work."""
        monkeypatch.setenv("STATEHUB_USER", user)
        before = sorted(os.listdir(clone.path))
        ended = connect("claude", "--repo", clone.path, "--session-start")
        assert (ended.exit, ended.stderr, sorted(os.listdir(clone.path))) == (0, "", before)
        lines = ended.stdout.splitlines()
        assert lines[1:4] == HOW_TO_WORK.splitlines()
        return [lines[0], *lines[4:]]

    def test_clone_that_the_hub_does_not_know(self, clone: Clone) -> None:
        assert connect("claude", "--repo", clone.path, "--session-start") == Ended(0, GENERAL, "")
        assert connect("claude", "--session-start") == Ended(0, GENERAL, "")

    def test_clone(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        at = Checkout.objects.get().runs.get().started_at
        first = "State Hub mirrors this clone's workplans as 'clone'; its branch is main."
        last_run = f"Last run here: fix at {at:%Y-%m-%d %H:%MZ}, ok, fresh."
        assert self.start(clone, monkeypatch) == [first, last_run, "Next: WP-1-T01 (medium) Task WP-1-T01"]
        take(find_task(T01), Actor("ada", Source.API))
        assert self.start(clone, monkeypatch) == [first, last_run, "ada has WP-1-T01 (in_progress) Task WP-1-T01"]
        assert self.start(clone, monkeypatch, "anna") == [first, last_run]

    def test_registered_clone_without_a_run(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run("register_repo", clone.path).exit == 0
        never = "No run has looked at this clone yet: fix_consistency takes its workplans into the hub."
        assert self.start(clone, monkeypatch)[1:] == [never]

    def test_retired_clone_is_not_known(self, clone: Clone) -> None:
        mirrored(clone)
        assert run("retire_checkout", "clone").exit == 0
        assert connect("claude", "--repo", clone.path, "--session-start").stdout == GENERAL

    def test_stale_clone(self, hub: Hub, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        clone.commit("More")
        clone.push()
        clone.git("reset", "--hard", "HEAD~1")
        fix("--path", clone.path)
        _, last_run, *lines = self.start(clone, monkeypatch)
        assert last_run.endswith(", skipped, behind: pull before you push.")
        behind = "Repo 'clone' is behind remote — pull before fixing to avoid clobbering remote progress"
        assert lines == ["Next: WP-1-T01 (medium) Task WP-1-T01", f"Open: C-14 WARN {behind}"]

    def test_at_most_fifteen_lines(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        tasks = [(f"T{number:02}", "todo") for number in range(10)]
        mirrored(clone, {FILE: workplan("WP-1", tasks)})
        for number in range(5):
            take(find_task(f"WP-1-T{number:02}"), Actor("ada", Source.API))
        Task.objects.filter(key="WP-1-T06").update(title="\x1b[31m" + "long " * 50)
        clone.write(FILE, clone.read(FILE).replace(b"status: todo", b"status: none"))
        fix("--path", clone.path)
        lines = self.start(clone, monkeypatch)
        assert len(lines) + 3 <= 15
        assert [line.partition(" ")[0] for line in lines[2:]] == [*["ada"] * 3, *["Next:"] * 3, *["Open:"] * 3]
        assert [line.endswith(" (and more)") for line in lines[2:]] == [False, False, True] * 3
        assert max(map(len, lines)) <= 120
        assert "\x1b" not in "".join(lines)
