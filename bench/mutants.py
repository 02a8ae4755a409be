"""`python -m bench.mutants`: changes the core's code in small ways, one at a time, and counts what no test notices.

mutmut does the work, by `[tool.mutmut]` in pyproject.toml, and leaves its files in mutants/: there `mutmut show NAME`
finds what it changed. Exits 1 where less than DEMANDED of all changes are noticed.
"""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutmut.stats import status_by_exit_code

from bench.table import markdown

DEMANDED = 0.9
"""The part of all mutants that tests must notice."""
FOLDER = Path("mutants")
COLUMNS = ("mutants", "killed", "timeout", "survived", "no tests", "other")


def main(arguments: Sequence[str]) -> int:
    """Try all mutants, or those that *arguments* name for mutmut; 0, or 1 where too few are noticed, 2 for trouble."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    log, start = FOLDER / "said", time.monotonic()
    print(f"Trying the mutants, for some minutes; {log} tells how far it is ...", file=sys.stderr, flush=True)
    with log.open("w") as said:
        code = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", *arguments], stdout=said, stderr=subprocess.STDOUT
        ).returncode
    counts, survivors = _results()
    total = sum(counts.values(), Counter[str]())
    if code or not total["mutants"]:
        print(f"bench: mutmut ended with {code}, having tried {total['mutants']} mutants: see {log}", file=sys.stderr)
        return 2
    rows = [*counts.items(), ("all", total)]
    print(*markdown(("module", *COLUMNS, "score"), (_row(*row) for row in rows)), "", sep="\n")
    print(*survivors, f"{time.monotonic() - start:.0f} s", sep="\n")
    return 0 if _score(total) >= DEMANDED else 1


def _results() -> tuple[dict[str, Counter[str]], list[str]]:
    """How many mutants of each module ended in which way, and which were not noticed."""
    counts: dict[str, Counter[str]] = {}
    missed = []
    for path in sorted(FOLDER.glob("**/*.py.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        ends = {name: status_by_exit_code[code] for name, code in codes.items() if code is not None}
        if ends:
            count = Counter(end if end in COLUMNS else "other" for end in ends.values())
            counts[path.name.removesuffix(".py.meta")] = count + Counter(mutants=len(ends))
        missed += [f"{end}: {name}" for name, end in ends.items() if end not in ("killed", "timeout")]
    return counts, missed


def _score(count: Counter[str]) -> float:
    return (count["killed"] + count["timeout"]) / count["mutants"]


def _row(name: str, count: Counter[str]) -> tuple[str, ...]:
    return (name, *(f"{count[column]:,}" for column in COLUMNS), f"{_score(count):.1%}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
