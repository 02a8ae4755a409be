"""Fields at each forge."""

from __future__ import annotations

import pytest

from statehub.models import Forge
from web.hooks.instructions import list_fields


@pytest.mark.parametrize("forge", Forge.values)
def test_fields_have_address_and_secret(forge: str) -> None:
    values = [value for _, value in list_fields(forge, "https://hub.example.org/hooks/7", "the SECRET")]
    assert sum("https://hub.example.org/hooks/7" in value for value in values) == 1
    assert sum("the SECRET" in value for value in values) == 1
    assert not [value for value in values if "{" in value]
