"""Steps at each forge."""

from __future__ import annotations

import pytest

from statehub.models import Forge
from web.hooks.instructions import list_steps


@pytest.mark.parametrize("forge", Forge.values)
def test_steps_have_the_whole_address(forge: str) -> None:
    steps = list_steps(forge, "https://hub.example.org/hooks/7")
    assert sum("https://hub.example.org/hooks/7" in step for step in steps) == 1
    assert not [step for step in steps if "{" in step]
    assert list_steps(forge, "/hooks/7") == [step.replace("https://hub.example.org", "https://HUB") for step in steps]
