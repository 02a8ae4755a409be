"""Markdown tables."""

from __future__ import annotations

from testing.table import markdown


def test_markdown_lines_up() -> None:
    assert markdown(("name", "n"), [("a", "1"), ("long name", "1,000")]) == [
        "| name      |     n |",
        "| --------- | ----: |",
        "| a         |     1 |",
        "| long name | 1,000 |",
    ]
