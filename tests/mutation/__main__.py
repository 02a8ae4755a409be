"""`python -m tests.mutation`: change the core's code in small ways, one at a time, and count what no test notices.

mutmut does the work, with `[tool.mutmut]` of pyproject.toml, and leaves its files in mutants/: there `mutmut show NAME`
shows a change. Exits 1 if tests notice less than REQUIRED_SCORE of all changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutmut.stats import status_by_exit_code

from testing.table import markdown

REQUIRED_SCORE = 0.9
"""The share of all mutants that tests must notice."""
FOLDER = Path("mutants")
COLUMNS = ("mutants", "killed", "timeout", "survived", "no tests", "other")


def main(arguments: Sequence[str]) -> int:
    """Try all mutants, or those with the names in *arguments*; return 0, 1 if too few are noticed, 2 after an error."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    log, start = FOLDER / "log", time.monotonic()
    print(f"Trying the mutants, for some minutes; {log} shows the progress ...", file=sys.stderr, flush=True)
    with log.open("w") as out:
        command = [sys.executable, "-m", "mutmut", "run", *arguments]
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    counts, survivors = _results()
    total = sum(counts.values(), Counter[str]())
    if code or not total["mutants"]:
        print(f"mutation: mutmut ended with {code} after {total['mutants']} mutants: see {log}", file=sys.stderr)
        return 2
    rows = [*counts.items(), ("all", total)]
    print(*markdown(("module", *COLUMNS, "score"), (_row(*row) for row in rows)), "", sep="\n")
    print(*survivors, f"{time.monotonic() - start:.0f} s", sep="\n")
    return 0 if _score(total) >= REQUIRED_SCORE else 1


def _results() -> tuple[dict[str, Counter[str]], list[str]]:
    """Return how many mutants of each module ended in which way, and which were not noticed."""
    counts: dict[str, Counter[str]] = {}
    survivors = []
    for path in sorted(FOLDER.glob("**/*.py.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        results = {name: status_by_exit_code[code] for name, code in codes.items() if code is not None}
        if results:
            count = Counter(result if result in COLUMNS else "other" for result in results.values())
            counts[path.name.removesuffix(".py.meta")] = count + Counter(mutants=len(results))
        survivors += [f"{result}: {name}" for name, result in results.items() if result not in ("killed", "timeout")]
    return counts, survivors


def _score(count: Counter[str]) -> float:
    return (count["killed"] + count["timeout"]) / count["mutants"]


def _row(name: str, count: Counter[str]) -> tuple[str, ...]:
    return (name, *(f"{count[column]:,}" for column in COLUMNS), f"{_score(count):.1%}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
