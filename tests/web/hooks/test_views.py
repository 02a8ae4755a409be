"""Deliveries of all forges: accepted, forged, repeated, truncated, too large, to unknown webhooks, too many."""

from __future__ import annotations

import logging
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from statehub.models import Forge, Repo
from statehub.standard_webhooks import make_secret
from tests.web.api.helpers import Said, problem
from tests.web.hooks.helpers import (
    EVENTS,
    deliver,
    headers_of,
    list_jobs,
    new_repo,
    new_webhook,
    payload_of,
    post,
    sign,
)
from web.hooks.views import MAX_BODY_BYTES
from web.hooks.webhooks import create_webhook, rotate_secret
from web.models import FailedAuthAttempts, Webhook

DETAIL = "the webhook is unknown, or the signature is not made with its secret"
REFUSED = problem("bad-signature", 401, "Invalid signature", DETAIL)
WRONG = "wrong signature: the secret at the forge is not that of the hub"

is_postgresql = connection.vendor == "postgresql"
QUEUED = {"queued": int(is_postgresql)}


def row(webhook: Webhook) -> tuple[bool, str, bool, str]:
    """Whether a delivery was accepted, its event, whether one was refused, and why."""
    now = Webhook.objects.get(pk=webhook.pk)
    return now.delivered_at is not None, now.event, now.refused_at is not None, now.refused_reason


@pytest.mark.parametrize("forge", Forge.values)
def test_push_is_accepted(db: None, forge: str) -> None:
    webhook = new_webhook(forge)
    answer = deliver(webhook)
    assert answer == Said(202, QUEUED, {})
    assert row(webhook) == (True, EVENTS[forge][1], False, "")
    repo = Repo.objects.get()
    assert repo.hook_heard_at is not None
    checkout = repo.checkouts.get()
    jobs = [("hub", {"checkout": checkout.pk, "trigger": "webhook"}, "todo")]
    assert list_jobs() == (jobs if is_postgresql else [])
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("forge", "event", "body"),
    [
        ("github", "ping", b'{"zen": "Responsive is better than fast.", "hook_id": 1}'),
        ("bitbucket", "diagnostics:ping", b'{"test": true}'),
        ("generic", "", b""),
        ("gitea", "push", b"payload=%7B%22ref%22%3A+%22refs%2Fheads%2Fmain%22%7D"),
        ("github", "push", b"\xff\x00 not JSON"),
    ],
)
def test_payload_is_not_read(db: None, forge: str, event: str, body: bytes) -> None:
    webhook = new_webhook(forge)
    headers = headers_of(forge, webhook.secret, body) | {EVENTS[forge][0]: event}
    assert post(webhook, body, headers) == Said(202, QUEUED, {})
    assert row(webhook) == (True, event, False, "")


def test_event_is_cut_and_escaped(db: None) -> None:
    webhook = new_webhook()
    body = payload_of("github")
    headers = headers_of("github", webhook.secret, body) | {"X-GitHub-Event": "\x00\x1b[31m" + "x" * 200}
    assert post(webhook, body, headers).status == 202
    assert row(webhook)[1] == (r"\x00\x1b[31m" + "x" * 200)[:100]


@pytest.mark.parametrize("forge", Forge.values)
def test_forged_delivery_is_refused(db: None, caplog: pytest.LogCaptureFixture, forge: str) -> None:
    webhook = new_webhook(forge)
    forged = make_secret()
    answer = deliver(webhook, forged)
    assert answer == Said(401, REFUSED, {})
    assert answer.headers["WWW-Authenticate"] == 'HMAC-SHA256 realm="State Hub"'
    assert row(webhook) == (False, "", True, WRONG)
    assert Repo.objects.get().hook_heard_at is None
    assert list_jobs() == []
    ours = [record.getMessage() for record in caplog.records if record.name == "statehub.hooks"]
    assert ours == [f"refused a delivery from 127.0.0.1 for /hooks/{webhook.pk}: {WRONG}"]
    assert forged not in caplog.text
    assert webhook.secret not in caplog.text


