"""The commands of docs/deployment.md: its fenced blocks whose info string says who runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

PAGE = Path(__file__).resolve().parent.parent / "docs/deployment.md"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands for a shell; *labels* name their machine and purpose, as in `sh hub nginx`."""

    labels: tuple[str, ...]
    text: str
    line: int


def read_blocks() -> list[Block]:
    """Return all blocks of the page that start with `sh`, in order."""
    tokens = MarkdownIt().parse(PAGE.read_text("utf-8"))
    fences = [token for token in tokens if token.type == "fence" and token.info.split()[:1] == ["sh"]]
    return [Block(tuple(fence.info.split()[1:]), fence.content, fence.map[0] + 1) for fence in fences if fence.map]


def blocks_of(*labels: str) -> list[Block]:
    """Return the blocks with exactly these labels, of which there must be some."""
    found = [block for block in read_blocks() if block.labels == labels]
    if not found:
        raise LookupError(f"{PAGE.name} has no block `sh {' '.join(labels)}`")
    return found
