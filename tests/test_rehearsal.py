"""The page that is rehearsed, and the others."""

from __future__ import annotations

import re

from rehearsal.page import PAGE, blocks_of
from testing.manage import ROOT


def test_crontab_is_that_of_operations() -> None:
    crontab = (ROOT / "docs/operations.md").read_text().partition("```cron\n")[2].partition("```")[0]
    assert crontab.count("manage.py") == 2
    assert crontab in blocks_of("small")[1].text


def test_page_names_all_that_there_is_to_deploy() -> None:
    named = set(re.findall(r"deploy/([\w.-]+)", PAGE.read_text() + (ROOT / "docs/operations.md").read_text()))
    assert named == {path.name for path in (ROOT / "deploy").iterdir()}
