"""The size of the list of tools: an assistant reads all of it in every session."""

from __future__ import annotations

import json
import re

from consistency.mcp.protocol import INSTRUCTIONS
from consistency.mcp.tools import TOOLS

MAX_TOKENS = 1_500

# How tokenizers of language models split a text before they look words up: a word with the blank before it, up to
# three digits, punctuation, blanks. Words of up to eight letters are one token in them, longer ones a few.
_PIECE = re.compile(r" ?[A-Za-z]+|[0-9]{1,3}| ?[^\sA-Za-z0-9]+|\s+")


def estimate_tokens(text: str) -> int:
    """Return more tokens than a tokenizer makes of *text*: one for each piece and for each 6 characters more of it.

    The vocabulary of a tokenizer comes over the network, so that tests cannot load one.
    """
    return sum(1 + max(0, len(piece.strip()) - 1) // 6 for piece in _PIECE.findall(text))


def test_estimate() -> None:
    assert estimate_tokens("Tasks to do next, most urgent first.") == 9
    assert estimate_tokens('{"type":"string"}') == 5
    assert estimate_tokens("acknowledgement 123456") == 6


def test_list_is_small() -> None:
    listed = json.dumps({"tools": [tool.definition for tool in TOOLS.values()]}, separators=(",", ":"))
    assert len(TOOLS) <= 8
    assert 600 < estimate_tokens(listed) < MAX_TOKENS
    assert estimate_tokens(INSTRUCTIONS) < 120


def test_schemas_are_flat() -> None:
    for tool in TOOLS.values():
        schema = tool.definition["inputSchema"]
        assert set(schema) <= {"type", "properties", "required", "additionalProperties"}
        for each in schema["properties"].values():
            assert each["type"] in {"string", "integer"}
            assert set(each) <= {"type", "description", "enum", "pattern", "minimum", "maximum"}
