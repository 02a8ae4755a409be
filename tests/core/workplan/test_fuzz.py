"""The core's promises hold for every file of the kept corpus, and for what can be made of it at random."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consistency.core.ledger_codec import load
from consistency.core.workplan.edit import Edited, set_statuses
from consistency.core.workplan.model import Unreadable, Workplan
from consistency.core.workplan.parse import parse_workplan
from tests.fuzz import __main__ as command
from tests.fuzz import campaign, targets
from tests.fuzz.targets import TARGETS, BrokenPromiseError
from tests.fuzz.tokens import TOKENS, dictionary

SEEDS = campaign.seeds()
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


@each_target
@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
def test_promises_hold_for_the_corpus(path: Path, target: Callable[[bytes], None]) -> None:
    target(path.read_bytes())


def test_the_corpus_is_small_and_has_all_kinds_of_files() -> None:
    kinds = {type(parse_workplan("w.md", path.read_bytes())) for path in SEEDS}
    assert kinds == {Workplan, Unreadable, type(None)}
    assert [path.name for path in SEEDS if path.stat().st_size > campaign.MAX_SIZE] == []


def test_the_corpus_is_kept_byte_for_byte() -> None:
    found = {path.name: path.read_bytes() for path in SEEDS}
    assert b"\r\n" in found["crlf.md"]
    assert b"\n" not in found["old-mac.md"]
    assert found["crlf.md"].replace(b"\r\n", b"\n") == found["example.md"]


SEED = st.sampled_from([path.read_bytes() for path in SEEDS])
PIECE = st.one_of(st.sampled_from(TOKENS), st.sampled_from(TOKENS), st.binary(max_size=3))
CHANGE = st.tuples(st.integers(0, 2**16), st.integers(0, 40), PIECE)


def changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """*data* with some passages replaced: (place, how many bytes go, what comes)."""
    for place, gone, piece in changes:
        start = place % (len(data) + 1)
        data = data[:start] + piece + data[start + gone :]
    return data


NEAR = st.builds(changed, SEED, st.lists(CHANGE, min_size=1, max_size=6))
SPLICED = st.builds(lambda a, b, at: a[: at % (len(a) + 1)] + b[at % (len(b) + 1) :], SEED, SEED, st.integers(0, 2**16))
FRONT = b"---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
BUILT = st.lists(st.sampled_from(TOKENS), max_size=40).map(lambda tokens: FRONT + b"".join(tokens))


@each_target
@settings(max_examples=150)
@given(data=st.one_of(NEAR, SPLICED, BUILT))
@example(data=b"---\n")
@example(data=b"\xef\xbb\xbf---\ntype: workplan\n---")
def test_promises_hold_for_what_can_be_made_of_the_corpus(target: Callable[[bytes], None], data: bytes) -> None:
    target(data)


GOOD = FRONT + b"\n```task\nid: X\nstatus: todo\n```\n"


def test_a_place_beside_its_status_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = parse_workplan(targets.PATH, GOOD.replace(b"id: X", b"id: XY"))
    monkeypatch.setattr(targets, "parse_workplan", lambda path, data: moved)
    with pytest.raises(BrokenPromiseError, match="a place has the bytes of its status"):
        TARGETS["parse"](GOOD)


def test_an_edit_of_one_byte_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def edited(path: str, data: bytes, wanted: dict[str, str]) -> Edited:
        right = set_statuses(path, data, wanted)
        return Edited(right.data + b"\n", right.workplan)

    monkeypatch.setattr(targets, "set_statuses", edited)
    with pytest.raises(BrokenPromiseError, match="only the statuses' bytes change"):
        TARGETS["edit"](GOOD)


def test_a_ledger_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "load", lambda path, text: load("another.md", text))
    with pytest.raises(BrokenPromiseError, match="the ledger gives the workplan back"):
        TARGETS["memory"](GOOD)


def test_dictionary_has_each_token_in_a_line() -> None:
    lines = dictionary().splitlines()
    assert len(lines) == len(TOKENS)
    assert all(re.fullmatch(r'"(\\x[0-9a-f]{2})+"', line) for line in lines)


def test_replay_tells_whether_a_file_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.md"
    good.write_bytes(GOOD)
    assert command.main(["--target", "parse", "--target", "edit", "--replay", str(good)]) == 0
    assert capsys.readouterr().out == f"parse holds for {good}\nedit holds for {good}\n"


def test_replay_of_a_file_that_breaks_a_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: bytes) -> None:
        raise BrokenPromiseError("all is well")

    monkeypatch.setitem(TARGETS, "parse", broken)
    path = tmp_path / "bad.md"
    path.write_bytes(b"\xff")
    assert command.main(["--target", "parse", "--replay", str(path)]) == 1
    said = capsys.readouterr().out
    assert "tests.fuzz.targets.BrokenPromiseError: all is well\n" in said
    assert said.endswith(f"parse is broken by {path}: b'\\xff'\n")


def test_without_the_fuzzer_it_says_what_to_do() -> None:
    program = "import sys; sys.modules['atheris'] = None; from tests.fuzz.__main__ import main; sys.exit(main([]))"
    root = campaign.PROJECT
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fuzz: atheris is not installed here.")


@pytest.mark.proof
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="there is no wheel of atheris for this machine")
def test_the_fuzzer_runs_and_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep = tmp_path / "kept"
    assert command.main(["--target", "parse", "--seconds", "2", "--seed", "7", "--keep", str(keep)]) == 0
    head, _, row, _, total = capsys.readouterr().out.splitlines()
    assert head == f"seed 7, {len(SEEDS)} files in the corpus, 2 s for each target"
    name, executions, rate, edges, corpus = row.replace(",", "").split()
    assert name == "parse"
    assert min(map(int, (executions, rate, edges, corpus))) > len(SEEDS)
    assert total == f"{int(executions):,} executions, every promise held"
    assert len(list((keep / "parse").iterdir())) > len(SEEDS)


CRASH = """\
#49\tINITED cov: 395 ft: 900 corp: 48/20Kb exec/s: 0 rss: 60Mb
#512\tNEW    cov: 396 ft: 901 corp: 49/20Kb lim: 4096 exec/s: 512 rss: 60Mb L: 9/4000 MS: 1 EraseBytes-

 === Uncaught Python exception: ===
