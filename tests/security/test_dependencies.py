"""What is installed is what was chosen: every package has one version and the hashes of its files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)(?: ; [^\\]+)? \\$")


def pinned(name: str) -> dict[str, str]:
    """Package → version, of a file in which every line is a pin, a hash, or a comment."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        if pin := PINNED.match(line):
            found[pin[1]] = pin[2]
        else:
            assert re.fullmatch(r" *#.*|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line
    return found


def wanted(name: str) -> dict[str, str]:
    """Package → version, as a person has chosen them."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [re.match(r"([\w.-]+)(?:\[\w+\])?==([^; ]+)", line) for line in lines]
    return {re.sub(r"[_.]", "-", pin[1]).lower(): pin[2] for pin in pins if pin}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    pins = pinned(f"{name}.txt")
    assert len(pins) > 20
    for package in pins:
        block = re.search(rf"^{re.escape(package)}==.*\\\n((?:    --hash=.*\n)+)", text, re.MULTILINE)
        assert block, package
    chosen = wanted(f"{name}.in")
    assert {package: pins[package] for package in chosen} == chosen


def test_tests_run_on_what_runs() -> None:
    run, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {package: dev[package] for package in run} == run


def test_set_up_takes_nothing_without_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installs = re.findall(r"pip install .*", makefile)
    assert len(installs) == 2
    assert all("--require-hashes" in line or "$(1)" in line for line in installs)


@pytest.mark.parametrize(
    "name", ["requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt", "Makefile"]
)
def test_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"(?<!--no-emit-)index-url|find-links|trusted-host|https?://(?!127\.0\.0\.1)", text) == []
