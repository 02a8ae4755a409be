"""The commit of a writeback is the same wherever it is made."""

from __future__ import annotations

import os
from datetime import timedelta, timezone

import pytest

from consistency.checkout.commit import Committer
from tests.checkout.desk import (
    CHANGED,
    DONE,
    item,
    laid_out,
    written,
)  # fmt: skip
from tests.support.repos import Clone, Origin


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return laid_out(clone)


class TestConvergence:
    @pytest.fixture
    def other(self, origin: Origin, clone: Clone) -> Clone:
        clone.push()
        return origin.clone("other")

    def test_same_parent_and_items_make_the_same_commit(self, clone: Clone, other: Clone) -> None:
        assert written(clone).commit == written(other).commit
        assert clone.head == other.head

    @pytest.mark.parametrize(("name", "value"), [
        ("user.name", "Somebody Else"),
        ("user.useConfigOnly", "true"),
        ("author.name", "Author"),
        ("committer.email", "committer@example.org"),
        ("commit.gpgSign", "true"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("i18n.logOutputEncoding", "ISO-8859-1"),
        ("commit.template", "/no/such/template"),
        ("commit.cleanup", "strip"),
        ("commit.verbose", "true"),
        ("commit.status", "false"),
        ("core.commentChar", "-"),
        ("core.quotePath", "false"),
        ("core.abbrev", "4"),
        ("core.editor", "false"),
        ("log.showSignature", "true"),
        ("log.date", "relative"),
        ("format.pretty", "oneline"),
        ("diff.autoRefreshIndex", "false"),
        ("color.ui", "always"),
        ("core.checkStat", "minimal"),
        ("core.trustctime", "false"),
        ("core.fileMode", "false"),
        ("core.splitIndex", "true"),
        ("core.untrackedCache", "true"),
        ("index.version", "4"),
        ("feature.manyFiles", "true"),
    ])  # fmt: skip
    def test_whatever_the_settings(self, clone: Clone, other: Clone, name: str, value: str) -> None:
        other.git("config", name, value)
        result = written(other)
        assert (result.commit, result.faults) == (written(clone).commit, [])
        assert other.git("-c", "status.showUntrackedFiles=all", "diff", "--name-only", "HEAD") == ""

    def test_whatever_the_line_ends_of_the_work_tree(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        windows = origin.clone("windows", "--config=core.autocrlf=true")
        assert b"\r\n" in windows.read("workplans/a.md")
        assert written(windows).commit == written(clone).commit
        assert windows.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()

    def test_whatever_the_environment(self, clone: Clone, other: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = written(clone).commit
        for name, value in {
            "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "EMAIL": "x@example.org", "GIT_AUTHOR_NAME": "X",
            "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z",
            "GIT_COMMITTER_EMAIL": "x", "GIT_INDEX_FILE": "/nowhere/index", "GIT_DIR": "/nowhere",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        before = os.umask(0o077)
        try:
            assert written(other).commit == expected
        finally:
            os.umask(before)

    def test_two_hubs_agree_whatever_their_time_zone(self, clone: Clone, other: Clone) -> None:
        east = CHANGED.astimezone(timezone(timedelta(hours=14)))
        assert written(clone, item(at=east)).commit == written(other).commit

    def test_other_name_makes_another_commit(self, clone: Clone, other: Clone) -> None:
        hub = Committer("Hub — Ünï", "hub@example.org", 20)
        assert written(clone, committer=hub).commit != written(other).commit
        assert clone.log("%an <%ae> %cn <%ce>")[0] == "Hub — Ünï <hub@example.org> Hub — Ünï <hub@example.org>"
