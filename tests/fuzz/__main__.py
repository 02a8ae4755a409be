"""`python -m tests.fuzz`: fuzz the core's promises, replay an input, or see growth. Exits 1 if one breaks."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import blowup, campaign
from tests.fuzz.targets import TARGETS

NO_ENGINE = """\
fuzz: atheris is not installed here. `make dev` brings it on Linux, x86-64, with Python 3.11 to 3.13; elsewhere there is
no wheel of it. Without it, the same promises over generated input: make test ARGS=tests/core/workplan/test_fuzz.py"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what *arguments* ask for; return 0, 1 if a promise is broken, 2 if the fuzzer cannot run."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folders and processes are cleaned up
    targets = options.target or list(TARGETS)
    if options.blowup:
        return blowup.show()
    if options.replay:
        return max(replay(target, path) for path in options.replay for target in targets)
    if importlib.util.find_spec("atheris") is None:
        print(NO_ENGINE, file=sys.stderr)
        return 2
    try:
        return fuzz(targets, options.seconds, options.seed, options.keep)
    except campaign.EngineError as problem:
        print(f"fuzz: the fuzzer could not run: {problem}", file=sys.stderr)
        return 2


def fuzz(targets: Sequence[str], seconds: int, seed: int, keep: Path | None) -> int:
    """Share *seconds* among *targets*; 1 where one of them found something."""
    each, results = max(1, seconds // len(targets)), []
    print(f"seed {seed}, {len(campaign.seeds())} files in the corpus, {each} s for each target")
    print(f"{'target':10}{'executions':>12}{'a second':>10}{'edges':>7}{'corpus':>8}", flush=True)
    for target in targets:
        result = campaign.run(target, each, seed, keep and keep / target)
        numbers = f"{result.executions:>12,}{result.rate:>10,}{result.coverage:>7,}{result.corpus:>8,}"
        print(f"{target:10}{numbers}", flush=True)
        results.append(result)
    broken = [result for result in results if result.crash]
    for result in broken:
        print(f"\n{result.target} is broken: {result.words}")
        print(f"Again: {sys.executable} -m tests.fuzz --target {result.target} --replay {result.crash}")
    total = sum(result.executions for result in results)
    print(f"\n{total:,} executions, {f'{len(broken)} of the targets broken' if broken else 'every promise held'}")
    return int(bool(broken))


def replay(target: str, path: Path) -> int:
    """Give the bytes of one file to one target; 1, and how it came, where that breaks a promise."""
    data = path.read_bytes()
    try:
        TARGETS[target](data)
    except Exception:  # noqa: BLE001 - whatever comes out is what was looked for
        traceback.print_exc(file=sys.stdout)
        print(f"{target} is broken by {path}: {data!r}")
        return 1
    print(f"{target} holds for {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together, default 60")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="can be repeated; default all")
    parser.add_argument(
        "--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="of the fuzzer, default by chance"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="inputs worth having go on from and to this folder")
    parser.add_argument(
        "--replay", type=Path, nargs="+", metavar="FILE", help="give these files to the targets instead"
    )
    parser.add_argument("--blowup", action="store_true", help="measure time over size for nasty files instead")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
