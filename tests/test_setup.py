"""Set-up by make: what the lists of packages name is installed, and nothing else, whatever an index offers beside it.

The Makefile is the real one. Packages, lists and index are made up: an index that offers newer releases of everything.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
LISTED = """
import importlib.metadata as m
names = {d.name: d.version for d in m.distributions()}
print(*sorted(f"{name}=={version}" for name, version in names.items() if name not in ("pip", "setuptools")))
"""


@dataclass(frozen=True)
class Package:
    """A made-up package: what it requires, and which extras it has."""

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-py3-none-any.whl"

    def write(self, folder: Path) -> None:
        """Make its wheel (packaging.python.org, "Binary distribution format")."""
        info = f"{self.name}-{self.version}.dist-info"
        head = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        head += [f"Provides-Extra: {extra}" for extra in self.extras]
        head += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        files = {
            f"{self.name}.py": "",
            f"{info}/METADATA": "\n".join([*head, ""]),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in files.items()]
        with ZipFile(folder / self.file, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
            wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


# The shapes of what has broken before: an extra that is required of a package, and one that brings a package more.
RUNTIME = (
    Package("frame", requires=("driver[fast]>=1",)),
    Package("driver", requires=('speed>=1; extra == "fast"',), extras=("fast",)),
    Package("speed"),
)
DEVELOPMENT = (
    Package("runner", requires=("measure[toml]>=1", "frame")),
    Package("measure", requires=('reader; python_version < "3" and extra == "toml"',), extras=("toml",)),
)
NEWER = (
    Package("frame", "2.0", requires=("driver<1",)),
    Package("driver", "2.0", requires=("speed<1",), extras=("fast",)),
    Package("speed", "2.0", requires=("unheard-of",)),
    Package("runner", "2.0", requires=("measure[toml]<1",)),
    Package("measure", "2.0", requires=("speed>=2",), extras=("toml",)),
)
INSTALLED = "driver==1.0 frame==1.0 measure==1.0 runner==1.0 speed==1.0\n"


@dataclass(frozen=True)
class Project:
    """A folder with the Makefile and two lists, and an index of its own that pip's settings name."""

    path: Path

    @property
    def index(self) -> Path:
        return self.path.parent / "index"

    def offer(self, packages: Iterable[Package]) -> None:
        self.index.mkdir(exist_ok=True)
        for package in packages:
            package.write(self.index)

    def lists(self, runtime: Iterable[Package], development: Iterable[Package]) -> None:
        """Write both lists in the form of `make requirements`, the second with the first in it."""
        lines = [self._line(package) for package in runtime]
        (self.path / "requirements.txt").write_text("".join(lines))
        (self.path / "requirements-dev.txt").write_text("".join([*lines, *map(self._line, development)]))

    def _line(self, package: Package) -> str:
        digest = hashlib.sha256((self.index / package.file).read_bytes()).hexdigest()
        return f"{package.name}=={package.version} \\\n    --hash=sha256:{digest}\n"

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = self.path.parent / "pip.conf"
        settings.write_text(f"[global]\nno-index = true\nfind-links = {self.index.as_uri()}\n")
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "VIRTUAL_ENV"))}
        return subprocess.run(
            ["make", "--silent", *words],
            cwd=self.path,
            env={**env, "PIP_CONFIG_FILE": str(settings)},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> str:
        python = self.path / ".venv/bin/python"
        return subprocess.run([python, "-c", LISTED], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "a project"
    path.mkdir()
    shutil.copy(ROOT / "Makefile", path)
    made = Project(path)
    made.offer([*RUNTIME, *DEVELOPMENT, *NEWER])
    made.lists(RUNTIME, DEVELOPMENT)
    return made


def _candidates(version: str) -> Iterator[Path]:
    """Pythons of that version: on the PATH, and those that pyenv has installed but not chosen."""
    for folder in map(Path, os.get_exec_path()):
        yield folder / f"python{version}"
        if folder.name == "shims":
            yield from sorted(folder.parent.glob(f"versions/{version}.*/bin/python3"))


def python_of(version: str) -> str:
    """A Python of that version that can make virtual environments; skips the test if there is none."""
    check = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    for path in _candidates(version):
        if path.exists():
            ran = subprocess.run([path, "-c", check], capture_output=True, text=True, check=False)
            if ran.stdout.strip() == version:
                return str(path)
    pytest.skip(f"Python {version} is not installed here")


@pytest.mark.parametrize("version", PYTHONS)
def test_newer_releases_of_everything_change_nothing(project: Project, version: str) -> None:
    python = python_of(version)
    ended = project.make("dev", f"PYTHON={python}")
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert project.installed() == INSTALLED
    again = project.make("dev")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_list_that_lacks_a_package_stops_set_up(project: Project) -> None:
    project.lists([package for package in RUNTIME if package.name != "driver"], DEVELOPMENT)
    ended = project.make("runtime", f"PYTHON={sys.executable}")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-3:-1] == [
        "frame 1.0 requires driver, which is not installed.",
        "make: requirements.txt is not complete (see above): make requirements",
    ]
    assert not (project.path / ".venv/.runtime").exists()


def test_package_that_only_an_older_list_had_is_gone(project: Project) -> None:
    old, new = Package("old", requires=("speed<2",)), Package("speed", "2.1")
    project.offer([old, new])
    project.lists([RUNTIME[2], old], ())
    assert project.make("runtime", f"PYTHON={sys.executable}").returncode == 0
    assert project.installed() == "old==1.0 speed==1.0\n"
    project.lists([new], ())
    ended = project.make("runtime", f"PYTHON={sys.executable}")
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert project.installed() == "speed==2.1\n"


def test_file_with_another_hash_is_refused(project: Project) -> None:
    Package("speed", requires=("evil",)).write(project.index)
    ended = project.make("runtime", f"PYTHON={sys.executable}")
    assert ended.returncode == 2
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ended.stderr
    assert project.installed() == "\n"
