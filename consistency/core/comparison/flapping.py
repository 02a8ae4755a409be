"""Finds tasks that go back and forth: moved forward by files and taken back, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from consistency.core.codes import FLAPPING, STATUS_CODES
from consistency.core.comparison.drift import Comparison, Drift
from consistency.core.comparison.snapshot import Place
from consistency.core.finding import Finding

FLAP_THRESHOLD = 3
"""Times there and back within a day, from which on a person must decide."""

_SHOWN = 6


class Move(NamedTuple):
    """One step of a task: *old* → *new*, by *who*. Times are aware, in UTC.

    `forward` is a move that a file brought to the hub, `back` a reopen; a move that is neither is ignored.
    `written` is a writeback: the file had *old* and the hub *new*. `elsewhere` is one in another checkout.
    """

    at: datetime
    old: str
    new: str
    who: str
    forward: bool = False
    back: bool = False
    written: bool = False
    elsewhere: bool = False


def count_rounds(moves: Sequence[Move]) -> int:
    """Count how many times *moves*, oldest first, go there and back.

    A reopen counts if it follows a move forward by a file. A writeback counts if the file did not have the status that
    the last one wrote, nor one written elsewhere since: then someone had changed it.
    """
    return max(_reopens(moves), _writebacks(moves))


def _reopens(moves: Sequence[Move]) -> int:
    number, forward = 0, False
    for move in moves:
        number += move.back and forward
        forward = move.forward or (forward and not move.back)
    return number


def _writebacks(moves: Sequence[Move]) -> int:
    number, known = 0, set[str]()
    for move in moves:
        if move.elsewhere:
            known.add(move.new)
        elif move.written:
            number += move.old not in known
            known = {move.new}
    return number


def suppress_flapping(comparison: Comparison, flapping: Mapping[str, Sequence[Move]]) -> Comparison:
    """Return *comparison* with a C-20 and no action on the status for each task in *flapping* (id → moves)."""
    drifts: list[Drift] = []
    held = set[Place]()
    for drift in comparison.drifts:
        finding = drift.finding
        moves = flapping.get(finding.task or "")
        if moves is None or finding.code not in STATUS_CODES:
            drifts.append(drift)
            continue
        held.add((finding.workplan, finding.task))
        drifts += Drift(finding), Drift(_finding(finding, moves))
    return comparison._replace(drifts=tuple(drifts), held=frozenset(held))


def _finding(drift: Finding, moves: Sequence[Move]) -> Finding:
    shown = "; ".join(f"{move.at:%Y-%m-%d %H:%M}Z {_phrase(move)}" for move in moves[-_SHOWN:])
    message = f"task '{drift.task}' keeps changing back and forth; it is not touched until someone decides"
    message = f"{message}: {shown}" if shown else message
    return drift._replace(code=FLAPPING, message=message, other_severity=None, discriminator="")


def _phrase(move: Move) -> str:
    if move.written:
        return f"{move.who} wrote {move.new} over {move.old} in the file"
    return f"{move.who} {'reopened' if move.back else 'moved'} {move.old} → {move.new}"
