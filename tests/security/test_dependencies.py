"""Only chosen packages are installed: each has one version and the hashes of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[([a-z0-9, -]+)\])?==([^ ;\\]+)(?: ; ([^\\]+))? \\$")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Pin:
    """A package of a list: its version, the extras that are wanted, and the marker of its machines."""

    version: str
    extras: frozenset[str] = frozenset()
    marker: Marker | None = None

    def applies(self, environment: dict[str, str]) -> bool:
        return self.marker is None or self.marker.evaluate(environment)


def pinned(name: str) -> dict[str, Pin]:
    """Package → pin, of a file in which every line is a pin, a hash, or a comment."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        if pin := PINNED.match(line):
            extras = frozenset(filter(None, (pin[2] or "").replace(" ", "").split(",")))
            found[pin[1]] = Pin(pin[3], extras, Marker(pin[4]) if pin[4] else None)
        else:
            assert re.fullmatch(r" *#.*|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line
    return found


def chosen(name: str) -> dict[str, tuple[str, set[str]]]:
    """Package → version and extras, as a person has chosen them."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if re.match(r"[A-Za-z]", line)]
    given = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): (str(one.specifier).removeprefix("=="), one.extras) for one in given}


def here_with(**changes: str) -> dict[str, str]:
    """Return the environment for markers: this machine and its Python, with *changes*."""
    return {name: str(value) for name, value in default_environment().items()} | changes


def missing(pins: dict[str, Pin], environment: dict[str, str]) -> list[str]:
    """Return the requirements of the packages and extras of the list that the list does not have."""
    here = here_with()
    present = {name: pin for name, pin in pins.items() if pin.applies(environment)}
    found = []
    for name, pin in present.items():
        if not pin.applies(here):
            continue  # not installed here: its requirements are not known
        assert metadata.version(name) == pin.version
        for requirement in map(Requirement, metadata.requires(name) or ()):
            wanted = [{**environment, "extra": extra} for extra in ("", *pin.extras)]
            if requirement.marker and not any(requirement.marker.evaluate(one) for one in wanted):
                continue
            got = present.get(canonicalize_name(requirement.name))
            if got is None or got.version not in requirement.specifier or not requirement.extras <= got.extras:
                found.append(f"{name}: {requirement}")
    return found


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-tools"])
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    pins = pinned(f"{name}.txt")
    assert len(pins) > 20
    for package in pins:
        block = re.search(rf"^{re.escape(package)}(?:\[.*\])?==.*\\\n((?:    --hash=.*\n)+)", text, re.MULTILINE)
        assert block, package
    wanted = chosen(f"{name}.in")
    assert {package: (pins[package].version, set(pins[package].extras)) for package in wanted} == wanted


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_list_holds_all_that_its_packages_and_extras_require(name: str, python: str) -> None:
    environment = here_with(python_version=python, python_full_version=f"{python}.0")
    assert missing(pinned(name), environment) == []


def test_package_or_extra_that_a_list_lacks_is_noticed() -> None:
    pins = pinned("requirements-dev.txt")
    del pins["iniconfig"]
    pins["coverage"] = Pin(pins["coverage"].version)
    lacking = missing(pins, here_with())
    assert [re.split("[<>=]", line)[0] for line in lacking] == ["pytest: iniconfig", "pytest-cov: coverage[toml]"]


def test_tests_run_on_what_runs() -> None:
    run, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {package: dev[package] for package in run} == run


def test_set_up_takes_nothing_without_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installs = re.findall(r"pip install .*", makefile)
    assert len(installs) == 2
    assert all("--no-deps --require-hashes" in line for line in installs)


@pytest.mark.parametrize("name", [*sorted(path.name for path in ROOT.glob("requirements*")), "Makefile"])
def test_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"(?<!--no-emit-)index-url|find-links|trusted-host|https?://(?!127\.0\.0\.1)", text) == []
