"""The commit of a writeback is the same wherever it is made."""

from __future__ import annotations

import os
from datetime import timedelta, timezone

import pytest

from consistency.git.committer import Committer
from testing.repos import Clone, Origin
from tests.git.desk import (
    CHANGED,
    DONE,
    STARTED,
    TODO,
    commit_workplans,
    item,
    leftovers,
    written,
)


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone)


class TestConvergence:
    @pytest.fixture
    def other(self, origin: Origin, clone: Clone) -> Clone:
        clone.push()
        return origin.clone("other")

    def test_same_parent_and_items_make_the_same_commit(self, clone: Clone, other: Clone) -> None:
        assert written(clone).commit == written(other).commit
        assert clone.head == other.head

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("user.name", "Another User"),
            ("user.useConfigOnly", "true"),
            ("author.name", "Author"),
            ("committer.email", "committer@example.org"),
            ("commit.gpgSign", "true"),
            ("gpg.program", "false"),
            ("log.mailmap", "true"),
            ("core.hooksPath", "/dev/null"),
            ("core.autocrlf", "input"),
            ("core.eol", "crlf"),
            ("core.safecrlf", "true"),
            ("core.logAllRefUpdates", "false"),
            ("core.sharedRepository", "group"),
            ("core.compression", "9"),
            ("fastimport.unpackLimit", "0"),
            ("pack.writeReverseIndex", "true"),
            ("commit.encoding", "ISO-8859-1"),
            ("diff.noprefix", "true"),
            ("diff.external", "false"),
            ("diff.renames", "copies"),
            ("diff.orderFile", "/no/such/file"),
            ("index.sparse", "true"),
            ("merge.renames", "true"),
            ("core.preloadIndex", "true"),
            ("core.precomposeUnicode", "true"),
            ("core.warnAmbiguousRefs", "true"),
            ("submodule.recurse", "true"),
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
        ],
    )
    def test_whatever_the_settings(self, clone: Clone, other: Clone, name: str, value: str) -> None:
        other.git("config", name, value)
        result = written(other)
        assert (result.commit, result.faults) == (written(clone).commit, [])
        assert other.status() == []  # Which refreshes the index: what a writeback leaves there has no times yet.
        assert other.git("-c", "status.showUntrackedFiles=all", "diff", "--name-only", "HEAD") == ""

    def test_whatever_the_line_ends_of_the_work_tree(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        windows = origin.clone("windows", "--config=core.autocrlf=true")
        assert b"\r\n" in windows.read("workplans/a.md")
        assert written(windows).commit == written(clone).commit
        assert windows.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()

    @pytest.mark.parametrize("setting", ["autocrlf=true", "autocrlf=input", "eol=crlf", "eol=lf"])
    def test_whatever_the_line_ends_that_attributes_ask_for(self, origin: Origin, clone: Clone, setting: str) -> None:
        clone.write(".gitattributes", "* text=auto\n")
        clone.commit(date=STARTED)
        clone.push()
        other = origin.clone("windows", f"--config=core.{setting}")
        before = other.read("workplans/a.md")
        assert written(other).commit == written(clone).commit
        assert other.read("workplans/a.md") == before.replace(b"todo", b"done", 1)
        assert (other.status(), clone.status()) == ([], [])

    def test_crlf_in_head_and_attributes_in_one_clone_only(self, origin: Origin, clone: Clone) -> None:
        commit_workplans(clone, text=TODO.replace("\n", "\r\n"))
        clone.push()
        other = origin.clone("other")
        other.write(".git/info/attributes", "*.md text\n")
        assert written(other).commit == written(clone).commit
        assert other.read("workplans/a.md") == clone.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()

    def test_in_a_shallow_partial_and_linked_clone(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        origin.git("config", "uploadpack.allowFilter", "true")
        folder = origin.path.parent
        options = {"shallow": "--depth=1", "partial": "--filter=blob:none", "treeless": "--filter=tree:0"}
        made = {written(clone).commit}
        for name, option in options.items():
            origin.git("clone", "--quiet", option, f"file://{origin.path}", str(folder / name))
            made.add(written(Clone(folder / name)).commit)
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(folder / "bare.git"))
        origin.git(f"--git-dir={folder / 'bare.git'}", "worktree", "add", "--quiet", str(folder / "linked"), "main")
        made.add(written(Clone(folder / "linked")).commit)
        assert made == {clone.head}

    def test_whatever_the_mailmap_says(self, clone: Clone, other: Clone) -> None:
        other.git("config", "mailmap.file", str(other.write(".git/mailmap", "Other <x@y> <state-hub@localhost>\n")))
        assert written(clone).commit == written(other).commit

    def test_whatever_stands_behind_a_replacement(self, clone: Clone, other: Clone) -> None:
        blob = other.git("hash-object", "-w", "--stdin", input="something else\n")
        other.git("replace", other.git("rev-parse", "HEAD:README.md"), blob)
        assert written(clone).commit == written(other).commit

    def test_whatever_the_environment(self, clone: Clone, other: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = written(clone).commit
        for name, value in {
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "C",
            "EMAIL": "x@example.org",
            "GIT_AUTHOR_NAME": "X",
            "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z",
            "GIT_COMMITTER_EMAIL": "x",
            "GIT_INDEX_FILE": "/nowhere/index",
            "GIT_DIR": "/nowhere",
        }.items():
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

    @pytest.mark.parametrize(
        ("name", "email", "shown"),
        [
            ("A <b> C", "x@y", "A b C <x@y>"),
            ("A\nauthor B", "x@y\n", "Aauthor B <x@y>"),
            (" .A. ", "<x@y>", "A <x@y>"),
            ("A\0B", "x@y", "AB <x@y>"),
        ],
    )
    def test_odd_name_makes_a_sound_commit(self, clone: Clone, name: str, email: str, shown: str) -> None:
        result = written(clone, committer=Committer(name, email, 20))
        assert (result.commit, result.faults, clone.log("%an <%ae>")[0]) == (clone.head, [], shown)
        clone.git("fsck", "--strict")

    @pytest.mark.parametrize("name", ["", "<>", "..."])
    def test_empty_name_is_a_commit_or_words(self, clone: Clone, name: str) -> None:
        result = written(clone, committer=Committer(name, name, 20))
        assert (result.commit is None) == bool(result.faults)
        assert (clone.status(), leftovers(clone)) == ([], [])
