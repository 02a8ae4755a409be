"""Files out of a commit, and commits that change some of them and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.git.blobs import (
    Blob,
    BlobChange,
    NewCommit,
    Parent,
    blob_id,
    build_commit,
    check_commit,
    read_parent,
)
from consistency.git.process import GitError
from consistency.git.worktree import WorkTree, open_checkout
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import leftovers, photograph

NAMES = [
    "a",
    "a b",
    "'quoted' \"twice\"",
    "line\nend",
    "tab\t",
    "-dash",
    ":(exclude)x",
    "ünï — ☃",
    "back\\slash",
    "*",
    "[ab]",
    os.fsdecode(b"caf\xe9"),
    "deep/er/x",
    'd e/"q"/x',
    "\\n",
    " x ",
    "l" * 240,
    "0 missing",
    "x missing",
]


def parent_of(tree: WorkTree, clone: Clone, *changes: BlobChange) -> Parent:
    return read_parent(tree, clone.head, [each.path for each in changes])


def built(tree: WorkTree, clone: Clone, *changes: BlobChange) -> str:
    return build_commit(tree, NewCommit(parent_of(tree, clone, *changes), "A", "a@b", 1_700_000_000, "text\n"), changes)


def change(tree: WorkTree, clone: Clone, path: str, new: bytes) -> BlobChange:
    return BlobChange(path, read_parent(tree, clone.head, [path]).blobs[path], new)


class TestRead:
    def test_mode_id_and_bytes(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("a", b"one\r\n\0two").chmod(0o755)
        clone.write("sub/b", b"")
        head = clone.commit(date="@1700000000 -0330")
        ids = clone.git("rev-parse", "HEAD:a", "HEAD:sub/b").split()
        parent = read_parent(tree, head, ["a", "sub/b"])
        assert parent == Parent(
            head,
            1_700_000_000,
            {"a": Blob("100755", ids[0], b"one\r\n\0two"), "sub/b": Blob("100644", ids[1], b"")},
            {"": parent.trees[""], "sub": b"100644 b\0" + bytes.fromhex(ids[1])},
        )

    @pytest.mark.parametrize("name", NAMES)
    def test_odd_names(self, clone: Clone, tree: WorkTree, name: str) -> None:
        try:
            clone.write(name, name.encode(errors="surrogateescape"))
        except OSError:
            pytest.skip("this file system does not take it")
        clone.write("z", "z")
        clone.commit()
        blobs = read_parent(tree, clone.head, [name, "z"]).blobs
        assert [(path, blob.data) for path, blob in blobs.items()] == [
            (name, name.encode(errors="surrogateescape")),
            ("z", b"z"),
        ]

    def test_what_is_no_regular_file_there_is_left_out(self, clone: Clone, tree: WorkTree, origin: Origin) -> None:
        clone.git("submodule", "--quiet", "add", str(origin.path), "sub")
        clone.write("folder/x", "x")
        (clone.path / "link").symlink_to("README.md")
        clone.commit()
        clone.write("new", "x")
        paths = ["sub", "folder", "link", "new", "folder/none", "none/x", "README.md/x", "line\nend", "README.md"]
        assert list(read_parent(tree, clone.head, paths).blobs) == ["README.md"]

    def test_contents_that_look_like_gits_answers(self, clone: Clone, tree: WorkTree) -> None:
        trap = f"{'1' * 40} blob 3\nabc\n{'2' * 40} missing\n".encode()
        clone.write("a", trap)
        clone.write("b", trap * 3)
        clone.commit()
        blobs = read_parent(tree, clone.head, ["gone", "a", "b"]).blobs
        assert {path: blob.data for path, blob in blobs.items()} == {"a": trap, "b": trap * 3}

    def test_line_end_in_the_name_of_one_that_is_missing(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("a", "a")
        clone.commit()
        assert list(read_parent(tree, clone.head, ["x\ny missing\n", "a"]).blobs) == ["a"]

    def test_commit_that_is_not_there(self, tree: WorkTree) -> None:
        with pytest.raises(GitError, match=f"HEAD {'1' * 40} cannot be read"):
            read_parent(tree, "1" * 40, ["README.md"])

    def test_takes_one_process(self, clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
        head = clone.head
        git_processes.clear()
        read_parent(tree, head, ["README.md", "a/b", "line\nend"])
        assert len(git_processes) == 1

    def test_likely_bytes_are_compared_by_their_ids(
        self, clone: Clone, tree: WorkTree, git_processes: GitProcesses
    ) -> None:
        for path in ("a/b", "a/c", "d"):
            clone.write(path, path)
        head, paths = clone.commit(), ["a/b", "a/c", "d", "gone"]
        whole = read_parent(tree, head, paths)
        git_processes.clear()
        assert read_parent(tree, head, paths, {"a/b": b"a/b", "d": b"d"}) == whole
        assert len(git_processes) == 1
        git_processes.clear()
        assert read_parent(tree, head, paths, {"a/b": b"a/b\r", "d": b"d", "a/c": b"", "gone": b"x"}) == whole
        assert len(git_processes) == 2
        assert list(whole.blobs) == ["a/b", "a/c", "d"]

    def test_sha256(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--object-format=sha256", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("a/b", "x")
        head = new.commit(date="@5 +0000")
        tree = open_checkout(str(new.path))
        blob = Blob("100644", new.git("rev-parse", "HEAD:a/b"), b"x")
        trees = {
            "": b"40000 a\0" + bytes.fromhex(new.git("rev-parse", "HEAD:a")),
            "a": b"100644 b\0" + bytes.fromhex(blob.id),
        }
        assert read_parent(tree, head, ["a/b"]) == Parent(head, 5, {"a/b": blob}, trees)
        only = BlobChange("a/b", blob, b"y")
        made = build_commit(tree, NewCommit(read_parent(tree, head, ["a/b"]), "A", "a@b", 7, "t"), [only])
        assert (len(made), new.git("show", f"{made}:a/b")) == (64, "y")


@pytest.mark.parametrize("data", [b"", b"x\r\n", bytes(range(256)), b"x" * 100_000])
def test_id(clone: Clone, data: bytes) -> None:
    clone.write("x", data)
    assert blob_id(data, like="0" * 40) == clone.git("hash-object", "--no-filters", "x")


class TestBuild:
    @pytest.mark.parametrize("name", NAMES)
    def test_odd_names(self, clone: Clone, tree: WorkTree, name: str) -> None:
        try:
            clone.write(name, "old")
        except OSError:
            pytest.skip("this file system does not take it")
        clone.write("z", "z")
        clone.commit()
        new = built(tree, clone, change(tree, clone, name, b"new"))
        blobs = read_parent(tree, new, [name, "z"]).blobs
        assert [(path, blob.data) for path, blob in blobs.items()] == [(name, b"new"), ("z", b"z")]

    def test_moves_no_branch_and_touches_nothing(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("README.md", "mine")
        before = photograph(clone)
        new = built(tree, clone, change(tree, clone, "README.md", b"new\n"))
        after = photograph(clone)
        assert {name for name in before | after if before.get(name) != after.get(name)} <= {"refs"}
        assert (clone.git("cat-file", "-t", new), leftovers(clone)) == ("commit", [])

    def test_what_it_says_of_itself(self, clone: Clone, tree: WorkTree) -> None:
        parent = clone.head
        new = built(tree, clone, change(tree, clone, "README.md", b"new\n"))
        assert clone.git("cat-file", "commit", new) == (
            f"tree {clone.git('rev-parse', f'{new}^{{tree}}')}\nparent {parent}\n"
            "author A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\ntext"
        )

    @pytest.mark.parametrize("text", ["x", "x\n", "\n\nx\n\n", "from 1\n# comment\ndone\n", "Ünï → ☃\n", "a\r\nb\n"])
    def test_text_stays_as_it_is(self, clone: Clone, tree: WorkTree, text: str) -> None:
        only = change(tree, clone, "README.md", b"new\n")
        new = build_commit(tree, NewCommit(parent_of(tree, clone, only), "A", "a@b", 0, text), [only])
        raw = tree.git.run("cat-file", "commit", new)
        assert raw.partition(b"\n\n")[2] == text.encode()

    def test_bytes_stay_as_they_are(self, clone: Clone, tree: WorkTree) -> None:
        data = bytes(range(256)) + b"\ndone\nfrom x\n"
        new = built(tree, clone, change(tree, clone, "README.md", data))
        assert read_parent(tree, new, ["README.md"]).blobs["README.md"].data == data

    def test_again_makes_the_same(self, clone: Clone, tree: WorkTree) -> None:
        only = change(tree, clone, "README.md", b"new\n")
        assert built(tree, clone, only) == built(tree, clone, only)
        assert built(tree, clone, only._replace(new=b"other\n")) != built(tree, clone, only)

    def test_that_changes_nothing_is_refused(self, clone: Clone, tree: WorkTree) -> None:
        same = change(tree, clone, "README.md", clone.read("README.md"))
        with pytest.raises(GitError, match="does not hold just what was to be written; it is not used"):
            built(tree, clone, same)

    def test_parent_that_is_not_there(self, clone: Clone, tree: WorkTree) -> None:
        only = change(tree, clone, "README.md", b"new\n")
        with pytest.raises(GitError):
            build_commit(tree, NewCommit(Parent("1" * 40, 0), "A", "a@b", 0, "x"), [only])
        assert leftovers(clone) == []

    def test_crash_report_of_another_stays(self, clone: Clone, tree: WorkTree) -> None:
        theirs = clone.write(".git/fast_import_crash_1", "theirs")
        only = change(tree, clone, "README.md", b"new\n")
        with pytest.raises(GitError):
            build_commit(tree, NewCommit(Parent("1" * 40, 0), "A", "a@b", 0, "x"), [only])
        assert theirs.read_text() == "theirs"

    def test_in_a_linked_worktree(self, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--detach", str(linked.path))
        tree = open_checkout(str(linked.path))
        new = built(tree, linked, change(tree, linked, "README.md", b"new\n"))
        assert (clone.git("cat-file", "-t", new), clone.git("for-each-ref", "refs/worktree")) == ("commit", "")


class TestCheck:
    @pytest.fixture
    def only(self, clone: Clone, tree: WorkTree) -> BlobChange:
        return change(tree, clone, "README.md", b"new\n")

    def made(self, clone: Clone) -> str:
        clone.write("README.md", "new\n")
        return clone.commit()

    def refused(self, tree: WorkTree, new: str, parent: str, *changes: BlobChange) -> None:
        with pytest.raises(GitError, match="does not hold just what was to be written"):
            check_commit(tree, new, parent, changes)

    def test_just_that(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        parent = clone.head
        check_commit(tree, self.made(clone), parent, [only])

    def test_other_bytes(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        self.refused(tree, self.made(clone), clone.git("rev-parse", "HEAD^"), only._replace(new=b"other\n"))

    def test_mode(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        parent = clone.head
        (clone.path / "README.md").chmod(0o755)
        self.refused(tree, self.made(clone), parent, only)

    @pytest.mark.parametrize("more", ["new", "deleted", "moved"])
    def test_more(self, clone: Clone, tree: WorkTree, only: BlobChange, more: str) -> None:
        clone.write("other", "x")
        parent = clone.commit()
        if more == "new":
            clone.write("new", "x")
        elif more == "deleted":
            (clone.path / "other").unlink()
        else:
            clone.git("mv", "other", "moved")
        self.refused(tree, self.made(clone), parent, only)

    def test_less(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        parent = clone.head
        self.refused(tree, clone.commit("Nothing"), parent, only)

    def test_another_parent(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        parent = clone.head
        clone.commit("Between")
        self.refused(tree, self.made(clone), parent, only)

    def test_merge(self, clone: Clone, tree: WorkTree, only: BlobChange) -> None:
        clone.git("checkout", "--quiet", "-b", "topic")
        clone.commit("Topic")
        clone.git("checkout", "--quiet", "main")
        parent = clone.head
        clone.git("merge", "--quiet", "--no-ff", "--no-commit", "topic")
        clone.write("README.md", "new\n")
        clone.git("add", "README.md")
        clone.git("commit", "--quiet", "--message=Merge")
        self.refused(tree, clone.head, parent, only)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("diff.renames", "copies"),
            ("diff.noprefix", "true"),
            ("diff.orderFile", "/no/such"),
            ("log.showSignature", "true"),
            ("format.pretty", "oneline"),
            ("color.ui", "always"),
            ("core.quotePath", "false"),
            ("diff.external", "false"),
            ("core.abbrev", "4"),
            ("log.showRoot", "false"),
            ("diff.ignoreSubmodules", "all"),
        ],
    )
    def test_whatever_the_settings(self, clone: Clone, tree: WorkTree, only: BlobChange, name: str, value: str) -> None:
        parent = clone.head
        new = self.made(clone)
        clone.git("config", name, value)
        check_commit(tree, new, parent, [only])
