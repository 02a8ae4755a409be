"""Tests of the message on a pattern that nothing matches."""

from __future__ import annotations

import pytest

from consistency.core.comparison.unmatched import nothing_matches
from consistency.core.finding import Finding

SEPARATE = "--workplans 'workplans/*.md' --workplans 'docs/plans/*.md'"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("workplans/**/*.md", ""),
        ("work plans/*.md", "; blanks do not separate patterns: --workplans work --workplans 'plans/*.md'"),
        ("my plan.md", ""),
        ("workplans/*.md,docs/plans/*.md", f"; commas do not separate patterns: {SEPARATE}"),
        ("workplans/*.md, docs/plans/*.md", f"; commas do not separate patterns: {SEPARATE}"),
        ("workplans/*.md;docs/plans/*.md", f"; semicolons do not separate patterns: {SEPARATE}"),
        ("workplans/*.md docs/plans/*.md", f"; blanks do not separate patterns: {SEPARATE}"),
        ("{a,b}/*.md", "; braces have no meaning in a pattern: give each form as a separate --workplans"),
        ("./workplans/*.md", "; leave out the './' in front: a pattern begins at the top of the repo"),
        ("workplans\\*.md", "; the folders of a pattern are separated by '/'"),
        (
            r"workplans/.*\.md",
            "; a pattern is a glob: `*` is any text in one name, `**/` any number of folders",
        ),
    ],
)
def test_mistakes_in_a_pattern(pattern: str, said: str) -> None:
    message = f"no file matches the repo's workplan pattern '{pattern}'{said}"
    assert nothing_matches(pattern, []) == Finding("C-25", message)


def test_several_patterns() -> None:
    message = (
        "no file matches the repo's workplan patterns 'plans/*.md' and 'a,b'; "
        "commas do not separate patterns: --workplans a --workplans b"
    )
    assert nothing_matches("plans/*.md\na,b\n:!plans/old/**", []) == Finding("C-25", message)


def test_what_is_nearest_comes_last() -> None:
    message = "no file matches the repo's workplan pattern 'plans/*.md'; first; second"
    assert nothing_matches("plans/*.md", ["first", "second"]) == Finding("C-25", message)
