"""Names in messages."""

from __future__ import annotations

import pytest

from statehub.text import name_some


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_first_few_are_named_the_rest_counted(names: list[str], said: str) -> None:
    assert name_some(iter(names)) == said
