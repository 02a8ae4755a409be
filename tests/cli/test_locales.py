"""Whatever the locale of a run, the same files have the same names: in reports, in the hub and in commits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from consistency.models import LedgerEntry
from statehub.models import Checkout, Workstream
from testing.hub import Hub
from testing.repos import Clone, Origin
from testing.workplans import workplan

NAMES = ("workplans/a.md", "workplans/ä.md", "workplans/日本/✓ b.md")
NOT_UTF8 = b"workplans/\xe4.md"
LOCALES: dict[str, dict[str, str | None]] = {
    "none": {"LC_ALL": None, "LANG": None},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Latin-1": {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},
}


@pytest.fixture(params=[pytest.param(name, marks=[] if name == "Latin-1" else [pytest.mark.proof]) for name in LOCALES])
def locale(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str | None]:
    made = ["localedef", "--inputfile=de_DE", "--charmap=ISO-8859-1", str(tmp_path / "de_DE.ISO-8859-1")]
    if request.param == "Latin-1":
        try:
            subprocess.run(made, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no locale can be made here")
    return {**LOCALES[request.param], "LOCPATH": str(tmp_path)}


def seen(hub: Hub, command: str, *args: str, env: dict[str, str | None]) -> list[tuple[str, Any]]:
    ended = hub.manage(command, *args, "--format=json", env=env)
    assert (ended.exit in (0, 1), ended.stderr) == (True, "")
    (repo,) = json.loads(ended.stdout)["repos"]
    return [(finding["code"], finding["file"]) for finding in repo["findings"]]


def test_names_are_the_same_in_every_locale(hub: Hub, origin: Origin, locale: dict[str, str | None]) -> None:
    clone = Clone(origin.clone("ünder").path)
    for number, name in enumerate(NAMES):
        clone.write(name, workplan(f"WP-{number}", [("T01", "todo")]))
    Path(clone.path, "workplans").joinpath("x").write_text(workplan("WP-9"))
    os.rename(clone.path / "workplans/x", str(clone.path).encode() + b"/" + NOT_UTF8)
    clone.commit()
    clone.push()
    assert hub.manage("register_repo", clone.path, "--slug=r").exit == 0
    odd = ("C-02", NOT_UTF8.decode("utf-8", "surrogateescape"))
    new = [("C-07", name) for name in NAMES]
    assert sorted(code for code, _ in seen(hub, "check_consistency", "r", env=locale)) == [
        "C-02",
        "C-07",
        "C-07",
        "C-07",
    ]
    assert {file for _, file in seen(hub, "fix_consistency", "r", env=locale)} >= {name for _, name in new}
    for model in (Workstream, LedgerEntry):
        assert sorted(model.objects.values_list("path", flat=True)) == sorted(NAMES)
    assert len(seen(hub, "fix_consistency", "r", env={})) == 1
    assert odd[0] == "C-02"
    for number in range(3):
        assert hub.manage("set_task_status", f"WP-{number}-T01", "done").exit == 0
    assert sorted(code for code, _ in seen(hub, "fix_consistency", "r", env=locale)) == ["C-02", "C-13", "C-13", "C-13"]
    assert clone.git("diff", "--name-only", "-z", "HEAD~1").split("\0")[:-1] == sorted(NAMES)
    assert clone.status() == []
    assert len(seen(hub, "check_consistency", "r", env=locale)) == 1
    assert Checkout.objects.get().path == str(clone.path)


def test_folder_is_the_same_in_every_locale(hub: Hub, origin: Origin, locale: dict[str, str | None]) -> None:
    """Or it is refused in one line: an argument that the locale cannot read."""
    clone = origin.clone("ünder")
    ended = hub.manage("register_repo", clone.path, "--slug=r", env=locale)
    if ended.exit == 0:
        assert Checkout.objects.get().path == str(clone.path)
    else:
        assert (ended.exit, ended.stderr.count("\n"), "is not UTF-8" in ended.stderr) == (2, 1, True)
        assert not Checkout.objects.exists()
