"""Runs `python -m tests.mutation`, for `make mutate`."""

import sys

from tests.mutation.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
