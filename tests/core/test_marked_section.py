"""The session protocol's section in a file: only what is between the markers changes, or nothing does."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from consistency.core.marked_section import (
    BEGIN,
    END,
    SectionError,
    SectionPlacement,
    code_span,
    render,
    replace_section,
)

B, E = BEGIN.decode(), END.decode()
SECTION = "## Rules\n\n- pull\n- push\n"
BLOCK = f"{B}\n{SECTION}{E}"
MARKDOWN = MarkdownIt("commonmark")


def placed(text: str) -> tuple[str, bool]:
    result = replace_section(text.encode(), SECTION)
    return result.data.decode(), result.found


def refusal(text: str | bytes) -> tuple[int, str]:
    """Line and reason."""
    with pytest.raises(SectionError) as caught:
        replace_section(text.encode() if isinstance(text, str) else text, SECTION)
    return caught.value.line, str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"{BLOCK}\n"),
        ("\ufeff", f"\ufeff{BLOCK}\n"),
        ("\n", f"\n{BLOCK}\n"),
        ("# A", f"# A\n\n{BLOCK}"),
        ("# A\n", f"# A\n\n{BLOCK}\n"),
        ("# A\n\n", f"# A\n\n{BLOCK}\n"),
        ("# A\n \t\n", f"# A\n \t\n{BLOCK}\n"),
        ("# A\n\n\n", f"# A\n\n\n{BLOCK}\n"),
        ("\ufeff# A\n- é\n", f"\ufeff# A\n- é\n\n{BLOCK}\n"),
        ("a\r\n", "a\n\n".replace("\n", "\r\n") + f"{BLOCK}\n".replace("\n", "\r\n")),
        ("a\r\n\r\n", "a\n\n".replace("\n", "\r\n") + f"{BLOCK}\n".replace("\n", "\r\n")),
        ("a\r\nb", "a\nb\n\n".replace("\n", "\r\n") + BLOCK.replace("\n", "\r\n")),
        ("a\nb\r\n", f"a\nb\r\n\n{BLOCK}\n"),
        ("a\rb", f"a\rb\n\n{BLOCK}"),
        ("<div>\n", f"<div>\n\n{BLOCK}\n"),
        (f"The section is between `{B}` and `{E}`.\n", f"The section is between `{B}` and `{E}`.\n\n{BLOCK}\n"),
        (f"\\{B}\n", f"\\{B}\n\n{BLOCK}\n"),
    ],
)
def test_section_is_put_at_the_end(text: str, expected: str) -> None:
    assert placed(text) == (expected, False)
    assert placed(expected) == (expected, True)


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        ("", "\n", ""),
        ("", "\nold\n", "\n"),
        ("# A\n", "\n\n- old\n\n", "\nmore\n\n\n"),
        ("\ufeff", "\nold\n", ""),
        ("a  \n\n", " \t\nold\n  ", "\t \nno line end"),
        ("text\n", "\n<!-- another -->\n", "\n```\ncode\n"),
        ("<!-- mine -->\n", "\n", "\n<!-- mine -->\n"),
        (f"```\n{B}\n{E}\n```\n", "\n", f"\n\n    {B}\n"),
        ("- item\n\n  ", "\n  old\n  ", "\n"),
    ],
)
def test_section_is_renewed_between_its_markers(before: str, between: str, after: str) -> None:
    expected = f"{before}{B}\n{SECTION}{E}{after}"
    assert placed(f"{before}{B}{between}{E}{after}") == (expected, True)
    assert placed(expected) == (expected, True)


def test_line_ends_are_those_of_the_files_first_line() -> None:
    text, found = placed(f"a\r\nb\n{B}\n## Rules\n{E}\nc\n")
    assert (text, found) == ("a\r\nb\n" + BLOCK.replace("\n", "\r\n") + "\nc\n", True)
    assert placed(f"{B}\r\n{E}\r\n") == (BLOCK.replace("\n", "\r\n") + "\r\n", True)


def test_markers_stay_as_they_are_spelled() -> None:
    begin, end = "<!--state-hub:session-protocol:begin-->", "<!--   state-hub:session-protocol:end\t-->"
    assert placed(f"{begin}\n{end}\n") == (f"{begin}\n{SECTION}{end}\n", True)


IN_CODE = "the marker is in a code block, where it is text: put both markers outside of it, or take them out"
NOT_ALONE = "the marker must be a line of its own, with an empty line between it and other HTML"
NO_BEGIN = "the end marker has no begin marker before it"
NO_END = f"the begin marker has no end marker after it: put a line {E} where the section ends"
OPEN = "the code block or HTML that begins here is never closed"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (f"a\n\n{B}\n", 3, NO_END),
        (f"\ufeffé\r\n\r\n{E}\r\n", 3, NO_BEGIN),
        (f"{E}\n{B}\n", 1, NO_BEGIN),
        (f"{B}\n{E}\n\n{E}\n", 4, "this end marker is one too many: keep one pair"),
        (f"{B}\n{E}\n\n{B}\n{E}\n", 4, "this begin marker is one too many: keep one pair"),
        (f"{B}\n{B}\n{E}\n", 2, "this begin marker is one too many: keep one pair"),
        (f"a\n\n```\n{B}\n{E}\n```\n", 4, IN_CODE),
        (f"~~~~ markdown\n```\n```\n{B}\n{E}\n~~~~\n", 4, IN_CODE),
        (f"- a\n\n  ```\n  {B}\n  {E}\n  ```\n", 4, IN_CODE),
        (f"a\n\n    {B}\n    {E}\n", 3, IN_CODE),
        (f"> ```\n> {B}\n> ```\n", 2, IN_CODE),
        (f"{B}\n```\n{E}\n```\n", 1, f"{NO_END}; one in a code block is text"),
        (f"```\n{B}\n```\n{E}\n", 4, f"{NO_BEGIN}; one in a code block is text"),
        (f"{B}\n```\nnever closed\n{E}\n", 1, f"{NO_END}; one in a code block is text"),
        (f"a {B}\n{E}\n", 1, NOT_ALONE),
        (f"{B}{E}\n", 1, NOT_ALONE),
        (f"{B} a\n{E}\n", 1, NOT_ALONE),
        (f"{B}\n{E} a\n", 2, NOT_ALONE),
        (f"- {B}\n- {E}\n", 1, NOT_ALONE),
        (f"> {B}\n> {E}\n", 1, NOT_ALONE),
        (f"<div>\n{B}\n{E}\n</div>\n", 2, NOT_ALONE),
        (f"{B}\n<!--\n{E}\n", 3, NOT_ALONE),
        (f"<pre>\n\n{B}\n{E}\n</pre>\n", 3, NOT_ALONE),
        ("a\n\n```\nb\n", 3, OPEN),
        ("a\n\n~~~", 3, OPEN),
        ("<!-- a\n", 1, OPEN),
        ("a\n\n<pre>\n\n", 3, OPEN),
    ],
)
def test_section_has_no_place(text: str, line: int, why: str) -> None:
    assert refusal(text) == (line, why)


def test_file_that_is_no_text() -> None:
    assert refusal(b"a\nb\xe9\n") == (2, "the file is not UTF-8 from here on")
    assert refusal("a\n".encode("utf-16")) == (1, "the file is not UTF-8 from here on")
    assert refusal(b"a\n\nb\0") == (3, "a NUL byte: this is not a text file")
    assert refusal(b"\xef\xbb\xbfa\n\xff") == (2, "the file is not UTF-8 from here on")


LINES = st.lists(
    st.sampled_from(
        [
            "# A", "text", "", "", "- item", "  more", "```", "~~~", "    code", "> quote", "<div>", "</div>", "<!--",
            "-->", "<!-- c -->", "<pre>", "</pre>", f"`{B}`", "é😀", "\ta", "\x0b", "\x0c", "===", "---", B, E,
            f"  {B}", f" {E} ",
        ]
    ),
    max_size=10,
)  # fmt: skip


def html_markers(text: str) -> list[str]:
    """The markers that another reader of Markdown passes on as HTML comments, each as a block of its own."""
    tokens = MARKDOWN.parse(text.removeprefix("\ufeff"))
    return [token.content.strip() for token in tokens if token.type == "html_block" and token.content.strip() in (B, E)]


@example(["\x0b", "</pre>", "```", ""], "\n", False, False)  # The third is a fence to CommonMark.
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_only_what_is_between_the_markers_changes(lines: list[str], end: str, ended: bool, bom: bool) -> None:
    text = ("\ufeff" if bom else "") + end.join(lines) + (end if ended else "")
    try:
        after, found = placed(text)
    except SectionError:
        return
    assert replace_section(after.encode(), SECTION) == SectionPlacement(after.encode(), True)
    assert html_markers(after) == [B, E]
    first = (after.find("\n") > 0 and after[after.find("\n") - 1] == "\r" and "\r\n") or "\n"
    section = SECTION.replace("\n", first)
    assert after.count(section) == 1
    before, rest = after.split(section)
    if not found:
        assert before.startswith(text)
        assert before.removeprefix(text) in (f"{gap}{B}{first}" for gap in ("", first, first * 2))
        assert rest in (E, E + first)
    else:
        assert before.endswith(B + first)
        assert rest.startswith(E)
        assert text.startswith(before.removesuffix(first))
        assert text.endswith(rest)


@pytest.mark.parametrize(
    ("glob", "written"),
    [
        ("workplans/**/*.md", "`workplans/**/*.md`"),
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
        ("```", "```` ``` ````"),
        (" a ", "`  a  `"),
        ("  ", "`  `"),
        (f"{E}/*.md", f"`{E}/*.md`"),
        ("a\n\n# b", "`a\\n\\n# b`"),
        ("${slug}{slug}%s", "`${slug}{slug}%s`"),
        ("*_[x](y)<b>&amp;\\", "`*_[x](y)<b>&amp;\\`"),
    ],
)
def test_render(glob: str, written: str) -> None:
    assert render("${slug}: ${workplans}.\n", "net-kingdom", glob) == f"net-kingdom: {written}.\n"


def test_render_refuses_a_template_that_asks_for_more() -> None:
    with pytest.raises(KeyError):
        render("${other}", "a", "b")


@given(st.text(st.sampled_from("`` a*\\<!->é"), min_size=1, max_size=12))
def test_code_span_shows_the_text(text: str) -> None:
    tokens = MARKDOWN.parseInline(f"x {code_span(text)}.")[0].children or []
    assert [(token.type, token.content) for token in tokens] == [
        ("text", "x "),
        ("code_inline", text),
        ("text", "."),
    ]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_glob_keeps_section_and_markers_whole(glob: str) -> None:
    assume("\0" not in glob)
    section = render("Workplans: ${workplans}\n\n${workplans}\n", "a", glob)
    once = replace_section(b"# A\n", section)
    assert replace_section(once.data, section) == SectionPlacement(once.data, True)
    assert html_markers(once.data.decode()) == [B, E]