def test_signature_of_another_body_is_refused(db: None) -> None:
    webhook = new_webhook()
    headers = headers_of("github", webhook.secret, b"{}")
    assert post(webhook, payload_of("github"), headers) == Said(401, REFUSED, {})


def test_unsigned_delivery_is_refused(db: None) -> None:
    webhook = new_webhook()
    assert post(webhook, b"{}", {"X-Gitlab-Token": webhook.secret}) == Said(401, REFUSED, {})
    assert row(webhook)[3] == (
        "not signed: no header X-Hub-Signature-256, but X-Gitlab-Token: another forge, or another program, has sent it"
    )


@pytest.mark.parametrize(
    "name", ["97cd72eb-460b-4463-adf4-f5fb68c0e9d9", "00000000-0000-0000-0000-000000000000", "x", "%00", "é" * 100]
)
def test_unknown_webhook_is_refused_as_a_wrong_signature_is(db: None, name: str) -> None:
    body = payload_of("github")
    known = new_webhook()
    first = post(known, body, headers_of("github", make_secret(), body))
    with CaptureQueriesContext(connection) as of_known:
        wrong = post(known, body, headers_of("github", make_secret(), body))
    with CaptureQueriesContext(connection) as of_unknown:
        unknown = post(name, body, headers_of("github", known.secret, body))
    assert first == wrong == unknown == Said(401, REFUSED, {})
    assert sorted(unknown.headers.items()) == sorted(wrong.headers.items())
    assert len(of_unknown) == len(of_known)


def test_webhook_with_an_empty_secret_accepts_nothing(db: None) -> None:
    webhook = new_webhook()
    Webhook.objects.update(secret="")
    body = payload_of("github")
    assert post(webhook, body, {"X-Hub-Signature-256": f"sha256={sign('', body)}"}).status == 401
    Webhook.objects.update(forge="gitlab")
    assert post(webhook, body, {"X-Gitlab-Token": ""}).status == 401


def test_previous_secret_is_good_for_a_day(db: None) -> None:
    webhook = new_webhook()
    old = webhook.secret
    new = rotate_secret(webhook)
    assert [deliver(webhook, secret).status for secret in (old, new)] == [202, 202]
    Webhook.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert [deliver(webhook, secret).status for secret in (old, new)] == [401, 202]


def test_repeated_deliveries_end_in_one_run(db: None) -> None:
    webhook = new_webhook()
    answers = [deliver(webhook).json["queued"] for _ in range(20)]
    assert answers == [int(is_postgresql), *[0] * 19]
    assert len(list_jobs()) == int(is_postgresql)


def test_push_while_its_checkout_is_at_work_queues_one_more(db: None) -> None:
    webhook = new_webhook()
    deliver(webhook)
    if is_postgresql:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    answers = [deliver(webhook).json["queued"] for _ in range(3)]
    assert answers == ([1, 0, 0] if is_postgresql else [0, 0, 0])
    assert [status for _, _, status in list_jobs()] == (["doing", "todo"] if is_postgresql else [])


def test_delivery_needs_a_constant_number_of_queries(db: None) -> None:
    webhook = new_webhook()
    counts = []
    for more in (0, 30):
        for number in range(more):
            webhook.repo.checkouts.create(host=f"host-{number}", path="/srv/net", managed=True)
        with CaptureQueriesContext(connection) as queries:
            deliver(webhook)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_checkouts_that_no_worker_runs_are_not_queued(db: None) -> None:
    repo = new_repo(managed=False)
    repo.checkouts.create(host="hub", path="/srv/retired", managed=True, retired_at=timezone.now())
    webhook, _ = create_webhook(repo, "github")
    assert deliver(webhook) == Said(202, {"queued": 0}, {})
    assert list_jobs() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post(db: None, method: str) -> None:
    webhook = new_webhook()
    response = Client().generic(method, f"/hooks/{webhook.pk}")
    assert (response.status_code, response["Allow"], response["Content-Type"]) == (
        405, "POST", "application/problem+json",
    )  # fmt: skip
    assert row(webhook) == (False, "", False, "")


