"""Holds docs, messages, docstrings and comments to plain English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent

PHRASES = {
    r"mend(s|ed|ing)?": "fix",
    r"anew": "again",
    r"in vain": "without success",
    r"in force": "effective",
    r"at hand": "available",
    r"as it stands": "as it is",
    r"any more|no more(?! (than|often)\b)": "no longer",
    r"so many": "N, that many",
    r"(some|no|every)body": "another process, the user, no one",
    r"told": "logged, called, returned",
    r"by (itself|themselves)": "alone, on its own",
    r"where there (is|are) none": "if missing",
    r"(?<!there )is no(?= (?!longer\b|one\b))": "is not a",
    r"by now": "now",
    r"(?<!new commit )meanwhile": "since then",
    r", say(?=[,.;:)])": "for example",
    r"besides": "also",
    r"but for": "except",
    r"all the same": "anyway",
    r"foreign(?! key)": "another repo's, unknown",
    r"the look(?!-)": "Unfold, the status",
    r"goes by": "is called, uses",
    r"lives? on": "depends on",
    r"takes? note of": "records",
}
"""Phrases that a native engineer does not write, each with the plain word for it."""

STILTED = re.compile(rf"\b(?<!-)({'|'.join(PHRASES)})(?!\w)", re.IGNORECASE)

VAGUE = re.compile(r"(What|Where|Its|Told)\b")
"""Beginnings of docstrings that do not name their subject: a verb in the imperative or a noun does."""

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "CHANGELOG.md"})


def find_stilted(text: str) -> list[str]:
    """List the phrases of *text* that are not plain English; names in backticks are not part of it."""
    return [match[0].lower().strip() for match in STILTED.finditer(" ".join(re.sub(r"`[^`]*`", "X", text).split()))]


def read_prose(page: Path) -> Iterator[str]:
    """Yield the paragraphs, headings and cells of the Markdown *page*, without code."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")):
        if token.type == "inline":
            yield " ".join(child.content if child.type == "text" else " " for child in token.children or ())


def read_docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings in *tree*, those of constants too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def read_strings(node: ast.AST) -> Iterator[str]:
    """Yield the strings in *node*, each with X for the values put into it; docstrings are not among them."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    for child in ast.iter_child_nodes(node):
        yield from read_strings(child)


def read_comments(source: str) -> Iterator[str]:
    """Yield the comments of the Python *source*, those on consecutive lines as one."""
    block, last = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield block
                block = ""
            block, last = f"{block} {token.string.lstrip('# ')}", token.start[0]
    yield block


def find_stilted_strings(tree: ast.AST) -> list[str]:
    """List the phrases in the strings in *tree*; a single word is a name and not a message."""
    return [phrase for text in read_strings(tree) if " " in text.strip() for phrase in find_stilted(text)]


def find_stilted_code(source: str) -> list[str]:
    """List the phrases in strings, docstrings and comments of *source*, and the vague beginnings of docstrings."""
    tree = ast.parse(source)
    docstrings = list(read_docstrings(tree))
    found = find_stilted_strings(tree)
    found += [phrase for text in (*docstrings, *read_comments(source)) for phrase in find_stilted(text)]
    return found + [match[0] for text in docstrings if (match := VAGUE.match(text.strip()))]


def python_files() -> dict[str, Path]:
    """List the Python files of the project by their paths, except migrations and this one."""
    folders = ("statehub", "consistency", "web", "testing", "tests", "bench", "demo", "rehearsal")
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))]
    named = {str(file.relative_to(ROOT)): file for file in sorted(files) if file != Path(__file__).resolve()}
    return {name: file for name, file in named.items() if "/migrations/" not in name}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_in_plain_english(page: Path) -> None:
    assert [phrase for text in read_prose(page) for phrase in find_stilted(text)] == []


def test_templates_and_scripts_are_in_plain_english() -> None:
    folders = ("templates", "web/templates", "scripts", "deploy", ".ci")
    files = [ROOT / "Makefile", *(file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())]
    found = {str(file.relative_to(ROOT)): find_stilted(file.read_text("utf-8")) for file in files}
    assert {file: phrases for file, phrases in found.items() if phrases} == {}


@pytest.mark.proof
def test_code_is_in_plain_english() -> None:
    found = {name: find_stilted_code(file.read_text("utf-8")) for name, file in python_files().items()}
    assert {file: phrases for file, phrases in found.items() if phrases} == {}


def test_messages_are_in_plain_english() -> None:
    files = {name: file for name, file in python_files().items() if name.startswith("consistency/")}
    found = {name: find_stilted_strings(ast.parse(file.read_text("utf-8"))) for name, file in files.items()}
    assert {file: phrases for file, phrases in found.items() if phrases} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is no\nslug.", ["is no"]),
        ("It is no longer one. There is no other. `1 mended`", []),
        ("- Nobody mends it", ["nobody", "mends"]),
        ("| a | b |\n| --- | --- |\n| made *anew* | C-01 |\n| C-01 | told |", ["anew", "told"]),
        ("```\nanew\n```", []),
    ],
)
def test_stilted_phrase_is_found_out(tmp_path: Path, text: str, found: list[str]) -> None:
    (tmp_path / "a.md").write_text(text)
    assert [phrase for text in read_prose(tmp_path / "a.md") for phrase in find_stilted(text)] == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Made anew."""\nA = 1\n"""Told of it."""\n# so many', []),
        ("say(f\"'{path}' is no {what}\", 'not any ' 'more')", ["is no", "any more"]),
        ("say(f\"{'by a nobody' if a else 'b'} is no longer there\")", ["nobody"]),
        ("say('nobody')", []),
    ],
)
def test_stilted_message_is_found_out(source: str, found: list[str]) -> None:
    assert find_stilted_strings(ast.parse(source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Made anew."""\nA = 1\n"""Told of it."""', ["anew", "told", "Told"]),
        ('def f():\n    """What it is."""\n    # so\n    # many\n', ["so many", "What"]),
        ('"""Return `anew`."""\na = 1  # so\n\n# many\n', []),
        ("say('a path, say')", []),
        ("say('a path, say; or none')  # in vain", [", say", "in vain"]),
    ],
)
def test_stilted_code_is_found_out(source: str, found: list[str]) -> None:
    assert find_stilted_code(source) == found
