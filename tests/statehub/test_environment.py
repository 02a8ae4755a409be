"""The reader of settings: each is understood, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from statehub import environment
from statehub.email_url import MailServer, read_mail_server
from statehub.environment import (
    load_settings_file,
    parse_settings,
    read_bool,
    read_hosts,
    read_matching,
    read_number,
    read_origins,
    read_path,
    read_receivers,
    read_text,
    read_url,
)
from testing.manage import Ended, manage


def refused(error: pytest.ExceptionInfo[ImproperlyConfigured]) -> str:
    return str(error.value)


def parsed(text: str) -> dict[str, str]:
    return {name: value for name, (value, _) in parse_settings(text, "f").items()}


class TestFile:
    @pytest.mark.parametrize(
        ("line", "value"),
        [
            ("STATEHUB_PUSH=true", "true"),
            ("STATEHUB_PUSH=true   # from here", "true"),
            ("STATEHUB_PUSH=true\t#from here", "true"),
            ("STATEHUB_PUSH = true", "true"),
            ("  STATEHUB_PUSH= true  ", "true"),
            ("export STATEHUB_PUSH=true", "true"),
            ("export\t STATEHUB_PUSH = true", "true"),
            ("STATEHUB_PUSH='true'", "true"),
            ("STATEHUB_PUSH = 'true' # from here", "true"),
            ('STATEHUB_PUSH="true"#from here', "true"),
            ("STATEHUB_PUSH=", ""),
            ("STATEHUB_PUSH= # no value", ""),
            ("STATEHUB_PUSH=''", ""),
            ("SECRET_KEY=#a#b", "#a#b"),
            ("SECRET_KEY=$a${b}`c`\\d%e=f", "$a${b}`c`\\d%e=f"),
            ("SECRET_KEY='a # \"b'", 'a # "b'),
            ('SECRET_KEY="a # \\"b\\\\ \\$c \\n"', 'a # "b\\ $c \\n'),
            ("STATEHUB_COMMIT_NAME=State Hub of Ada's", "State Hub of Ada's"),
            ("STATEHUB_COMMIT_NAME=Größe", "Größe"),
        ],
    )
    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
    def test_value_is_read_as_people_write_it(self, line: str, value: str, end: str) -> None:
        assert list(parsed(f"# first{end or chr(10)}{end}{line}{end}").values()) == [value]

    def test_names_of_others_may_stand_there(self) -> None:
        text = "PGHOST=db\nTEST_DATABASE_URL=x\nALLOWED_ORIGINS=y\nCOMPOSE_PROJECT_NAME=statehub\n"
        assert list(parsed(text)) == ["PGHOST", "TEST_DATABASE_URL", "ALLOWED_ORIGINS", "COMPOSE_PROJECT_NAME"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("DEBUG=false\nSTATEHUB_PUSH", "f, line 2: this is not NAME=VALUE"),
            ("STATEHUB_PUSH: true", "f, line 1: this is not NAME=VALUE"),
            ("set STATEHUB_PUSH=true", "f, line 1: this is not NAME=VALUE"),
            ("A-B=true", "f, line 1: this is not NAME=VALUE"),
            ("SECRET_KEY=a\0b", "f, line 1: this is not NAME=VALUE"),
            ("DEBUG=1\n\nDEBUG=1", "f, line 3: DEBUG is set twice, see also line 1"),
            ("STATEHUB_PUHS=1", "f, line 1: STATEHUB_PUHS is not a setting: did you mean STATEHUB_PUSH?"),
            ("statehub_push=1", "f, line 1: statehub_push is not a setting: did you mean STATEHUB_PUSH?"),
            ("STATEHUB_COLOUR=1", "f, line 1: STATEHUB_COLOUR is not a setting"),
            ("DATABSE_URL=x", "f, line 1: DATABSE_URL is not a setting: did you mean DATABASE_URL?"),
            ("DATABASE_URI=x", "f, line 1: DATABASE_URI is not a setting: did you mean DATABASE_URL?"),
            ("ALOWED_HOSTS=x", "f, line 1: ALOWED_HOSTS is not a setting: did you mean ALLOWED_HOSTS?"),
            ("ALLOWED_HOST=x", "f, line 1: ALLOWED_HOST is not a setting: did you mean ALLOWED_HOSTS?"),
            (
                "STATEHUB_ENV_FILE=x",
                "f, line 1: STATEHUB_ENV_FILE goes into the environment of a process, not into this file",
            ),
            *(
                (
                    f"SECRET_KEY={value}",
                    "f, line 1: the value of SECRET_KEY begins with a quote; it must end with one, and only a comment "
                    "may follow",
                )
                for value in ('"abc', "'abc", '"abc" def', "'a'b'", '"a\\"', '"')
            ),
        ],
    )
    def test_what_is_not_understood_is_refused_without_showing_it(self, text: str, said: str) -> None:
        with pytest.raises(ImproperlyConfigured) as error:
            parse_settings(text, "f")
        assert refused(error) == said

    def test_what_the_environment_has_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("STATEHUB_HOST", "STATEHUB_PUSH", "DEBUG"):
            monkeypatch.delenv(name, raising=False)
        file = tmp_path / "e"
        file.write_bytes(b"\xef\xbb\xbfSTATEHUB_HOST=ada\r\nSTATEHUB_PUSH=1\r\nDEBUG=no\r\n")
        monkeypatch.setenv("STATEHUB_ENV_FILE", str(file))
        monkeypatch.setenv("STATEHUB_PUSH", "")
        monkeypatch.setattr(environment, "_locations", {})
        load_settings_file(tmp_path / "none")
        assert (os.environ.pop("STATEHUB_HOST"), os.environ.pop("DEBUG")) == ("ada", "no")
        assert (read_bool("STATEHUB_PUSH", True), environment._locations) == (
            True,
            {"STATEHUB_HOST": f"{file}, line 1", "DEBUG": f"{file}, line 3"},
        )

    def test_line_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "e").write_text("STATEHUB_PUSH = ture # oh\n")
        ended = manage("check_consistency", "--all", env={"STATEHUB_ENV_FILE": str(tmp_path / "e")})
        said = f"error: STATEHUB_PUSH must be true or false, not 'ture' ({tmp_path}/e, line 1)\n"
        assert ended == Ended(2, "", said)

    @pytest.mark.parametrize("command", [["check_consistency", "--all"], ["migrate"], ["create_token", "x"], ["check"]])
    @pytest.mark.parametrize("kind", ["missing", "folder", "latin-1", "utf-16", "dangling", "secret"])
    def test_named_file_that_cannot_be_read(self, tmp_path: Path, command: list[str], kind: str) -> None:
        file = tmp_path / "hub.env"
        said = "cannot be read: No such file or directory"
        if kind == "folder":
            file.mkdir()
            said = "cannot be read: Is a directory"
        elif kind == "latin-1":
            file.write_bytes("STATEHUB_HOST=größe".encode("latin-1"))
            said = "is not UTF-8: byte 16"
        elif kind == "utf-16":
            file.write_bytes("STATEHUB_HOST=x".encode("utf-16"))
            said = "is not UTF-8: byte 0"
        elif kind == "dangling":
            file.symlink_to("nowhere")
        elif kind == "secret":
            file = Path("/proc/self/mem")  # there, and not even root reads it
            said = "cannot be read: Input/output error"
        ended = manage(*command, env={"STATEHUB_ENV_FILE": str(file), "DATABASE_URL": None})
        assert ended == Ended(2, "", f"error: STATEHUB_ENV_FILE {file} {said}\n")

    def test_file_beside_manage_py_counts_if_it_is_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STATEHUB_ENV_FILE", "")
        load_settings_file(tmp_path / ".env")
        (tmp_path / ".env").symlink_to("nowhere")
        with pytest.raises(ImproperlyConfigured) as error:
            load_settings_file(tmp_path / ".env")
        assert refused(error) == f"settings file {tmp_path}/.env cannot be read: No such file or directory"


class TestNamesInTheEnvironment:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("STATEHUB_PUHS", "STATEHUB_PUSH"),
            ("STATEHUB_HOSTS", "STATEHUB_HOST"),
            ("STATEHUB_FETCHTIMEOUT", "STATEHUB_FETCH_TIMEOUT"),
            ("STATEHUB_ENVFILE", "STATEHUB_ENV_FILE"),
            ("STATEHUB_TRIGER", "STATEHUB_TRIGGER"),
            ("STATE_HUB_PUSH", "STATEHUB_PUSH"),
            ("statehub_push", "STATEHUB_PUSH"),
        ],
    )
    def test_slip_is_refused(self, name: str, near: str) -> None:
        ended = manage("check_consistency", "--all", env={name: "1"})
        assert ended == Ended(2, "", f"error: {name} is not a setting: did you mean {near}?\n")

    def test_unknown_name_is_said(self) -> None:
        ended = manage("check_consistency", "--help", env={"STATEHUB_COLOUR": "1"})
        said = "warning: STATEHUB_COLOUR is not a setting; .env.example lists them\n"
        assert (ended.exit, ended.stderr) == (0, said)

    @pytest.mark.parametrize(
        "name",
        [
            "STATEHUB_PORT",
            "STATEHUB_SERVICE_HOST",
            "STATEHUB_SERVICE_PORT_HTTP",
            "STATEHUB_PORT_8000_TCP_ADDR",
            "STATEHUB_TOKEN",
            "STATEHUB_TEST_DB",
            "STATUS_HUB",
        ],
    )
    def test_what_is_put_there_by_others_is_let_be(self, name: str) -> None:
        ended = manage("check_consistency", "--help", env={name: "1"})
        assert (ended.exit, ended.stderr) == (0, "")


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "yes", "on", "1", " true ", "Yes"])
def test_yes(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STATEHUB_PUSH", value)
    assert read_bool("STATEHUB_PUSH", False) is True


@pytest.mark.parametrize("value", ["false", "False", "no", "off", "0", " no"])
def test_no(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STATEHUB_PUSH", value)
    assert read_bool("STATEHUB_PUSH", True) is False


@pytest.mark.parametrize("default", [True, False])
def test_empty_is_the_default(monkeypatch: pytest.MonkeyPatch, default: bool) -> None:
    for value in ("", "  "):
        monkeypatch.setenv("STATEHUB_PUSH", value)
        assert read_bool("STATEHUB_PUSH", default) is default


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ture", "ture"),
        ("2", "2"),
        ("truefalse", "truefalse"),
        ("true # x", "true # x"),
        ('"true"', '"true"'),
        ("true\u200b", "true\\u200b"),
        ("t\nrue", "t\\nrue"),
        ("x" * 300, "x" * 200),
    ],
)
def test_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch, value: str, shown: str) -> None:
    monkeypatch.setenv("STATEHUB_PUSH", value)
    with pytest.raises(ImproperlyConfigured) as error:
        read_bool("STATEHUB_PUSH", False)
    assert refused(error) == f"STATEHUB_PUSH must be true or false, not '{shown}'"


def test_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, number in (("7", 7), ("", 20), (" 7 ", 7), ("007", 7)):
        monkeypatch.setenv("STATEHUB_FETCH_TIMEOUT", value)
        assert read_number("STATEHUB_FETCH_TIMEOUT", 20, 100) == number
    for value in ("soon", "0", "-1", "1.5", "²", "1_0", "1e1", "101", "20s"):
        monkeypatch.setenv("STATEHUB_FETCH_TIMEOUT", value)
        with pytest.raises(ImproperlyConfigured) as error:
            read_number("STATEHUB_FETCH_TIMEOUT", 20, 100)
        assert refused(error) == f"STATEHUB_FETCH_TIMEOUT must be a whole number from 1 to 100, not '{value}'"


def test_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, hosts in (
        ("", ["d"]),
        (" a.example.org , b-c , ", ["a.example.org", "b-c"]),
        ("*", ["*"]),
        (".example.org,[::1],10.0.0.1", [".example.org", "[::1]", "10.0.0.1"]),
    ):
        monkeypatch.setenv("ALLOWED_HOSTS", value)
        assert read_hosts("ALLOWED_HOSTS", ["d"]) == hosts
    for value in ("https://a", "a:8000", "a b", "a;b", "['a']", "::1", "*.a", "a/", "größe", '"a"'):
        monkeypatch.setenv("ALLOWED_HOSTS", value)
        with pytest.raises(ImproperlyConfigured) as error:
            read_hosts("ALLOWED_HOSTS", [])
        wanted = "names of hosts with commas between them, without https:// and port"
        assert refused(error) == f"ALLOWED_HOSTS must be {wanted}, not '{value}'"


def test_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "https://a.example.org, http://b:8000,https://*.c.org,https://[::1]:1"
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", given)
    assert read_origins("CSRF_TRUSTED_ORIGINS") == [part.strip() for part in given.split(",")]
    for value in ("a.example.org", "https://a/", "https://", "ftp://a", "https://a b", "https://*", "https://a:x"):
        monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", value)
        with pytest.raises(ImproperlyConfigured) as error:
            read_origins("CSRF_TRUSTED_ORIGINS")
        wanted = "addresses like https://hub.example.org with commas between them, without a path"
        assert refused(error) == f"CSRF_TRUSTED_ORIGINS must be {wanted}, not '{value}'"


def test_text_and_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEHUB_HOST", " ada ")
    assert (read_text("STATEHUB_HOST"), read_matching("STATEHUB_HOST", "[a-d]+", "a word")) == ("ada", "ada")
    for value in ("a\nb", "a\u200bb", "x" * 11):
        monkeypatch.setenv("STATEHUB_HOST", value)
        with pytest.raises(ImproperlyConfigured, match=r"^STATEHUB_HOST must be text of at most 10 printable char"):
            read_text("STATEHUB_HOST", "", 10)
    monkeypatch.setenv("STATEHUB_HOST", "xyz")
    with pytest.raises(ImproperlyConfigured) as error:
        read_matching("STATEHUB_HOST", "[a-d]+", "a word")
    assert refused(error) == "STATEHUB_HOST must be a word, not 'xyz'"


def test_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("ftp://hunter2", "http://me:hunter2@host/", "http://hunter2/\nx", "http://host:99999/hunter2"):
        monkeypatch.setenv("STATEHUB_PING_URL", value)
        with pytest.raises(ImproperlyConfigured) as error:
            read_url("STATEHUB_PING_URL")
        wanted = "http://HOST/PATH or https://HOST/PATH, without a password"
        assert refused(error) == f"STATEHUB_PING_URL must be {wanted}"


RECEIVERS = "mailto:ADDRESS, https://HOST/PATH or slack+https://HOST/PATH, with commas between several"
MAIL_SERVER = "smtp://USER:PASSWORD@HOST:PORT, smtp+tls://… (STARTTLS) or smtp+ssl://… (TLS from the start)"


def test_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, receivers in (
        ("", []),
        ("mailto:ada@example.org", ["mailto:ada@example.org"]),
        ("mailto:ada@example.org, mailto:ada@example.org,", ["mailto:ada@example.org"]),
        ("https://h/a%2Cb?c=1,slack+https://h/x", ["https://h/a%2Cb?c=1", "slack+https://h/x"]),
        ("http://127.0.0.1:8000/x, slack+http://h", ["http://127.0.0.1:8000/x", "slack+http://h"]),
    ):
        monkeypatch.setenv("STATEHUB_NOTIFY", value)
        assert read_receivers("STATEHUB_NOTIFY") == receivers


@pytest.mark.parametrize(
    "value",
    [
        "ada@example.org", "mailto:", "mailto:ada", "mailto:ada@", "mailto:ada@example.org?cc=eve@example.org",
        "mailto:Ada <ada@example.org>", "mailto:a@b\nBcc:eve@example.org", "https://", "https:///x", "ftp://h/x",
        "slack://T/B", "slack+ftp://h/x", "slack+slack+https://h/x", "https://me:hunter2@h/x", "https://h/a b",
        "https://h/x;https://h/y\tz", "https://h/x,hunter2", "slack+mailto:ada@example.org",
    ],
)  # fmt: skip
def test_receiver_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STATEHUB_NOTIFY", value)
    with pytest.raises(ImproperlyConfigured) as error:
        read_receivers("STATEHUB_NOTIFY")
    assert refused(error) == f"STATEHUB_NOTIFY must be {RECEIVERS}"


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("smtp://localhost", MailServer("localhost", 25, "", "", starttls=False, tls=False)),
        ("smtp://127.0.0.1:2525/", MailServer("127.0.0.1", 2525, "", "", starttls=False, tls=False)),
        ("smtp+tls://a%40b:p%2Fw@h", MailServer("h", 587, "a@b", "p/w", starttls=True, tls=False)),
        ("smtp+ssl://me:it@h:1465", MailServer("h", 1465, "me", "it", starttls=False, tls=True)),
    ],
)
def test_mail_server(monkeypatch: pytest.MonkeyPatch, value: str, server: MailServer) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    assert read_mail_server() == server


@pytest.mark.parametrize(
    "value",
    ["hunter2", "smtps://me:hunter2@h", "smtp://", "smtp://h:0", "smtp://h:99999", "smtp://h:x", "smtp://me@h",
     "smtp://:hunter2@h", "smtp://h/hunter2", "smtp://h?tls=1", "smtp://me:hunter2@h#x", "smtp://a b", "smtp://[::1"],
)  # fmt: skip
def test_secrets_of_notifications_are_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    with pytest.raises(ImproperlyConfigured) as error:
        read_mail_server()
    assert refused(error) == f"EMAIL_URL must be {MAIL_SERVER}"
    monkeypatch.setenv("STATEHUB_NOTIFY", f"https://h/hunter2,{value}")
    with pytest.raises(ImproperlyConfigured) as error:
        read_receivers("STATEHUB_NOTIFY")
    assert refused(error) == f"STATEHUB_NOTIFY must be {RECEIVERS}"


def test_path_begins_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    for value, path in (("var", tmp_path / "var"), ("/x/y", Path("/x/y")), ("~/v", Path("/home/ada/v")), ("", "d")):
        monkeypatch.setenv("STATEHUB_VAR", value)
        assert read_path("STATEHUB_VAR", Path("d"), tmp_path) == tmp_path / path


def test_setting_that_nobody_declared_is_our_mistake() -> None:
    with pytest.raises(LookupError):
        read_bool("STATEHUB_NEW", False)
