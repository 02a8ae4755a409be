"""Runs, and *check now* and *fix now*."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.test import Client, RequestFactory
from pytest_django import Settings

from consistency.models import Mode, Run
from statehub.models import Checkout
from testing.hub import Hub
from testing.repos import Clone
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows
from web.admin import background_runs


def page(run: Run) -> str:
    return f"/admin/consistency/run/{run.pk}/change/"


def test_page_has_everything_of_a_run(rows: Rows, viewer: Client) -> None:
    rows.repo()
    run = Run.objects.get()
    Run.objects.update(writeback_commit="d" * 40, dry_run=True, converged=True)
    html = body(viewer, page(run))
    for part in (
        "fix (dry run)", "command", "somebody", "repo-001", "/srv/1", "a" * 40, "origin/main", "fresh", "? / ?",
        "d" * 40, "200 ms", "500 ms", "Opened by this run", "no drift is left",
        f"code=C-13&amp;checkout__id__exact={run.checkout_id}",
    ):  # fmt: skip
        assert part in html


@pytest.mark.parametrize(
    ("push", "in_list", "on_page"),
    [
        ("ok", "pushed", "pushed"),
        ("[remote rejected] <hook>", "committed, not pushed", "committed, not pushed: [remote rejected] &lt;hook&gt;"),
        ("", "", "committed, not pushed: no push was requested"),
    ],
)
def test_what_became_of_the_commit(push: str, in_list: str, on_page: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    Run.objects.update(writeback_commit="d" * 40, push=push, tip="e" * 40)
    html = body(viewer, page(Run.objects.get()))
    assert on_page in html
    assert "e" * 40 in html
    assert f"{'d' * 10}</code>{' ' if in_list else ''}{in_list}" in body(viewer, "/admin/consistency/run/")


def test_failed_run_says_why(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Run.objects.update(outcome="error", error="fatal: <not> a repo", seconds={}, counts={})
    html = body(viewer, page(Run.objects.get()))
    assert "fatal: &lt;not&gt; a repo" in html
    assert "No findings." in html


def test_run_without_an_end(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Run.objects.update(outcome="running", finished_at=None, freshness="", user="", counts={"X-99": 2})
    assert "Not finished" in body(viewer, page(Run.objects.get()))
    assert body(viewer, "/admin/consistency/run/")


def test_long_lists_of_findings_lead_to_the_list(rows: Rows, viewer: Client) -> None:
    rows.repo()
    run = Run.objects.get()
    for _ in range(30):
        rows.finding(run, resolved_by=run, resolved_at=START)
    html = body(viewer, page(run))
    assert f"opened_by__id__exact={run.pk}" in html
    assert "25 of 31" in html
    assert "25 of 30" in html
    assert body(viewer, f"/admin/consistency/finding/?opened_by__id__exact={run.pk}")


@pytest.mark.parametrize("query", ["outcome=ok", "mode=fix", "trigger=command", "q=repo-001", "started_at__year=2026"])
def test_filters(query: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    assert "repo-001" in body(viewer, f"/admin/consistency/run/?{query}")


@pytest.mark.parametrize("query", ["outcome=error", "mode=check", "trigger=cron", "q=nobody"])
def test_filters_that_leave_nothing(query: str, rows: Rows, viewer: Client) -> None:
    rows.repo()
    assert "repo-001" not in body(viewer, f"/admin/consistency/run/?{query}").split("changelist-form")[1]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "repo-001",
        "REPO-00",
        "ada",
        "repo-001 ada",
        '"repo-001 ada"',
        "'ada lovelace'",
        "c0ffee",
        "C0FFEE",
        "c0ffeeg",
        "c0ffee repo-002",
        "fee",
        "aaaa",
        '"',
        "%",
    ],
)
def test_search_finds_the_runs_that_the_default_search_finds(words: str, rows: Rows, rf: RequestFactory) -> None:
    checkouts = [rows.repo().workstream.repo.checkouts.get() for _ in range(3)]
    rows.run(checkouts[0], user="ada lovelace", head="b" * 40)
    rows.run(checkouts[1], user="Ada", writeback_commit="c0ffee" + "0" * 34)
    search: ModelAdmin[Run] = admin.site.get_model_admin(Run)
    found, has_duplicates = search.get_search_results(rf.get("/"), Run.objects.all(), words)
    expected, _ = ModelAdmin.get_search_results(search, rf.get("/"), Run.objects.all(), words)
    assert not has_duplicates
    assert list(found.order_by("pk")) == list(expected.order_by("pk"))


def test_search_reads_repos_once_and_not_for_each_run(rows: Rows, rf: RequestFactory) -> None:
    search: ModelAdmin[Run] = admin.site.get_model_admin(Run)
    found, _ = search.get_search_results(rf.get("/"), Run.objects.order_by(), "repo-001")
    outer, _, inner = str(found.query).partition(" IN (SELECT ")
    assert "JOIN" not in outer
    assert "slug" in inner


@pytest.mark.parametrize(("word", "is_compared"), [("c0ffee", True), ("C0", True), ("repo-001", False), ("c0g", False)])
def test_search_compares_commits_only_with_what_may_begin_one(
    word: str, is_compared: bool, db: None, rf: RequestFactory
) -> None:
    search: ModelAdmin[Run] = admin.site.get_model_admin(Run)
    found, _ = search.get_search_results(rf.get("/"), Run.objects.order_by(), word)
    query = str(found.values("pk").query)
    assert [f'"consistency_run"."{column}"' in query for column in ("head", "writeback_commit", "user")] == [
        is_compared, is_compared, True,
    ]  # fmt: skip


def test_checkout_page_for_who_may_run(rows: Rows, operator: Client, viewer: Client) -> None:
    rows.repo()
    url = f"/admin/statehub/checkout/{Checkout.objects.get().pk}/change/"
    assert "Check now" in body(operator, url)
    assert "Check now" not in body(viewer, url)


def test_checkout_of_another_host_is_not_run(rows: Rows, operator: Client) -> None:
    rows.repo(host="elsewhere")
    checkout = Checkout.objects.get()
    assert "only checkouts on" in body(operator, f"/admin/statehub/checkout/{checkout.pk}/change/")
    answer = operator.post(f"/admin/statehub/checkout/{checkout.pk}/run/", {"mode": "check"}, follow=True)
    assert "not on this machine" in answer.content.decode()


def test_checkout_that_was_never_run(rows: Rows, viewer: Client) -> None:
    rows.repo()
    Run.objects.all().delete()
    assert "No runs yet." in body(viewer, f"/admin/statehub/checkout/{Checkout.objects.get().pk}/change/")
    assert body(viewer, "/admin/statehub/checkout/?host=test-host")


def test_mode_must_be_one(rows: Rows, operator: Client) -> None:
    rows.repo()
    answer = operator.post(f"/admin/statehub/checkout/{Checkout.objects.get().pk}/run/", {"mode": "x"}, follow=True)
    assert "check or fix" in answer.content.decode()


def test_start_that_fails_says_so(rows: Rows, operator: Client, settings: Settings, tmp_path: Path) -> None:
    rows.repo()
    (tmp_path / "file").write_text("")
    settings.STATEHUB_VAR = tmp_path / "file"
    answer = operator.post(f"/admin/statehub/checkout/{Checkout.objects.get().pk}/run/", {"mode": "fix"}, follow=True)
    assert "could not be started" in answer.content.decode()


def test_viewer_may_not_run(rows: Rows, viewer: Client, operator: Client) -> None:
    rows.repo()
    pk = Checkout.objects.get().pk
    assert viewer.post(f"/admin/statehub/checkout/{pk}/run/", {"mode": "check"}).status_code == 403
    assert viewer.get(f"/admin/statehub/checkout/{pk}/run/{uuid.uuid4()}/").status_code == 403
    assert operator.get(f"/admin/statehub/checkout/{pk}/run/").status_code == 405


def test_job_that_nobody_knows(rows: Rows, operator: Client) -> None:
    rows.repo()
    url = f"/admin/statehub/checkout/{Checkout.objects.get().pk}/run/{uuid.uuid4()}/"
    assert "no longer known" in body(operator, url)


def _wait(job: uuid.UUID) -> background_runs.JobResult:
    deadline = time.monotonic() + 60
    while (ended := background_runs.result(job)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return ended


@pytest.fixture
def here(hub: Hub, clone: Clone, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Checkout:
    """A registered checkout on this host, in a hub that commands reach too; with jobs that no other test sweeps."""
    settings.STATEHUB_VAR = tmp_path / "var"
    monkeypatch.setenv("DATABASE_URL", hub.url)
    assert hub.manage("register_repo", clone.path, "--slug", "here").exit == 0
    return Checkout.objects.get()


def _operator() -> Client:
    from django.contrib.auth.models import Group, User

    user = User.objects.create_user("Ada <b>", is_staff=True)
    user.groups.add(Group.objects.get(name="operator"))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("mode", ["check", "fix"])
def test_run_now_leads_to_its_run(mode: str, here: Checkout) -> None:
    client = _operator()
    began = time.monotonic()
    answer = client.post(f"/admin/statehub/checkout/{here.pk}/run/", {"mode": mode})
    assert time.monotonic() - began < 5
    assert answer.status_code == 302
    url = answer["Location"]
    waiting = client.get(url)
    assert waiting.status_code in {200, 302}
    _wait(uuid.UUID(urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1]))
    run = Run.objects.get()
    assert (run.mode, run.trigger, run.user, run.outcome) == (mode, "admin", "Ada <b>", "ok")
    assert client.get(url)["Location"] == page(run)
    assert client.get(f"{url}?part=1")["HX-Redirect"] == page(run)


def test_waiting_page_polls(here: Checkout, tmp_path: Path) -> None:
    """A run that is at work: the page says so, and asks again."""
    import fcntl

    job = uuid.uuid4()
    log = Path(django_settings.STATEHUB_VAR, "jobs", f"{job}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    url = f"/admin/statehub/checkout/{here.pk}/run/{job}/"
    client = _operator()
    with log.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "Running …" in body(client, url)
        assert f'hx-get="{url}?part=1"' in body(client, f"{url}?part=1")
        file.write(b"error: locked \xff\x1b[31m\n")
    html = body(client, url)
    assert "The run did not start" in html
    assert "error: locked \\xff\\x1b[31m" in html


@pytest.mark.proof  # waits for the lock as long as a command does
def test_run_of_a_locked_checkout_says_so(here: Checkout, clone: Clone) -> None:
    from consistency.git.lock import locked
    from consistency.git.worktree import open_checkout

    with locked(open_checkout(str(clone.path))):
        ended = _wait(background_runs.start(Mode.CHECK, here.path, "ada"))
    assert ended.run == ""
    assert "another run is working" in ended.output


def test_files_of_old_jobs_are_swept(here: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    first = background_runs.start(Mode.CHECK, here.path, "ada")
    assert _wait(first).run
    monkeypatch.setattr(background_runs, "LOG_RETENTION_SECONDS", -10)
    _wait(background_runs.start(Mode.CHECK, here.path, "ada"))
    assert background_runs.result(first) == background_runs.JobResult(
        "", "This run is no longer known; look at the newest runs of the checkout."
    )


@pytest.mark.parametrize(("trigger", "exit_"), [("cron", 0), ("", 0), ("nonsense", 2)])
def test_trigger_comes_from_the_environment(trigger: str, exit_: int, here: Checkout, hub: Hub) -> None:
    ended = hub.manage("check_consistency", "--all", env={"STATEHUB_TRIGGER": trigger})
    assert ended.exit == exit_
    if exit_:
        assert "STATEHUB_TRIGGER must be one of" in ended.stderr
    else:
        assert Run.objects.get().trigger == (trigger or "command")


def test_welcome_is_for_a_hub_without_users(hub: Hub) -> None:
    from django.contrib.auth.models import User

    assert "create_user NAME --role administrator" in hub.manage("welcome").stdout
    User.objects.create_user("ada", is_staff=True)
    assert hub.manage("welcome").stdout == ""
