"""`python -m bench.false_alarms FOLDER…`: read Markdown of other people as if it were workplans, and count the alarms.

Every `.md` file below the folders (default: this Python's packages and /usr/share) is read as a file that matches a
repo's pattern (C-23), and once more below the front matter of a workplan (C-24). None was meant as a workplan: each
alarm is a false one. Exits 1 if there are more than `--most` in a thousand.
"""

import argparse
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine
from consistency.core.workplan.model import Problem
from consistency.core.workplan.parse import parse_workplan

FRONT = b"---\nid: FALSE-ALARMS-1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
MAX_BYTES = 5 * 1024 * 1024


@dataclass
class Count:
    """The number of files read, and the alarms with their places and messages."""

    files: int = 0
    alarms: dict[str, list[tuple[str, Problem]]] = field(default_factory=lambda: {"C-23": [], "C-24": []})

    def see(self, name: str, data: bytes) -> None:
        """Read one file both ways."""
        self.files += 1
        for code, read in (("C-23", data), ("C-24", FRONT + data.removeprefix(b"\xef\xbb\xbf"))):
            parsed = parse_workplan(name, read)
            found = (each for each in (parsed.problems if parsed else ()) if each.code == code and not each.only_known)
            self.alarms[code] += ((name, problem) for problem in found)


def markdown_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Return every Markdown file below *folders*, once, in the order of names."""
    found = {path.resolve() for folder in folders for path in folder.rglob("*.md") if path.is_file()}
    return (path for path in sorted(found) if path.stat().st_size <= MAX_BYTES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, and say each alarm and the rate; 0, or 1 if there are too many, or 2 if there is nothing to read."""
    options = _parser().parse_args(arguments)
    count, seen = Count(), set[bytes]()
    for path in markdown_files(options.folders):
        data = path.read_bytes()
        if data not in seen:
            seen.add(data)
            count.see(str(path), data)
    if not count.files:
        print("false-alarms: no Markdown files there", file=sys.stderr)
        return 2
    for code, alarms in count.alarms.items():
        for name, problem in alarms:
            print(f"{code}  {name}:{problem.line or 1}  {problem.message}")
    head = machine.head([], seed=0, repeat=1)
    print(f"date: {head['date']}", f"machine: {head['machine']}", sep="\n")
    worst = 0.0
    for code, alarms in count.alarms.items():
        files = len({name for name, _ in alarms})
        worst = max(worst, 1000 * files / count.files)
        print(f"{code}: {files} of {count.files:,} different files, {1000 * files / count.files:.2f} in a thousand")
    return int(worst > options.most)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.false_alarms", description=__doc__)
    here = [Path(sysconfig.get_path("purelib")), Path("/usr/share")]
    parser.add_argument("folders", type=Path, nargs="*", default=here, metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--most", type=float, default=1.0, help="false alarms in a thousand files, default 1")
    return parser


if __name__ == "__main__":
    sys.exit(main())
