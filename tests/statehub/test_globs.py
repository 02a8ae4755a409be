"""A repo's pattern: globs, one a line, with those of files that are left out."""

from __future__ import annotations

from statehub.globs import excluded_globs, included_globs, join_globs


def test_pattern_gives_back_what_it_was_made_of() -> None:
    pattern = join_globs(["plans/*.md", "docs/**/*.md"], ["docs/old/**"])
    assert pattern == "plans/*.md\ndocs/**/*.md\n:!docs/old/**"
    assert (included_globs(pattern), excluded_globs(pattern)) == (["plans/*.md", "docs/**/*.md"], ["docs/old/**"])
    assert (included_globs("*.md"), excluded_globs("*.md")) == (["*.md"], [])