Broken: all is well: 1: 2
Traceback (most recent call last):
"""


def test_what_broke_a_promise_is_kept_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def engine(arguments: list[str], limit: int) -> tuple[int, str]:
        (prefix,) = (each.partition("=")[2] for each in arguments if each.startswith("-artifact_prefix="))
        Path(f"{prefix}crash-1234").write_bytes(b"---\n\xff")
        return 77, CRASH

    monkeypatch.setattr(campaign, "_engine", engine)
    monkeypatch.setattr(campaign, "CRASHES", tmp_path)
    assert command.fuzz(["edit"], 1, 5, None) == 1
    saved = tmp_path / "edit-851803298198"
    assert saved.read_bytes() == b"---\n\xff"
    assert (tmp_path / ".gitignore").read_text() == "*\n"
    assert capsys.readouterr().out.splitlines()[2:] == [
        "edit               512         0    396      49",
        "",
        "edit is broken: Broken: all is well: 1: 2",
        f"Again: {sys.executable} -m tests.fuzz --target edit --replay {saved}",
        "",
        "512 executions, 1 of the targets broken",
    ]


def test_a_fuzzer_that_fails_is_told_from_a_promise_that_breaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "_engine", lambda arguments, limit: (1, "ImportError: no such thing"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert command.main(["--target", "edit"]) == 2
    assert capsys.readouterr().err == "fuzz: the fuzzer could not run: ImportError: no such thing\n"
