"""Runs the engine on one target for some seconds, and reads its result from libFuzzer's output."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.tokens import dictionary

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
CORPUS = HERE / "corpus"
CRASHES = HERE / "crashes"

MAX_SIZE = 4096
"""Bytes of an input: enough for every kind of fault that is not one of size, and fast."""

_SECONDS_OF_ONE = 10
_GRACE = 60
_MEGABYTES = 2048
_LAST_WORDS = 2000
_STATUS = re.compile(r"^#(\d+)\t.* cov: (\d+) ft: \d+ corp: (\d+)/", re.MULTILINE)
_RATE = re.compile(r"average_exec_per_sec: +(\d+)")
_DONE = re.compile(r"^Done (\d+) runs", re.MULTILINE)
_EXCEPTION = re.compile(r"=== Uncaught Python exception: ===\n(.*)")


class EngineError(Exception):
    """The fuzzer could not run; the text has the end of its output."""


@dataclass(frozen=True)
class Result:
    """The result of a target. `coverage` is libFuzzer's count of edges, `corpus` the number of inputs worth keeping."""

    target: str
    executions: int
    rate: int
    coverage: int
    corpus: int
    crash: Path | None = None
    words: str = ""


def seeds() -> list[Path]:
    """List the files of the kept corpus."""
    return sorted(path for path in CORPUS.iterdir() if path.is_file())


def run(target: str, seconds: int, seed: int, keep: Path | None = None) -> Result:
    """Fuzz *target*. Inputs worth keeping go to the folder *keep*. Raises EngineError."""
    with tempfile.TemporaryDirectory(prefix="statehub-fuzz-") as name:
        folder = Path(name)
        found = keep or folder / "found"
        crashes = folder / "crashes"
        for each in (found, crashes):
            each.mkdir(parents=True, exist_ok=True)
        (folder / "tokens").write_text(dictionary())
        options = {
            "max_total_time": seconds, "seed": seed, "max_len": MAX_SIZE, "dict": folder / "tokens",
            "timeout": _SECONDS_OF_ONE, "rss_limit_mb": _MEGABYTES, "print_final_stats": 1,
            "artifact_prefix": f"{crashes}/",
        }  # fmt: skip
        arguments = [*(f"-{option}={value}" for option, value in options.items()), str(found), str(CORPUS)]
        status, log = _engine([target, *arguments], seconds + _GRACE)
        if status == 0:
            return _result(target, log)
        saved = _saved(target, crashes)
        if saved is None:
            raise EngineError(log[-_LAST_WORDS:])
        return _result(target, log, saved)


def _engine(arguments: list[str], limit: int) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.fuzz.engine", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, check=False,
        text=True, errors="replace",
    )  # fmt: skip
    return done.returncode, done.stdout


def _result(target: str, log: str, crash: Path | None = None) -> Result:
    steps = _STATUS.findall(log)
    last, coverage, corpus = map(int, steps[-1]) if steps else (0, 0, 0)
    done, rate = _DONE.search(log), _RATE.search(log)
    words = _EXCEPTION.search(log)
    return Result(
        target,
        int(done[1]) if done else last,
        int(rate[1]) if rate else 0,
        coverage,
        corpus,
        crash,
        words[1] if words else log[-_LAST_WORDS:],
    )


def _saved(target: str, folder: Path) -> Path | None:
    """The input that libFuzzer left in *folder*, kept under a name that tells the target."""
    inputs = [path for path in sorted(folder.iterdir()) if not path.name.startswith("slow-unit")]
    if not inputs:
        return None
    data = inputs[0].read_bytes()
    CRASHES.mkdir(exist_ok=True)
    (CRASHES / ".gitignore").write_text("*\n")
    saved = CRASHES / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}"
    saved.write_bytes(data)
    return saved
