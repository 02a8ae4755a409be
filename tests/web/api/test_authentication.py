"""Tokens: who may come in, what is kept and logged, and the limit of refused attempts."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from testing.hub import Hub
from tests.web.api.helpers import Api, Said, new_api, new_task, problem
from web.api import tokens
from web.api.throttling import network
from web.models import ApiToken, FailedAuthAttempts

NO_TOKEN = problem("no-token", 401, "A token is needed", "send 'Authorization: Bearer TOKEN'")
BAD_TOKEN = problem(
    "bad-token", 401, "Invalid token", "the token is unknown, expired or revoked"
)  # fmt: skip
EXPIRES = (
    "error: create_token: argument --expires: '{}' is not a whole number of days from 1 to 36500 (--help shows how)"
)


def test_no_token(db: None) -> None:
    for answer in (Api().get("tasks/"), Api().patch("tasks/T01/", {}), Api().patch("tasks/", [])):
        assert answer == Said(401, NO_TOKEN, {})
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="State Hub"'
    assert not FailedAuthAttempts.objects.exists()


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer  ", "Basic bWU6bWU=", "bearer \udcff", "sth_x"])
def test_bad_token_is_refused_and_logged_without_itself(
    db: None, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    header = header.encode(errors="surrogateescape").decode("latin-1")
    answer = Api().get("tasks/", Authorization=header)
    assert answer == Said(401, BAD_TOKEN, {})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="State Hub", error="invalid_token"'
    why = "unknown token" if header.lower().startswith("bearer") else "not a bearer token"
    ours = [record.getMessage() for record in caplog.records if record.name == "statehub.api"]
    assert ours == [f"refused a token from 127.0.0.1 for /api/tasks/: {why}"]
    secret = header.partition(" ")[2].strip() or "sth_x"
    assert secret not in caplog.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"revoked_at": timezone.now()}, "revoked"), ({"expires_at": timezone.now()}, "expired")],
)
def test_token_out_of_use(api: Api, caplog: pytest.LogCaptureFixture, fields: dict[str, object], why: str) -> None:
    ApiToken.objects.update(**fields)
    assert api.get("tasks/") == Said(401, BAD_TOKEN, {})
    assert f"'laptop' is {why}" in caplog.text


def test_secret_is_kept_as_a_hash_only(db: None) -> None:
    token, secret = tokens.create("laptop", days=1)
    assert (len(secret), secret[:4]) == (47, "sth_")
    assert ApiToken.objects.values_list("digest", flat=True).get() == hashlib.sha256(secret.encode()).hexdigest()
    assert token.expires_at is not None
    assert timedelta(hours=23) < token.expires_at - timezone.now() <= timedelta(days=1)


def test_name_is_free_again_after_a_revoke(db: None) -> None:
    first, _ = tokens.create("laptop")
    with pytest.raises(tokens.NameTakenError, match=r"^a token named 'laptop' is in use; revoke it in the admin"):
        tokens.create("laptop")
    assert (tokens.revoke(first), tokens.revoke(first)) == (True, False)
    assert tokens.create("laptop")[0].pk != first.pk


def test_last_use_is_stamped_once_a_minute(api: Api) -> None:
    with CaptureQueriesContext(connection) as first:
        api.get("tasks/")
    stamped = ApiToken.objects.get().last_used_at
    assert stamped is not None
    with CaptureQueriesContext(connection) as second:
        api.get("tasks/")
    assert (ApiToken.objects.get().last_used_at, len(first), len(second)) == (stamped, 3, 2)
    ApiToken.objects.update(last_used_at=stamped - timedelta(minutes=1))
    api.get("tasks/")
    assert ApiToken.objects.get().last_used_at > stamped  # type: ignore[operator]


class TestLimit:
    @pytest.fixture(autouse=True)
    def limit(self, settings: object) -> None:
        settings.STATEHUB_REFUSED_PER_MINUTE = 3  # type: ignore[attr-defined]

    def test_beyond_it_answers_429_and_logs_no_more(self, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, "statehub.api")
        answers = [Api("wrong").get("tasks/") for _ in range(6)]
        if [answer.status for answer in answers] != [401] * 3 + [429] * 3:  # the minute ended between them
            pytest.skip("the clock's minute ended during the test")
        seconds = answers[-1].headers["Retry-After"]
        said = f"too many refused tokens from this address; wait {seconds} s"
        assert answers[-1].json == problem("too-many-refusals", 429, "Too many failed authentication attempts", said)
        assert 1 <= int(seconds) <= 60
        ours = [record.getMessage() for record in caplog.records if record.name == "statehub.api"]
        line = "refused a token from 127.0.0.1 for /api/tasks/: unknown token"
        assert ours == [line, line, f"{line}; further ones in this minute are not logged"]
        assert FailedAuthAttempts.objects.values_list("address", "count").get() == ("127.0.0.1", 3)

    def test_good_token_passes_all_the_same(self, api: Api) -> None:
        for _ in range(6):
            Api("wrong").get("tasks/")
        assert api.get("tasks/").status == 200

    def test_addresses_are_counted_apart_and_the_next_minute_is_new(self, db: None) -> None:
        for _ in range(4):
            Api("wrong").get("tasks/")
        other = Api("wrong")
        other.client.defaults["HTTP_X_FORWARDED_FOR"] = "192.0.2.7"
        assert other.get("tasks/").status == 401
        FailedAuthAttempts.objects.update(minute=timezone.now() - timedelta(hours=2))
        assert Api("wrong").get("tasks/").status == 401
        assert FailedAuthAttempts.objects.count() == 1  # the old ones are gone


@pytest.mark.parametrize(
    ("address", "counted"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", "unknown"), ("x\n", "unknown")],
)
def test_who_counts_as_one(address: str, counted: str) -> None:
    assert network(address) == counted


class TestCreateToken:
    def test_secret_alone_is_on_stdout(self, hub: Hub) -> None:
        ended = hub.manage("create_token", "laptop", "--read-only", "--expires", "30")
        secret = ended.stdout.removesuffix("\n")
        token = ApiToken.objects.get()
        until = f"{token.expires_at:%Y-%m-%d %H:%M} UTC"
        assert (ended.exit, ended.stderr) == (0, f"Token 'laptop' may read until {until}. It is shown only once:\n")
        assert (token.name, token.read_only, token.digest) == ("laptop", True, tokens.hash_secret(secret))
        new_task()
        assert Api(secret).get("tasks/T01/").status == 200

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["laptop"], "error: a token named 'laptop' is in use; revoke it in the admin, or take another name"),
            ([" "], "error: NAME must have 1 to 200 characters"),
            (["x" * 201], "error: NAME must have 1 to 200 characters"),
            (["a", "--expires", "0"], EXPIRES.format("0")),
            *((["a", f"--expires={days}"], EXPIRES.format(days))
              for days in ("9" * 30, "0000000019999999", "36501", "-1", "+1", "1_0", "1e3", "٣", "")),
        ],
    )  # fmt: skip
    def test_what_keeps_it_from_being_made(
        self, db: None, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
    ) -> None:
        tokens.create("laptop")
        with pytest.raises(SystemExit) as ended:
            call_command("create_token", *arguments)
        assert (ended.value.code, capsys.readouterr()) == (2, ("", f"{said}\n"))
        assert ApiToken.objects.count() == 1


def test_new_token_may_write(db: None) -> None:
    new_task()
    assert new_api().patch("tasks/T01/", {"status": "done"}).status == 200
