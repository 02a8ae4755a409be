"""Sees a task that goes back and forth: moved forward by files and taken back, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from consistency.core.codes import FLAPPING, STATUS_CODES
from consistency.core.comparison.drift import Comparison, Drift
from consistency.core.finding import Finding

FLAP_THRESHOLD = 3
"""So many times there and back within a day, and a person must decide."""

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a task: *old* → *new*, by *who*. Times are aware, in UTC.

    `forward` is a move that a file brought to the hub, `back` a reopen; a move that is neither is not looked at.
    `written` is a writeback, where the file said *old* and the hub *new*; `elsewhere` one in another checkout.
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
    """How many times *moves*, oldest first, go there and back.

    By reopens: each that follows a move forward by a file. By writebacks: each where the file did not say what the last
    one had written, nor what one elsewhere has written since, so that somebody had changed it.
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


def suppress_flapping(comparison: Comparison, seesaws: Mapping[str, Sequence[Move]]) -> Comparison:
    """*comparison* without any action on the status of the tasks in *seesaws* (id → moves), and a C-20 for each."""
    drifts: list[Drift] = []
    held: set[tuple[str | None, str | None]] = set()
    for drift in comparison.drifts:
        finding = drift.finding
        moves = seesaws.get(finding.task or "")
        if moves is None or finding.code not in STATUS_CODES:
            drifts.append(drift)
            continue
        held.add((finding.workplan, finding.task))
        drifts += Drift(finding), Drift(_finding(finding, moves))
    return replace(comparison, drifts=tuple(drifts), held=frozenset(held))


def _finding(drift: Finding, moves: Sequence[Move]) -> Finding:
    told = "; ".join(f"{move.at:%Y-%m-%d %H:%M}Z {_words(move)}" for move in moves[-_SHOWN:])
    message = f"task '{drift.task}' keeps changing back and forth; it is not touched until someone decides"
    return Finding(
        FLAPPING, f"{message}: {told}" if told else message, file=drift.file, line=drift.line, workplan=drift.workplan,
        task=drift.task, db_status=drift.db_status, file_status=drift.file_status,
    )  # fmt: skip


def _words(move: Move) -> str:
    if move.written:
        return f"{move.who} wrote {move.new} over {move.old} in the file"
    return f"{move.who} {'reopened' if move.back else 'moved'} {move.old} → {move.new}"