def test_path_with_a_slash_is_not_redirected(db: None) -> None:
    webhook = new_webhook()
    response = Client().post(f"/hooks/{webhook.pk}/", b"{}", content_type="application/json")
    assert (response.status_code, response.json()["detail"]) == (404, f"there is no /hooks/{webhook.pk}/")


def test_session_is_not_read(db: None) -> None:
    webhook = new_webhook()
    client = Client(enforce_csrf_checks=True)
    client.cookies["sessionid"] = "x" * 32
    body = payload_of("github")
    with CaptureQueriesContext(connection) as queries:
        assert post(webhook, body, headers_of("github", webhook.secret, body), client).status == 202
    assert not [query["sql"] for query in queries if "session" in query["sql"] or "auth_user" in query["sql"]]


def test_body_that_ends_early_is_refused(db: None) -> None:
    """Also if the bytes that came are signed: the forge has announced more."""
    webhook = new_webhook()
    body = b'{"ref": "refs/heads/main"}'
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in headers_of("github", webhook.secret, body).items()
    }
    extra = {**headers, "CONTENT_LENGTH": str(len(body) + 1), "wsgi.input": BytesIO(body)}
    response = Client().generic("POST", f"/hooks/{webhook.pk}", b"", **extra)  # type: ignore[arg-type]
    detail = f"the body ends after {len(body)} of {len(body) + 1} bytes"
    assert response.json() == problem("malformed", 400, "The body cannot be read", detail)
    assert row(webhook) == (False, "", True, detail)


@pytest.mark.parametrize(
    ("headers", "kind", "detail"),
    [
        ({"CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)}, ("too-large", 413, "The body is too large"),
         "the body has 26214401 bytes; 26214400 are allowed"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, ("length-required", 411, "Content-Length is required"),
         "send Content-Length, and no Transfer-Encoding"),
        ({"CONTENT_LENGTH": "-1"}, ("bad-request", 400, "Bad request"),
         "Content-Length must be a whole number from 0 to 9223372036854775807"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_known", [True, False])
def test_size_that_is_refused(
    db: None, headers: dict[str, str], kind: tuple[str, int, str], detail: str, is_known: bool
) -> None:
    webhook = new_webhook()
    name = webhook.pk if is_known else uuid4()
    response = Client().generic("POST", f"/hooks/{name}", b"", **headers)  # type: ignore[arg-type]
    assert (response.status_code, response.json()) == (kind[1], problem(*kind, detail))
    assert row(webhook) == (False, "", is_known, detail if is_known else "")


class TestLimit:
    @pytest.fixture(autouse=True)
    def limit(self, settings: object) -> None:
        settings.STATEHUB_REFUSED_PER_MINUTE = 3  # type: ignore[attr-defined]

    def test_beyond_it_nothing_is_written_and_a_valid_delivery_passes(
        self, db: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING, "statehub.hooks")
        webhook = new_webhook()
        answers = [deliver(webhook, make_secret()) for _ in range(5)]
        Webhook.objects.update(refused_reason="")
        answers.append(deliver(webhook, make_secret()))
        if [answer.status for answer in answers] != [401] * 3 + [429] * 3:  # the minute ended between them
            pytest.skip("the clock's minute ended during the test")
        seconds = answers[-1].headers["Retry-After"]
        detail = f"too many refused deliveries from this address; wait {seconds} s"
        assert answers[-1].json == problem("too-many-refusals", 429, "Too many failed authentication attempts", detail)
        line = f"refused a delivery from 127.0.0.1 for /hooks/{webhook.pk}: {WRONG}"
        ours = [record.getMessage() for record in caplog.records if record.name == "statehub.hooks"]
        assert ours == [line, line, f"{line}; further ones in this minute are not logged"]
        assert FailedAuthAttempts.objects.values_list("address", "count").get() == ("127.0.0.1", 3)
        assert row(webhook)[3] == ""
        assert deliver(webhook).status == 202
