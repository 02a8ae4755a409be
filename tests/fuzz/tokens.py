"""Pieces of which workplans are made: a fuzzer that knows them gets further than one that has to find them."""

from __future__ import annotations

_TEXTS = (
    "---\n", "...\n", "\ntype: workplan\n", "\nid: W1\n", "\ntitle: T\n", "\nstatus: active\n", "\nstatus: done\n",
    "state_hub_workstream_id: ", "state_hub_task_id: ", "0a4cf9be-4a5f-4b2b-8d0c-0f4f0b1ed001", "priority: high\n",
    "```task\n", "```\n", "~~~task\n", "~~~\n", "````", "   ```task", "\n```task\nid: X1\nstatus: todo\n```\n",
    "\n- ```task\n  id: X2\n  status: 'todo'\n  ```\n", '```task\n{id: X3, status: "done"}\n```\n', "t&#97;sk",
    "todo", "in_progress", "blocked", "done", "cancelled", "draft", "active", "dnoe", "In Progress", '"', "'",
    "- ", "1. ", "> ", "\n\n", "\n  ", "\n    ", "\t", "# ", "### T1 — x\n", "===\n", "***\n", "<div>\n", "</div>\n",
    "<!--", "-->", "<pre>", "</PRE>", "<?", "<![CDATA[", "&anchor ", "*alias", "!tag ", "!!str ", "<<: ", "? ", ": ",
    "|\n", ">-\n", "{", "}", "[", "]", ", ", " # ", "\\", "\\\n", '"\\x64one"', "\r\n", "\r", "\ufeff", "\x85",
    "\u2028", "\x0b", "\x0c", "\0", "\x7f", "é", "😀", "%YAML 1.1\n",
)  # fmt: skip

TOKENS: tuple[bytes, ...] = (*(text.encode() for text in _TEXTS), b"\xff", b"\xff\xfe", b"\xc3")


def dictionary() -> str:
    """Return the tokens as a dictionary file of libFuzzer."""
    return "".join(f'"{_escaped(token)}"\n' for token in TOKENS)


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)
