"""Messages and their number, through the real commands, a real SMTP server and a real HTTP receiver."""

from __future__ import annotations

import json
import ssl
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from standardwebhooks import Webhook

from consistency.db.receivers import ReceiverState, read_receivers
from consistency.models import Finding, Notification, Proposal, Receiver
from consistency.notify.notifier import Result, read_secrets, send_notifications
from rehearsal.stage import make_certificate
from statehub.models import Checkout, Repo
from testing.hub import Hub
from testing.manage import Ended
from testing.programs import need_program
from testing.receivers import Endpoint, Mailbox, receiving_http, receiving_mail
from testing.repos import Clone
from tests.cli.helpers import FILE, TEXT, check, edit, findings, mirrored, run
from tests.cli.test_imports import loaded
from tests.notify.conftest import Clock

BROKEN = f"FAIL C-05 clone WP-1 {FILE}:14: unknown task status 'nonsense'"
ADA = "mailto:ada@example.org"


def break_block(clone: Clone, number: str = "01") -> None:
    edit(clone, {"01": "status: todo", "02": "status: in_progress"}[number], "status: nonsense")


def repair(clone: Clone) -> None:
    clone.write(FILE, TEXT)


def sent(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the data of each message that the webhook was sent."""
    return [json.loads(request.body)["data"] for request in endpoint.requests]


def lines(endpoint: Endpoint) -> list[str]:
    return [line for data in sent(endpoint) for line in data["text"].splitlines()]


@pytest.fixture
def agreed(hub: Hub, clone: Clone, request: pytest.FixtureRequest) -> Clone:
    """Return a clone that agrees with the hub; its last run is at the time of the clock."""
    mirrored(clone)  # Before the clock is replaced: other tests have copies of this.
    request.getfixturevalue("clock")
    check("clone")
    return clone


@pytest.fixture
def at_once(settings: Settings, endpoint: Endpoint) -> Endpoint:
    """Name a webhook in the settings, without gathering."""
    settings.STATEHUB_NOTIFY, settings.STATEHUB_NOTIFY_GATHER_SECONDS = [f"{endpoint.url}/hook"], 0
    return endpoint


class TestFindings:
    def test_fail_is_sent_once_at_the_end_of_the_run(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        break_block(agreed)
        ended = run("check_consistency", "clone", "--verbosity", "0")
        assert (ended.exit, ended.stderr) == (1, "")
        [data] = sent(at_once)
        assert (data["subject"], len(data["opened"]), data["resolved"], data["more"]) == (
            "State Hub: FAIL C-05 in clone", 1, [], 0
        )  # fmt: skip
        for _ in range(3):
            clock.wait(days=1)
            check("clone")
        assert len(at_once.requests) == 1

    def test_resolved_in_one_line(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        break_block(agreed)
        check("clone")
        repair(agreed)
        clock.wait(hours=1)
        check("clone")
        first, second = lines(at_once)
        assert second == f"resolved: {first}"
        assert sent(at_once)[1]["resolved"] == [{**sent(at_once)[0]["opened"][0], "ended_at": "2030-01-02T13:00:00Z"}]
        check("clone")
        assert len(at_once.requests) == 2

    def test_that_returns_is_sent_again(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        for _ in range(2):
            break_block(agreed)
            check("clone")
            repair(agreed)
            check("clone")
            clock.wait(hours=1)
        assert [line.startswith("resolved: ") for line in lines(at_once)] == [False, True, False, True]
        assert Notification.objects.count() == 2

    def test_over_before_it_is_due_is_not_sent(
        self, agreed: Clone, at_once: Endpoint, settings: Settings, clock: Clock
    ) -> None:
        settings.STATEHUB_NOTIFY_GATHER_SECONDS = 600
        break_block(agreed)
        check("clone")
        repair(agreed)
        clock.wait(minutes=5)
        check("clone")
        clock.wait(days=2)
        check("clone")
        assert at_once.requests == []

    def test_warn_is_sent_after_a_day(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        edit(agreed, "status: active", "status: draft")  # C-13 of a workplan is never written back
        check("clone")
        clock.wait(hours=23, minutes=59)
        check("clone")
        assert at_once.requests == []
        clock.wait(minutes=1)
        check("clone")
        assert sent(at_once)[0]["opened"][0]["code"] == "C-13"
        assert lines(at_once)[0].endswith(", since 2030-01-02 12:00 UTC (test-host:" + str(agreed.path) + ")")

    def test_one_that_a_fix_resolves_is_not_sent(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        edit(agreed, "status: todo", "status: done")
        clock.wait(days=2)
        assert run("fix_consistency", "clone").exit == 0
        assert at_once.requests == []

    def test_gate_that_a_check_has_as_info(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        agreed.git("switch", "-q", "-c", "topic")
        run("fix_consistency", "clone")
        clock.wait(days=1)
        run("fix_consistency", "clone")
        check("clone")
        agreed.git("switch", "-q", "main")
        check("clone")
        first, last = lines(at_once)
        assert first.startswith("WARN C-18 clone: ")
        assert last == f"resolved: {first}"


class TestGathering:
    def test_several_within_ten_minutes_are_one_message(
        self, agreed: Clone, at_once: Endpoint, settings: Settings, clock: Clock
    ) -> None:
        settings.STATEHUB_NOTIFY_GATHER_SECONDS = 600
        break_block(agreed)
        check("clone")
        clock.wait(minutes=6)
        break_block(agreed, "02")
        check("clone")
        assert at_once.requests == []
        clock.wait(minutes=4)
        assert run("send_notifications") == Ended(0, f"{at_once.url}/…: State Hub: 2 new in clone\n", "")
        [data] = sent(at_once)
        assert (data["subject"], len(data["opened"])) == ("State Hub: 2 new in clone", 2)

    def test_end_is_gathered_with_the_next(
        self, agreed: Clone, at_once: Endpoint, settings: Settings, clock: Clock
    ) -> None:
        break_block(agreed)
        check("clone")
        settings.STATEHUB_NOTIFY_GATHER_SECONDS = 600
        clock.wait(hours=1)
        repair(agreed)
        break_block(agreed, "02")
        check("clone")
        clock.wait(minutes=10)
        check("clone")
        assert [(len(data["opened"]), len(data["resolved"])) for data in sent(at_once)] == [(1, 0), (1, 1)]


class TestOverdue:
    def test_sent_once_and_resolved_by_the_next_run(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        clock.wait(hours=24, minutes=1)
        for _ in range(2):
            assert run("send_notifications").exit == 0
        check("clone")
        clock.wait(hours=25)
        run("send_notifications")
        since = ("2030-01-02 12:00 UTC", "2030-01-03 12:01 UTC")
        place = f"(test-host:{agreed.path})"
        said = [f"overdue: no run has finished on clone since {moment} {place}" for moment in since]
        assert lines(at_once) == [said[0], f"resolved: {said[0]}", said[1]]

    def test_retired_is_the_end(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        clock.wait(days=2)
        run("send_notifications")
        run("retire_checkout", "clone")
        run("send_notifications")
        assert [line.split(":")[0] for line in lines(at_once)] == ["overdue", "resolved"]


class TestProposals:
    def test_sent_while_it_waits(self, hub: Hub, at_once: Endpoint, clock: Clock) -> None:
        repo = Repo.objects.create(slug="protected")
        page = "https://forge.example.org/protected/compare/statehub"
        proposal = Proposal.objects.create(
            repo=repo, branch="statehub", commit="1" * 40, page=page, proposed_at=clock.now()
        )
        run("send_notifications")
        proposal.commit = "2" * 40
        proposal.save()
        run("send_notifications")
        Proposal.objects.update(commit="", proposed_at=None)
        run("send_notifications")
        line = f"proposal: protected has statuses that wait to be merged since 2030-01-02 12:00 UTC: {page}"
        assert lines(at_once) == [line, f"resolved: {line}"]


class TestReceiversThatAreDown:
    def test_nothing_is_lost_and_all_comes_in_one_message(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        at_once.status = 503
        name = at_once.url + "/…"
        break_block(agreed)
        assert check("clone").stderr == f"warning: notification failed: {name}: it answered 503\n"
        clock.wait(minutes=2)
        break_block(agreed, "02")
        check("clone")
        repair(agreed)
        break_block(agreed)
        clock.wait(minutes=5)
        check("clone")
        tried = len(at_once.requests)
        at_once.requests.clear()
        at_once.status = 200
        clock.wait(hours=7)
        check("clone")
        check("clone")
        [data] = sent(at_once)
        assert tried == 3
        assert (data["subject"], len(data["opened"]), len(data["resolved"])) == (
            "State Hub: 1 new, 1 resolved in clone",
            1,
            1,
        )

    def test_is_tried_less_and_less(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        at_once.status = 500
        break_block(agreed)
        check("clone")
        name, pauses = f"{at_once.url}/…", []
        for _ in range(8):
            retry_at = Receiver.objects.get().retry_at
            assert retry_at is not None
            if retry_at > clock.now():
                assert send_notifications() == [Result(name, (), "it answered 500", retry_at)]
            pauses.append((retry_at - clock.now()).seconds // 60)
            clock.time = retry_at
            assert send_notifications() == [Result(name, (), "it answered 500")]
        assert pauses == [0, 0, 0, 5, 30, 120, 360, 360]
        assert len(at_once.requests) == 9
        assert (
            len({request.headers["webhook-id"] for request in at_once.requests[:-1]}) == 1
        )  # Then the checkout is overdue, too.

    def test_state_says_since_when_and_why(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        at_once.status, began, pause = 500, clock.now(), timedelta(hours=24)
        break_block(agreed)
        for _ in range(4):
            check("clone")
        ok = ReceiverState(f"{at_once.url}/…", 0, None, "", None, 0, is_abandoned=False)
        failing = ok._replace(
            failures=4, failing_since=began, error="it answered 500", retry_at=began + timedelta(minutes=5), waiting=1
        )
        assert read_receivers(clock.now(), pause) == [failing]
        clock.wait(minutes=5)
        check("clone")
        last = failing._replace(failures=5, retry_at=clock.now() + timedelta(minutes=30))
        assert read_receivers(clock.now(), pause) == [last]
        clock.wait(hours=25)
        assert [(each.is_failing, each.is_abandoned) for each in read_receivers(clock.now(), pause)] == [(False, True)]
        at_once.status = 200
        check("clone")
        assert read_receivers(clock.now(), pause) == [ok]

    def test_another_receiver_gets_its_message(
        self, agreed: Clone, at_once: Endpoint, mailbox: Mailbox, settings: Settings
    ) -> None:
        at_once.status = 410
        settings.STATEHUB_NOTIFY = [f"{at_once.url}/hook", ADA]
        break_block(agreed)
        ended = check("clone")
        assert ended.stderr == f"warning: notification failed: {at_once.url}/…: it answered 410\n"
        assert [str(mail["Subject"]) for mail in mailbox.mails] == ["State Hub: FAIL C-05 in clone"]
        run("check_consistency", "clone")
        assert len(mailbox.mails) == 1


class TestOnce:
    def test_many_processes_at_once(self, agreed: Clone, at_once: Endpoint, hub: Hub) -> None:
        break_block(agreed)
        env = {"STATEHUB_NOTIFY": f"{at_once.url}/hook", "STATEHUB_NOTIFY_GATHER_SECONDS": "600"}
        assert hub.manage("check_consistency", "clone", env=env).exit == 1
        assert at_once.requests == []
        env["STATEHUB_NOTIFY_GATHER_SECONDS"] = "0"
        ended: list[Ended] = []
        threads = [
            threading.Thread(target=lambda: ended.append(hub.manage("send_notifications", env=env))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [each.exit for each in ended] == [0] * 4, ended
        assert len(at_once.requests) == 1

    def test_one_row_for_each_episode(
        self, agreed: Clone, at_once: Endpoint, mailbox: Mailbox, settings: Settings
    ) -> None:
        settings.STATEHUB_NOTIFY = [f"{at_once.url}/hook", ADA]
        break_block(agreed)
        check("clone")
        finding = Finding.objects.get(code="C-05")
        rows = Notification.objects.values_list("receiver__name", "episode")
        assert sorted(rows) == [(f"{at_once.url}/…", f"finding:{finding.pk}"), (ADA, f"finding:{finding.pk}")]

    def test_message_that_is_sent_again_has_the_same_id(
        self, agreed: Clone, at_once: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process ends after the receiver has taken the message, and before that is recorded."""

        def fail(*_args: object) -> None:
            raise OSError

        break_block(agreed)
        with monkeypatch.context() as patch:
            patch.setattr("consistency.db.notifications.record_delivery", fail)
            assert check("clone").stderr.startswith("warning: notification failed: internal error")
        for _ in range(2):
            check("clone")
        ids = [request.headers["webhook-id"] for request in at_once.requests]
        assert (len(ids), len(set(ids))) == (2, 1)

    def test_receiver_that_a_process_is_busy_with(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        break_block(agreed)
        check("clone")
        repair(agreed)
        Receiver.objects.update(busy_until=clock.now())
        clock.wait(seconds=-1)
        check("clone")
        assert len(at_once.requests) == 1
        clock.wait(minutes=6)
        check("clone")
        assert len(at_once.requests) == 2


class TestChannels:
    def test_webhook_is_signed(self, agreed: Clone, at_once: Endpoint, settings: Settings) -> None:
        break_block(agreed)
        ended = run("send_notifications", "--show-secrets")
        [(name, secret)] = read_secrets()
        assert ended == Ended(0, f"{name} {secret}\n", "")
        assert name == f"{at_once.url}/…"
        check("clone")
        [request] = at_once.requests
        assert (request.path, request.headers["content-type"]) == ("/hook", "application/json")
        # Its judge uses the real time; that of the message is the clock's.
        webhook = Webhook(secret)
        headers = request.headers
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert webhook.sign(headers["webhook-id"], at, request.body.decode()) == headers["webhook-signature"]

    def test_secret_that_was_replaced_is_valid_for_a_day(self, agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
        [(name, old)] = read_secrets()
        ended = run("send_notifications", "--new-secrets")
        [(_, new)] = read_secrets()
        assert (ended, old != new) == (Ended(0, f"{name} {new}\n", ""), True)
        for number, wait in (("01", 23), ("02", 2)):
            clock.wait(hours=wait)
            break_block(agreed, number)
            check("clone")
        signatures = []
        for request in at_once.requests:
            at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
            made = [Webhook(key).sign(request.headers["webhook-id"], at, request.body.decode()) for key in (new, old)]
            signatures.append([made.index(each) for each in request.headers["webhook-signature"].split()])
        assert signatures == [[0, 1], [0]]

    def test_mail(self, agreed: Clone, mailbox: Mailbox, settings: Settings) -> None:
        settings.STATEHUB_NOTIFY, settings.STATEHUB_NOTIFY_GATHER_SECONDS = [ADA], 0
        break_block(agreed)
        check("clone")
        [mail] = mailbox.mails
        assert {name: mail[name] for name in ("Subject", "From", "To", "Auto-Submitted")} == {
            "Subject": "State Hub: FAIL C-05 in clone",
            "From": "State Hub <state-hub@localhost>",
            "To": "ada@example.org",
            "Auto-Submitted": "auto-generated",
        }
        assert mailbox.envelopes == [("state-hub@localhost", ["ada@example.org"])]
        assert mail.get_content().startswith("FAIL C-05 clone ")

    def test_slack(self, agreed: Clone, at_once: Endpoint, settings: Settings) -> None:
        settings.STATEHUB_NOTIFY = [f"slack+{at_once.url}/services/T0/B0/secret"]
        break_block(agreed)
        check("clone")
        [request] = at_once.requests
        assert (request.path, list(json.loads(request.body))) == ("/services/T0/B0/secret", ["text"])
        assert json.loads(request.body)["text"].startswith("FAIL C-05 clone ")
        assert "webhook-signature" not in request.headers


class TestProcesses:
    """As cron runs them: the settings come from the environment."""

    ENV: ClassVar = {
        "STATEHUB_NOTIFY": ADA, "STATEHUB_NOTIFY_GATHER_SECONDS": "0", "DEFAULT_FROM_EMAIL": "Hub <hub@example.org>",
    }  # fmt: skip

    def test_mail_by_the_settings(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        break_block(clone)
        with receiving_mail() as mailbox:
            env = {**self.ENV, "EMAIL_URL": mailbox.url}
            ended = hub.manage("fix_consistency", "clone", "--verbosity", "0", env=env)
            assert (ended.exit, ended.stderr) == (1, "")
            assert hub.manage("send_notifications", env=env) == Ended(0, "nothing is due\n", "")
        assert mailbox.envelopes == [("hub@example.org", ["ada@example.org"])]
        assert mailbox.logins == [("hub", "hunter2")]

    @pytest.mark.parametrize("trusted", [False, True])
    @pytest.mark.parametrize("starttls", [False, True])
    def test_password_goes_to_a_trusted_server_only(
        self, hub: Hub, clone: Clone, certificate: Path, trusted: bool, starttls: bool
    ) -> None:
        mirrored(clone)
        break_block(clone)
        with receiving_mail(server_context(certificate), starttls=starttls) as mailbox:
            env = {**self.ENV, "EMAIL_URL": mailbox.url}
            if trusted:
                env["SSL_CERT_FILE"] = str(certificate / "fullchain.pem")
            ended = hub.manage("fix_consistency", "clone", env=env)
        refused = f"warning: notification failed: {ADA}: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
        assert ended.stderr.startswith("" if trusted else refused)
        assert (len(mailbox.logins), len(mailbox.mails)) == ((1, 1) if trusted else (0, 0))

    @pytest.mark.parametrize("trusted", [False, True])
    def test_webhook_by_https(self, hub: Hub, clone: Clone, certificate: Path, trusted: bool) -> None:
        mirrored(clone)
        break_block(clone)
        with receiving_http(server_context(certificate)) as endpoint:
            env = {**self.ENV, "STATEHUB_NOTIFY": f"{endpoint.url}/hook"}
            if trusted:
                env["SSL_CERT_FILE"] = str(certificate / "fullchain.pem")
            ended = hub.manage("fix_consistency", "clone", env=env)
        assert ("CERTIFICATE_VERIFY_FAILED" in ended.stderr, len(endpoint.requests)) == (not trusted, int(trusted))

    def test_nothing_is_loaded_for_no_one(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        modules = loaded(hub, "check_consistency", "clone")
        assert [
            name for name in modules if name.startswith(("consistency.notify", "smtplib", "django.core.mail"))
        ] == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_program("openssl")
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    return folder


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "fullchain.pem", certificate / "privkey.pem")
    return context


class TestDigest:
    @pytest.fixture
    def weekly(self, at_once: Endpoint, settings: Settings) -> Endpoint:
        settings.STATEHUB_NOTIFY_DIGEST, settings.STATEHUB_OVERDUE_HOURS = "repo", 10_000
        return at_once

    def test_one_for_each_week(self, agreed: Clone, weekly: Endpoint, clock: Clock) -> None:
        assert send_notifications() == []  # The receiver is known from this Wednesday on.
        edit(agreed, "status: todo", "status: done")
        assert run("fix_consistency", "clone").exit == 0
        clock.wait(days=4, hours=11, minutes=59)
        assert send_notifications() == []
        clock.wait(minutes=1)
        subject = "State Hub: week 1, 2029-12-31 to 2030-01-06, by repo"
        assert send_notifications() == [Result(f"{weekly.url}/…", (subject,), "")]
        assert send_notifications() == []
        [data] = sent(weekly)
        assert data == {
            "subject": subject, "text": "clone: 1 moved to done; 1 task left\n  WP-1-T01 Task WP-1-T01\n",
            "week": "2029-12-31T00:00:00Z", "by": "repo", "more": 0,
            "groups": [{
                "name": "clone", "moves": {"done": 1}, "reopened": 0, "unfinished": 1, "findings": 0,
                "finished": ["WP-1-T01 Task WP-1-T01"],
            }],
        }  # fmt: skip

    def test_quiet_week(self, agreed: Clone, weekly: Endpoint, clock: Clock) -> None:
        assert send_notifications() == []
        clock.wait(days=7)
        send_notifications()
        assert sent(weekly)[0]["text"] == "nothing happened\n"

    def test_of_weeks_in_which_it_was_down_the_last(self, agreed: Clone, weekly: Endpoint, clock: Clock) -> None:
        assert send_notifications() == []
        weekly.status = 500
        for _ in range(2):
            clock.wait(days=7)
            for _ in range(4):
                send_notifications()
        assert len(weekly.requests) == 5
        weekly.status = 204
        clock.wait(days=1)
        assert [result.sent for result in send_notifications()] == [
            ("State Hub: week 2, 2030-01-07 to 2030-01-13, by repo",)
        ]
        assert send_notifications() == []

    def test_with_news_there_are_two_messages(self, agreed: Clone, weekly: Endpoint, clock: Clock) -> None:
        send_notifications()
        clock.wait(days=7)
        break_block(agreed)
        check("clone")
        assert sorted(data["subject"] for data in sent(weekly)) == [
            "State Hub: FAIL C-05 in clone", "State Hub: week 1, 2029-12-31 to 2030-01-06, by repo",
        ]  # fmt: skip


class TestRuns:
    def test_database_that_fails_changes_nothing(
        self, agreed: Clone, at_once: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        silent = check("clone")

        def fail(*_args: object) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr("consistency.db.notifications.record_ends", fail)
        ended = check("clone")
        assert (ended.exit, findings(ended)) == (silent.exit, findings(silent))
        assert ended.stderr.startswith("warning: notification failed: ")

    def test_idle_run_has_few_queries_and_writes_nothing(self, agreed: Clone, at_once: Endpoint) -> None:
        send_notifications()
        with CaptureQueriesContext(connection) as captured:
            assert send_notifications() == []
        verbs = Counter(query["sql"].split()[0] for query in captured)
        assert verbs == {"SELECT": 6}


def test_pruning_removes_what_is_over(agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
    for number in ("01", "02"):
        break_block(agreed, number)
        check("clone")
        repair(agreed)
        check("clone")
        clock.wait(days=2)
    break_block(agreed)
    check("clone")
    assert run("prune_history", "--older-than", "3", "--dry-run").exit == 0
    assert Notification.objects.exclude(finding=None).count() == 3
    assert run("prune_history", "--older-than", "3").exit == 0
    left = Notification.objects.exclude(finding=None)
    assert [row.end_delivered_at is None for row in left.order_by("pk")] == [False, True]


def test_deleted_findings_and_checkouts_leave_nothing_to_send(agreed: Clone, at_once: Endpoint, clock: Clock) -> None:
    clock.wait(days=2)
    send_notifications()
    break_block(agreed)
    check("clone")
    at_once.requests.clear()
    Checkout.objects.all().delete()
    assert (send_notifications(), at_once.requests) == ([], [])
    assert Notification.objects.count() == 0


class TestNobody:
    def test_nothing_is_kept_or_sent(self, agreed: Clone, at_once: Endpoint, settings: Settings) -> None:
        settings.STATEHUB_NOTIFY = []
        break_block(agreed)
        check("clone")
        assert run("send_notifications") == Ended(0, "no one is to be notified: STATEHUB_NOTIFY is not set\n", "")
        assert run("send_notifications", "--verbosity", "0") == Ended(0, "", "")
        assert (at_once.requests, Notification.objects.count(), Receiver.objects.count()) == ([], 0, 0)
