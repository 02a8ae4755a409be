"""One message about several episodes, as whole values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consistency.notify.messages import MAX_LINE, MAX_ROWS, Row, make_message

AT = datetime(2030, 1, 2, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
BROKEN = Row(
    "finding:1", "FAIL", "net", AT, None, "C-05", "task block is invalid", "laptop", "/srv/net", "workplans/a.md", 12,
    "WP-1", "WP-1-T01",
)  # fmt: skip
SAID = "FAIL C-05 net WP-1-T01 workplans/a.md:12: task block is invalid"
BEHIND = Row("finding:2", "WARN", "web", AT, None, "C-14", "behind remote", "laptop", "/srv/web")
OVERDUE = Row("overdue:3:x", "overdue", "net", AT, None, host="forge", path="/srv/net")
PROPOSAL = Row("proposal:4:x", "proposal", "ops", AT, None, url="https://forge.example.org/ops/1")


def text(*rows: Row) -> list[str]:
    return make_message("hash", rows).text.splitlines()


@pytest.mark.parametrize(
    ("row", "line", "subject"),
    [
        (BROKEN, f"{SAID} (laptop:/srv/net)", "FAIL C-05 in net"),
        (
            BEHIND, "WARN C-14 web: behind remote, since 2030-01-02 12:00 UTC (laptop:/srv/web)", "WARN C-14 in web",
        ),
        (OVERDUE, "overdue: no run has finished on net since 2030-01-02 12:00 UTC (forge:/srv/net)", "overdue in net"),
        (
            PROPOSAL,
            "proposal: ops has statuses that wait to be merged since 2030-01-02 12:00 UTC: https://forge.example.org/ops/1",
            "proposal in ops",
        ),
    ],
)  # fmt: skip
def test_one_episode_and_its_end(row: Row, line: str, subject: str) -> None:
    message = make_message("hash", [row])
    assert (message.subject, message.text) == (f"State Hub: {subject}", f"{line}\n")
    ended = make_message("hash", [row._replace(ended_at=LATER)])
    assert (ended.subject, ended.text) == (f"State Hub: resolved: {subject}", f"resolved: {line}\n")
    assert ended.data["resolved"][0]["ended_at"] == "2030-01-02T13:00:00Z"


def test_worst_first_and_ends_last() -> None:
    rows = [BEHIND._replace(ended_at=LATER), PROPOSAL, OVERDUE, BEHIND, BROKEN]
    message = make_message("hash", rows)
    assert [line.split()[0] for line in message.text.splitlines()] == [
        "FAIL",
        "WARN",
        "overdue:",
        "proposal:",
        "resolved:",
    ]
    assert message.subject == "State Hub: 4 new, 1 resolved in 3 repos"
    assert make_message("hash", [BROKEN, OVERDUE]).subject == "State Hub: 2 new in net"


def test_what_several_checkouts_have_in_common_is_said_once() -> None:
    elsewhere = BROKEN._replace(episode="finding:9", host="forge", path="/srv/copy")
    assert text(BROKEN, elsewhere) == [f"{SAID} (laptop:/srv/net, forge:/srv/copy)"]


def test_very_many_are_counted() -> None:
    rows = [BROKEN._replace(episode=f"finding:{at}", message=f"fault {at}") for at in range(MAX_ROWS + 7)]
    message = make_message("hash", rows)
    assert len(message.text.splitlines()) == MAX_ROWS + 1
    assert message.text.splitlines()[-1] == "and 7 more: the hub lists them"
    assert (len(message.data["opened"]), message.data["more"]) == (MAX_ROWS, 7)
    assert message.subject == f"State Hub: {MAX_ROWS + 7} new in net"


def test_very_long_text_is_cut() -> None:
    long = BROKEN._replace(message="x" * 10_000, path="/" + "y" * 10_000, repo="z" * 200)
    message = make_message("hash", [long])
    assert len(message.text) < 3 * MAX_LINE
    assert len(str(message.data)) < 5 * MAX_LINE
    assert len(message.subject) < MAX_LINE


def test_id_follows_the_content() -> None:
    ids = [
        make_message(receiver, rows).id
        for receiver, rows in (
            ("hash", [BROKEN, BEHIND]), ("hash", [BEHIND, BROKEN]), ("hash", [BROKEN]), ("other", [BROKEN]),
            ("hash", [BROKEN._replace(ended_at=LATER)]),
        )
    ]  # fmt: skip
    assert [ids.index(each) for each in ids] == [0, 0, 2, 3, 4]
