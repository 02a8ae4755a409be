"""Holds the docs and what they speak of together."""

from __future__ import annotations

import re
from itertools import count, pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from consistency.core.codes import CODES
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.parse import parse_workplan
from statehub.environment import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def read_tokens(page: Path) -> list[Token]:
    """List all tokens of *page*, those within paragraphs too."""
    blocks = MarkdownIt().parse(page.read_text("utf-8"))
    return [token for block in blocks for token in (block, *(block.children or ()))]


def read_links(page: Path) -> list[str]:
    """List where the links and pictures of *page* lead, in Markdown and in HTML."""
    found: list[str] = []
    for token in read_tokens(page):
        if token.type in ("html_block", "html_inline"):
            found += re.findall(r"""\b(?:href|src|srcset)=["']([^"']+)""", token.content)
        elif token.type in ("link_open", "image"):
            found.append(str(token.attrs.get("href") or token.attrs.get("src")))
    return found


def read_anchors(page: Path) -> set[str]:
    """List the anchors that GitHub gives the headings of *page*."""
    anchors: set[str] = set()
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(token.content for token in inline.children or ())
            anchor = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
            numbered = (f"{anchor}-{number}" for number in count(1))
            anchors.add(anchor if anchor not in anchors else next(each for each in numbered if each not in anchors))
    return anchors


def find_dead_links(page: Path) -> list[str]:
    """List the relative links of *page* whose file, or whose heading in a Markdown file, does not exist."""
    dead = []
    for target in read_links(page):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / unquote(path) if path else page
        has_anchors = file.suffix == ".md" and file.is_file()
        if not file.exists() or (anchor and has_anchors and unquote(anchor) not in read_anchors(file)):
            dead.append(target)
    return dead


def test_checks_page_has_the_table_of_codes() -> None:
    page = (ROOT / "docs/checks.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| C-\d\d \|", line)]
    assert rows == [f"| {code.id} | {code.severity} | {code.title} | {code.remedy} |" for code in CODES.values()]


def test_env_example_names_every_setting_and_no_other() -> None:
    names = ("settings_base.py", "settings.py", "database_url.py")
    sources = "".join((ROOT / "statehub" / name).read_text() for name in names)
    read = set(re.findall(r"read_\w+\(\s*\"([A-Z_]+)\"", sources))
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(named) == read == SETTINGS


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named <= targets


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "workplans").glob("*.md"))], ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert find_dead_links(page) == []


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("[a](b.md) [a](b.md#two-words) [a](#this) <a href='b.md#two-words-1'>a</a>", []),
        ("[a](https://example.org/none#none) [a](mailto:a@example.org) `[a](none.md)` [a](c#L12)", []),
        ("```\n[a](none.md)\n```", []),
        ("[a](none.md)", ["none.md"]),
        ("[a](b.md#none)", ["b.md#none"]),
        ("[a](#none)", ["#none"]),
        ("![a](none.png)", ["none.png"]),
        ("a\n\n[a]: b.md#none\n\n[a]", ["b.md#none"]),
        ('<img src="none.png" alt="a">', ["none.png"]),
        ('a <source srcset="none.png"> a', ["none.png"]),
    ],
)
def test_dead_link_is_found_out(tmp_path: Path, text: str, dead: list[str]) -> None:
    (tmp_path / "a.md").write_text(f"# This\n\n{text}\n")
    (tmp_path / "b.md").write_text("# Two `words`!\n\n## Two words\n")
    (tmp_path / "c").write_text("")
    assert find_dead_links(tmp_path / "a.md") == dead


def test_readme_leads_to_every_page() -> None:
    linked = {target for target in read_links(ROOT / "README.md") if target.endswith(".md")}
    assert {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md", "CLAUDE.md"} - linked == set()


@pytest.mark.parametrize(
    "path", sorted([ROOT / "templates/workplan.md", *(ROOT / "workplans").glob("*.md")]), ids=lambda path: path.name
)
def test_workplans_of_the_project_are_without_fault(path: Path) -> None:
    parsed = parse_workplan(path.name, path.read_bytes())
    assert isinstance(parsed, Workplan)
    assert parsed.blocks
    assert parsed.problems == ()
