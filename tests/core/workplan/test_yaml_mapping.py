"""Small YAML mappings read as strings with their spans; what is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consistency.core.workplan.yaml_events import read_yaml
from consistency.core.workplan.yaml_mapping import (
    MAX_DEPTH,
    Mapping,
    ScalarValue,
    SyntaxProblem,
    read_mapping,
    read_simple,
)


def texts(text: str) -> dict[str, str | None]:
    mapping = read_mapping(text)
    assert mapping.fault is None
    return {key: value.text for key, value in mapping.values.items()}


def fault(text: str) -> SyntaxProblem:
    found = read_mapping(text).fault
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: X-1\nstatus: done", {"id": "X-1", "status": "done"}),
        ("id: 'X'\nstatus: \"done\"\n", {"id": "X", "status": "done"}),
        ("{id: X, status: done}", {"id": "X", "status": "done"}),
        ("{id: X,\n status: 'done', }\n", {"id": "X", "status": "done"}),
        ("? id\n: X\n? status\n: done", {"id": "X", "status": "done"}),
        ("'id': X\n\"status\": done", {"id": "X", "status": "done"}),
        ("id: X # c\nstatus: done   # d\n# e", {"id": "X", "status": "done"}),
        ("id: a#b", {"id": "a#b"}),
        ("a: yes\nb: 012\nc: null\nd: 2026-01-01\ne: 1.0\nf: ~\ng: 0x1F", {
            "a": "yes", "b": "012", "c": "null", "d": "2026-01-01", "e": "1.0", "f": "~", "g": "0x1F",
        }),
        ("a:\nb: ''\nc: \"\"\nd:   # nothing\n", {"a": "", "b": "", "c": "", "d": ""}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}),
        ("a: one\n  two\n\n  three", {"a": "one two\nthree"}),
        ("a: 'it''s'\nb: \"\\u00e9\\x41\\0\"", {"a": "it's", "b": "éA\0"}),
        ("a: [1, {b: c}, [d]]\nb:\n  c: {d: e}\n  f:\n  - g: h\n", {"a": None, "b": None}),
        ("a: [b: 1, b: 2]\nc: {d: {e: 1}, f: {e: 1}}", {"a": None, "c": None}),
        ("a: {b: c, d: c}\ne: [b, c, b]\nf: [[b, c, b]]", {"a": None, "e": None, "f": None}),
        ("<<: {a: 1}\nb: c", {"<<": None, "b": "c"}),
        ("a: {[x]: y, z: w}", {"a": None}),
        ("{a, b: }", {"a": "", "b": ""}),
        ("%YAML 1.1\n---\na: b\n...\n", {"a": "b"}),
        ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("a: b\x85c: d", {"a": "b", "c": "d"}),
        ("null: a\ntrue: b\n1: c", {"null": "a", "true": "b", "1": "c"}),
        ("  a: b\n  c: d\n", {"a": "b", "c": "d"}),
    ],
)  # fmt: skip
def test_read_mapping_values(text: str, expected: dict[str, str | None]) -> None:
    assert texts(text) == expected


def test_read_mapping_spans_are_characters_with_quotes() -> None:
    text = "é😀: x\nid: 'q'  # c\nstatus: \"done\" \nlist: [a, b]\n\u2028k: v"
    values = read_mapping(text).values
    assert {key: text[value.start : value.end] for key, value in values.items()} == {
        "é😀": "x", "id": "'q'", "status": '"done"', "list": "[a, b]", "k": "v",
    }  # fmt: skip
    assert [value.style for value in values.values()] == ["", "'", '"', "", ""]


def test_read_mapping_spans_count_a_leading_bom() -> None:
    text = "\ufeffid: X\nstatus: done"
    assert read_mapping(text).values == {"id": ScalarValue("X", 5, 6, ""), "status": ScalarValue("done", 15, 19, "")}


@pytest.mark.parametrize(
    ("text", "message", "index"),
    [
        ("id: a\nid: b", "key 'id' is given twice", 6),
        ("id: a\n'id': b", "key 'id' is given twice", 6),
        ("{id: a, x: b, id: c}", "key 'id' is given twice", 14),
        ("a:\n  b: 1\n  b: 2", "key 'b' is given twice", 12),
        ("a: {b, b}", "key 'b' is given twice", 7),
        ("a: {b: {c: 1, c: 2}}", "key 'c' is given twice", 14),
        ("a: [{c: 1, c: 2}]", "key 'c' is given twice", 11),
        ("a: &x b", "anchor '&x' is not allowed here", 3),
        ("&x a: b", "anchor '&x' is not allowed here", 0),
        ("a: &x\nb: *x", "anchor '&x' is not allowed here", 3),
        ("a: *x", "alias '*x' is not allowed here", 3),
        ("a: [1, *x]", "alias '*x' is not allowed here", 7),
        ("a: [1, &x 2]", "anchor '&x' is not allowed here", 7),
        ("a: !!str b", "tag 'tag:yaml.org,2002:str' is not allowed here", 3),
        ("a: !x [b]", "tag '!x' is not allowed here", 3),
        ("a: ! b", "tag '!' is not allowed here", 3),
        ("a: !<%00> b", "tag '' is not allowed here", 3),
        ("--- &x\na: b", "anchor '&x' is not allowed here", 4),
        ("--- !!map\na: b", "tag 'tag:yaml.org,2002:map' is not allowed here", 4),
        ("[a]: b", "a key must be a plain word", 0),
        ("a: b\n---\nc: d", "a second YAML document begins here", 5),
        ("a: b\n--- ", "a second YAML document begins here", 5),
        ("a: b\nc", "not valid YAML: while scanning a simple key could not find expected ':'", 6),
        ("a: [b", "not valid YAML: while parsing a flow sequence did not find expected ',' or ']'", 5),
        ("a: b\n\tc: d", "not valid YAML: while scanning a plain scalar found a tab character that violates "
         "indentation", 5),
        ("a: 'b", "not valid YAML: while scanning a quoted scalar found unexpected end of stream", 5),
        ("a: b: c", "not valid YAML: mapping values are not allowed in this context", 4),
        ("a: \"\\q\"", "not valid YAML: while parsing a quoted scalar found unknown escape character", 4),
        ("a: \"\\ud800\"", "not valid YAML: while parsing a quoted scalar found invalid Unicode character escape code",
         6),
        ("a: \x07", "not valid YAML: character #x0007: control characters are not allowed", 3),
        ("é😀\n: \0", "not valid YAML: character #x0000: control characters are not allowed", 5),
        ("\ufeffé: \0", "not valid YAML: character #x0000: control characters are not allowed", 4),
    ],
)  # fmt: skip
def test_read_mapping_refuses(text: str, message: str, index: int) -> None:
    assert fault(text) == SyntaxProblem(message, index)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_read_mapping_of_nothing(text: str) -> None:
    assert fault(text) == SyntaxProblem("empty: a mapping of `key: value` lines is expected", 0, other=True)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("- a\n- b", 0), ("plain words", 0), ("--- ", 4), ("[a, b]", 0), ("'quoted'", 0), ("*alias", 0),
        ("%YAML 1.1\n---\n...\n", 14),
        ("|\n a: b", 0), ("# c\n\n- a", 5),
    ],
)  # fmt: skip
def test_read_mapping_of_another_kind(text: str, index: int) -> None:
    assert fault(text) == SyntaxProblem("not a mapping of `key: value` lines", index, other=True)


def test_read_mapping_keeps_the_values_before_a_fault() -> None:
    mapping = read_mapping("id: X\nstatus: done\nid: Y")
    assert (mapping.text("id"), mapping.text("status"), mapping.fault is None) == ("X", "done", False)


def test_read_mapping_shortens_what_it_repeats() -> None:
    long = "k" * 5000
    assert fault(f"? {long}\n: a\n? {long}\n: b").message == f"key '{'k' * 59}…' is given twice"
    assert fault('"a\\0b": 1\n"a\\0b": 2').message == "key 'a\ufffdb' is given twice"
    assert fault("a: !<%0Ax> b").message == "tag 'x' is not allowed here"


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[a: ", "[? {"])
@pytest.mark.parametrize("depth", [10_000, 60_000])
def test_read_mapping_deeply_nested(opening: str, depth: int) -> None:
    assert read_mapping("a:\n " + opening * depth).fault is not None


def test_read_mapping_as_deep_as_is_allowed() -> None:
    text = "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read_mapping(text) == Mapping({"a": ScalarValue(None, 3, len(text), "")}, None)
    assert fault("a: [" + text[3:] + "]") == SyntaxProblem("nested more than 64 levels deep", 3 + MAX_DEPTH)


def test_text_of_a_value() -> None:
    mapping = read_mapping("a: ' x '\nb: [c]\nd: |\n  x\n")
    assert [mapping.text(key) for key in ("a", "b", "c", "d")] == ["x", "", "", "x"]
    assert [value.is_block for value in mapping.values.values()] == [False, False, True]


LINES = st.sampled_from(
    [
        "id: X-1", "id: X", "status: done", "status: 'done'", 'status: "done"', "a: one two  three", "a:  b", "a: b ",
        "a: b # c", "a: b #", "a: b#c", "a: 'b' # c", "a: 'b'#c", "a: '' ", 'a: ""', "a: 'it''s'", 'a: "\\n"', "a: -b",
        "a: b -", "a: 1.5", "a: x/y", "a:", "a:b", "a: b:", "a: b: c", "a: [b]", "a: &b c", "a: *b", "a: !t c", "a: |",
        "a: >", " a: b", "  b", "\t", "", "# c", "---", "...", "- a", "a: é", "é: a", "a: 'é'", "a: # c", "? a", ": b",
        "a: b\r", "a: \x07", "a: 'b", 'a: "b', "a: b'c", 'a: b"c', "a: 'b' c", "_k: v", "1: v", "a: %b", "a: @b",
        "a: `b",         "a: b\x85c: d", "a: b\u2028c", "\ufeffa: b", "a: b, c", "a: b]", "a: ~", "a: =", "<<: b",
        "a: 'b' ", "a: \"b\"  # é", "a: (b) 10:30", "a: b:c #d", "a: b::", "a: [b, c.d]", "a: [b,c]", "a: []",
        "a: [b, ]",
        "a: [-b]", "a: [b c]", "{a: b}", "{a: b, c: 'd'}", "{a: b,}", "{a: b", "{a: -b}", '{a: "b" }', "{}",
        "{a: b, a: c}",
    ]
)  # fmt: skip
DOCUMENTS = st.builds("".join, st.lists(st.tuples(LINES, st.sampled_from(["\n", "\n", "\n", "", "\r\n"])).map("".join)))
BRACES = st.lists(
    st.sampled_from(["a: b", "c: 'd'", 'e: "f g"', "h: 1.2-x/y", ",", ", ", " ", "}", "{", "k:", "\n", "#", ":"])
)
SIGNS = st.text(st.sampled_from("abc: #'\"-_./\n\t\\&*!|>%@`[]{},?é\x85\u2028\ufeff0~="), max_size=40)


@given(
    DOCUMENTS | SIGNS | SIGNS.map("k: {}".format) | SIGNS.map("id: X\nstatus: {}\n".format)
    | BRACES.map(lambda parts: "{" + "".join(parts) + "}") | SIGNS.map("{{a: {}}}".format)
)  # fmt: skip
@example("a: b")
@example("{a: b,")
@example("{a: b,}")
def test_read_simple_reads_as_yaml_does(text: str) -> None:
    simple = read_simple(text)
    assert simple is None or simple == read_yaml(text)


@pytest.mark.parametrize(
    "letter", ["\x80", "\x85", "\x9f", "\u2028", "\u2029", "\ud800", "\ufeff", "\ufffe", "\uffff", "\x7f"]
)
@pytest.mark.parametrize("text", ["a: b{}", "a: {}b", "a: '{}'", 'a: "{}"', "a: b # {}"])
def test_read_simple_leaves_to_yaml_what_yaml_takes_for_more_than_a_letter(letter: str, text: str) -> None:
    assert read_simple(text.format(letter)) is None


@pytest.mark.parametrize("letter", ["é", "ß", "—", "„", "漢", "\ufffd", "😀"])
@pytest.mark.parametrize("text", ["a: b{}", "a: {}b", "a: '{}'", 'a: "{}"', "a: b # {}"])
def test_read_simple_takes_letters_beyond_ascii(letter: str, text: str) -> None:
    found = read_yaml(text.format(letter))
    assert (read_simple(text.format(letter)), found.fault) == (found, None)


@pytest.mark.parametrize(
    "text",
    [
        "id: X-1\nstatus: in_progress  # why\npriority: 'high'\ntitle: \"a: b\"\n",
        "a: b c",
        "title: Größen (alle) — um 10:30, a/b #1 of 2: see https://example.org/#x\n",
        "labels: [kept, ignored]\nnone: []\ndepends_on: [X-T1,X-T2]  # both\n",
        "{id: X-1, status: 'todo', title: \"a, b\"}\n",
    ],
)
def test_read_simple_takes_what_people_write(text: str) -> None:
    found = read_yaml(text)
    assert (read_simple(text), found.fault) == (found, None)


@given(DOCUMENTS | SIGNS | st.text(max_size=80))
def test_read_mapping_never_raises_and_its_spans_are_exact(text: str) -> None:
    mapping = read_mapping(text)
    for value in mapping.values.values():
        written = text[value.start : value.end]
        if value.style == "" and value.text is not None and "\n" not in written and "\r" not in written:
            assert "".join(written.split()) == "".join(value.text.split())
        elif value.style in ("'", '"') and value.style:
            assert (written[0], written[-1]) == (value.style, value.style)
    assert mapping.fault is None or 0 <= mapping.fault.index <= len(text)
