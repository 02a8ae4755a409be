"""Names in messages."""

from __future__ import annotations

import pytest

from statehub.text import describe_os_error, name_some, plural


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_first_few_are_named_the_rest_counted(names: list[str], said: str) -> None:
    assert name_some(iter(names)) == said


def test_plural() -> None:
    assert [plural(number, "task") for number in (0, 1, 2)] == ["tasks", "task", "tasks"]
    assert plural(2, "status") == "statuses"


def test_os_error_without_a_number_has_its_text() -> None:
    assert describe_os_error(FileNotFoundError(2, "No such file or directory", "x")) == "No such file or directory"
    assert describe_os_error(OSError("closed")) == "closed"
