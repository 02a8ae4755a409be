"""A repo's writeback and forge in the admin, and the proposal that waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from consistency.models import Proposal
from statehub.models import Checkout, Repo
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import Rows

PAGE = "https://github.com/acme/net/compare/main...statehub/main?expand=1"


@pytest.fixture
def repo(rows: Rows) -> Repo:
    rows.repo()
    return Repo.objects.get()


def address(repo: Repo, page: str = "change") -> str:
    return f"/admin/statehub/repo/{repo.pk}/{page}/"


def post(client: Client, repo: Repo, writeback: str, forge: str) -> str:
    answer = client.post(address(repo, "writeback"), {"writeback": writeback, "forge": forge}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def chosen(repo: Repo) -> tuple[str, str]:
    return Repo.objects.values_list("writeback", "forge").get(pk=repo.pk)


def test_page_leads_to_the_form(repo: Repo, operator: Client) -> None:
    assert f'action="{address(repo, "writeback")}"' in body(operator, address(repo))
    html = body(operator, address(repo, "writeback"))
    assert [html.count(f'value="{each}"') for each in ("push", "propose", "off", "gitlab", "generic")] == [1] * 5


def test_change(repo: Repo, operator: Client) -> None:
    html = post(operator, repo, "propose", "gitlab")
    assert chosen(repo) == ("propose", "gitlab")
    message = LogEntry.objects.get().get_change_message()
    assert message in html
    assert "GitLab" in body(operator, address(repo))
    # Back to what it was.
    post(operator, repo, "", "")
    assert chosen(repo) == ("", "")
    assert LogEntry.objects.count() == 2


def test_same_again_is_no_change(repo: Repo, operator: Client) -> None:
    assert "Nothing has changed." in post(operator, repo, "", "")
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize(("writeback", "forge"), [("force", ""), ("push", "sourceforge")])
def test_unknown_values_are_refused(repo: Repo, operator: Client, writeback: str, forge: str) -> None:
    assert post(operator, repo, writeback, forge).count('class="sh-error"') == 1
    assert (chosen(repo), LogEntry.objects.count()) == (("", ""), 0)


def test_change_queues_the_checkouts_of_workers(
    repo: Repo, operator: Client, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    Checkout.objects.update(managed=True)
    with django_capture_on_commit_callbacks(execute=True):
        post(operator, repo, "off", "")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT args->>'trigger' FROM procrastinate_jobs")
            assert cursor.fetchall() == [("admin",)]


@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_who_may_not_retire_may_not_change_it(repo: Repo, client_of: Callable[[str], Client], role: str) -> None:
    client = client_of(role)
    assert client.get(address(repo, "writeback")).status_code == 403
    assert client.post(address(repo, "writeback"), {"writeback": "push", "forge": ""}).status_code == 403
    assert chosen(repo) == ("", "")


def test_proposal_that_waits_is_shown(repo: Repo, viewer: Client) -> None:
    assert "Proposal" not in body(viewer, address(repo))
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    proposal = Proposal.objects.create(repo=repo, branch="statehub/main", commit="c0ffee", page=PAGE, proposed_at=at)
    assert f'<a class="sh-link" href="{PAGE}">{PAGE}</a> since <time datetime="{at.isoformat()}"' in body(
        viewer, address(repo)
    )
    Proposal.objects.filter(pk=proposal.pk).update(page="")
    assert '<span class="sh-mono">statehub/main</span> since' in body(viewer, address(repo))
    Proposal.objects.filter(pk=proposal.pk).update(proposed_at=None)
    assert "Proposal" not in body(viewer, address(repo))
