"""`python -m tests.fuzz.engine TARGET …`: one target under atheris, with options of libFuzzer. Never returns.

A process of its own: libFuzzer ends the process it runs in, and says what it did on stderr.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["consistency"]):
    from tests.fuzz.targets import TARGETS


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
