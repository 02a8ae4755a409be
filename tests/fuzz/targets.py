"""The core's promises on any bytes: functions that take bytes and raise BrokenPromiseError if one does not hold.

The fuzzer, the tests over generated input and the replay of the corpus all call these.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from uuid import NAMESPACE_URL, uuid5

import yaml

from consistency.core.codes import CODES
from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.ledger_codec import dump, load
from consistency.core.workplan.blocks import MAX_BODY
from consistency.core.workplan.edit import EditRefusedError, set_statuses
from consistency.core.workplan.fences import find_commonmark_blocks
from consistency.core.workplan.model import Problem, TaskBlock, Unreadable, Workplan
from consistency.core.workplan.new_statuses import ParsedVersion, read_new_statuses
from consistency.core.workplan.parse import parse_workplan
from consistency.core.workplan.plain_fences import find_plain_blocks
from consistency.core.workplan.source import UTF8_BOM, Lines, may_be_workplan
from consistency.core.workplan.taskblock import read_any_block, read_plain_block
from consistency.core.workplan.validation import has_control, id_error, is_uuid
from consistency.core.workplan.write_ids import WriteIdsRefusedError, stamp
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES
from tests.fuzz.oracle import by_the_oracle, by_us, comparable

PATH = "workplans/w.md"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class BrokenPromiseError(AssertionError):
    """A promise that does not hold; the text says which, with what was found."""


def demand(kept: object, promise: str, *found: object) -> None:
    """Raise BrokenPromiseError with *promise* and the values *found* unless *kept*."""
    if not kept:
        raise BrokenPromiseError(": ".join([promise, *map(repr, found)]))


def check_parse(data: bytes) -> None:
    """Check that any bytes give a workplan, an unreadable one or None; places and lines are in the file and right."""
    parsed = parse_workplan(PATH, data)
    demand(parsed is None or type(parsed) in (Workplan, Unreadable), "one of three kinds comes out", parsed)
    demand(parsed is None or may_be_workplan(data), "a file that cannot be a workplan is none", parsed)
    if isinstance(parsed, Unreadable):
        demand(parsed.problems, "an unreadable file has a problem")
        demand(parsed.key is None or _is_id(parsed.key), "the id of an unreadable file can serve as one", parsed.key)
        _check_problems(data, parsed.problems)
    if isinstance(parsed, Workplan):
        _check_workplan(data, parsed)
        _check_problems(data, parsed.problems)
        for block in parsed.blocks:
            _check_block(data, block)
        places = [block.place for block in parsed.blocks if block.place]
        demand(all(a[1] < b[0] for a, b in pairwise(places)), "blocks are in the order of the file", places)


def check_edit(data: bytes) -> None:
    """Check that only the status changes, byte for byte; the same again changes nothing, and back restores the file."""
    parsed = parse_workplan(PATH, data)
    if not isinstance(parsed, Workplan):
        _refuses(data, {"X": "done"}, "the file is no longer a readable workplan")
        return
    _refuses(data, {"no such task": "done"}, "task 'no such task' is no longer in the file")
    number = Counter(block.key for block in parsed.blocks)
    alone = [block for block in parsed.blocks if number[block.key] == 1]
    for block in alone:
        if block.place is None:
            _refuses(
                data, {block.key: _other(data, block)}, f"the status of task '{block.key}' cannot be replaced in place"
            )
    editable = [block for block in alone if block.place is not None]
    if editable:
        _check_change(data, parsed, [editable[zlib.crc32(data) % len(editable)]])
        _check_change(data, parsed, editable)


def check_stamp(data: bytes) -> None:
    """Check that only UUIDs are added, or refused with a message; the same again adds nothing."""
    parsed = parse_workplan(PATH, data)
    number = Counter(block.key for block in parsed.blocks) if isinstance(parsed, Workplan) else Counter[str]()
    uuids = {key: str(uuid5(NAMESPACE_URL, key)) for key in number if number[key] == 1}
    workstream = str(uuid5(NAMESPACE_URL, PATH))
    try:
        stamped = stamp(PATH, data, workstream, uuids)
    except WriteIdsRefusedError as refused:
        demand(str(refused) and not has_control(str(refused)), "a refusal says why", str(refused))
        return
    demand(isinstance(parsed, Workplan), "only a workplan is stamped", parsed)
    _only_added(data, stamped.data)
    demand(repr(stamped.workplan) == repr(parse_workplan(PATH, stamped.data)), "the result is what the bytes say")
    for block in stamped.workplan.blocks:
        demand(block.uuid or number[block.key] > 1, "every task has a UUID then", block)
    demand(stamp(PATH, stamped.data, workstream, uuids).data == stamped.data, "the same stamp again adds nothing")


def check_memory(data: bytes) -> None:
    """Check that the ledger gives a workplan back as it was, with its places."""
    parsed = parse_workplan(PATH, data)
    if isinstance(parsed, Workplan):
        taken = {block.key: block.status for block in parsed.blocks}
        text = dump(ParsedWorkplan(parsed, taken, parsed.status))
        known = load(PATH, text)
        demand(repr(known.workplan) == repr(parsed), "the ledger gives the workplan back", known.workplan, parsed)
        demand((known.taken, known.taken_status) == (taken, parsed.status), "the ledger gives the statuses back", text)
        demand(text.isascii() and "\\u0000" not in text and json.loads(text), "any database takes the text", text)


def check_ends(data: bytes) -> None:
    """Check that neither CRLF nor a BOM changes the content; only the places of the statuses move."""
    if b"\r" in data or data.startswith((UTF8_BOM, *UTF16_BOMS)):
        return
    parsed = parse_workplan(PATH, data)
    marked, crlf = parse_workplan(PATH, UTF8_BOM + data), parse_workplan(PATH, data.replace(b"\n", b"\r\n"))
    demand(marked == parsed, "a BOM changes nothing", marked, parsed)
    demand(crlf == parsed, "CRLF changes nothing", crlf, parsed)


def check_fences(data: bytes) -> None:
    """Check that another reader of CommonMark finds the same task fences."""
    text = comparable(data.decode("utf-8", "replace"))
    if text is not None:
        ours, theirs = by_us(text), by_the_oracle(text)
        demand(ours == theirs, "task fences are those of CommonMark", ours, theirs)


def check_plain(data: bytes) -> None:
    """Check that the fast ways to read plain text and plain blocks find what the slow ways find."""
    text = "\n" + data.decode("utf-8", "replace")
    fences, others = find_commonmark_blocks(text, 0)
    plain = find_plain_blocks(text, 0)
    demand(plain in (None, (fences, others)), "plain text has the blocks of CommonMark", plain, fences, others)
    written = text.encode()
    for fence in fences:
        block = read_plain_block(fence, Lines(written))
        slow = read_any_block(fence, Lines(written), 0)
        demand(block is None or repr((block, ())) == repr(slow), "a plain block is that of YAML", block, slow)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse": check_parse,
    "edit": check_edit,
    "stamp": check_stamp,
    "memory": check_memory,
    "ends": check_ends,
    "fences": check_fences,
    "plain": check_plain,
}
"""All targets by name."""


def _is_id(text: str) -> bool:
    return bool(text) and text == text.strip() and id_error(text) is None


def _check_workplan(data: bytes, workplan: Workplan) -> None:
    demand(workplan.path == PATH, "the path is that of the file", workplan.path)
    demand(_is_id(workplan.key), "a workplan has an id", workplan.key)
    demand(workplan.status in WORKSTREAM_STATUSES, "a workplan has a status", workplan.status)
    demand(workplan.title, "a workplan has a title")
    demand(not any(map(has_control, workplan.mirrored)), "no field holds a control character", workplan.mirrored)
    _check_uuid(workplan.uuid)
    _check_line(data, workplan.line)


def _check_problems(data: bytes, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        demand(problem.code in CODES, "a problem has a code of the table", problem)
        demand(problem.message and not has_control(problem.message), "a message is one clean line", problem)
        demand(problem.task is None or _is_id(problem.task), "a problem's task can be named", problem)
        if problem.line is not None:
            _check_line(data, problem.line)
    demand(
        len({(each.code, each.discriminator, each.line) for each in problems}) == len(problems),
        "a problem is reported once",
    )


def _check_block(data: bytes, block: TaskBlock) -> None:
    demand(_is_id(block.key), "a task has an id", block)
    demand(block.status in TASK_STATUSES and block.priority in PRIORITIES, "status and priority are known words", block)
    demand(block.title and not has_control(block.title), "a title is one clean line", block)
    _check_uuid(block.uuid)
    _check_line(data, block.line)
    if block.place is not None:
        start, end = block.place
        written = data[start:end]
        demand(data.count(b"\n", 0, start) + 1 == block.line, "a place is in its line", block)
        demand(_said(written) == block.status, "a place has the bytes of its status", block, written)


def _check_uuid(uuid: str | None) -> None:
    demand(uuid is None or (is_uuid(uuid) and uuid == uuid.lower()), "a UUID is one in small letters", uuid)


def _check_line(data: bytes, line: int) -> None:
    last = data.count(b"\n") + (not data.endswith(b"\n"))
    demand(1 <= line <= max(last, 1), "a line is one of the file's", line, last)


def _said(written: bytes) -> object:
    """Return the status that these bytes hold; only double quotes need YAML."""
    if written[:1] == b'"':
        return yaml.safe_load(written)
    return written.decode().strip("'") if written[:1] == b"'" == written[-1:] else written.decode()


def _other(data: bytes, block: TaskBlock) -> str:
    """Choose a status that the block does not have by the bytes of the file."""
    others = [status for status in TASK_STATUSES if status != block.status]
    return others[(zlib.crc32(data) >> 8) % len(others)]


def _refuses(data: bytes, wanted: dict[str, str], words: str) -> None:
    try:
        edited = set_statuses(PATH, data, wanted)
    except EditRefusedError as refused:
        demand(str(refused).startswith(words), "a refusal says why", str(refused), words)
    else:
        raise BrokenPromiseError(f"this edit is refused: {words}: {wanted!r}: {edited.data!r}")


def _check_change(data: bytes, before: Workplan, changing: list[TaskBlock]) -> None:
    wanted = {block.key: _other(data, block) for block in changing}
    edited = set_statuses(PATH, data, wanted)
    demand(edited.data == _spliced(data, changing, wanted), "only the statuses' bytes change", edited.data)
    blocks = (replace(block, status=wanted.get(block.key, block.status)) for block in before.blocks)
    demand(
        edited.workplan == before._replace(blocks=tuple(blocks)), "only the statuses change", edited.workplan, before
    )
    demand(repr(edited.workplan) == repr(parse_workplan(PATH, edited.data)), "the result is what the bytes say")
    found = read_new_statuses(before, edited.data, data.__eq__)
    written = [(data[slice(*block.place)], block.status) for block in before.blocks if block.place]
    if len(edited.data) <= MAX_BODY and all(said.strip(b"'\"") == status.encode() for said, status in written):
        demand(found is not None, "statuses as they are usually written are read without parsing", edited.data)
    both = (edited.workplan, ParsedVersion(data, before))
    demand(found is None or repr(found) == repr(both), "new statuses read as parsed ones", found)
    demand(set_statuses(PATH, edited.data, wanted).data == edited.data, "the same edit again changes nothing")
    back = set_statuses(PATH, edited.data, {block.key: block.status for block in changing})
    demand(back.workplan == before, "the edit back gives the workplan as it was", back.workplan, before)
    usual = {block.key: block.status for block in changing}
    demand(back.data == _spliced(data, changing, usual), "the edit back gives the bytes as they were", back.data)


def _spliced(data: bytes, changing: list[TaskBlock], wanted: dict[str, str]) -> bytes:
    """Put the statuses into *data* from the end to the start. Quotes stay, escapes in them go."""
    for start, end, key in sorted(((*block.place, block.key) for block in changing if block.place), reverse=True):
        quote = data[start : start + 1] if data[start : start + 1] in (b"'", b'"') else b""
        data = data[:start] + quote + wanted[key].encode() + quote + data[end:]
    return data


def _only_added(before: bytes, after: bytes) -> None:
    """Check that every byte of *before* is in *after*, in the same order."""
    rest = iter(after)
    demand(all(byte in rest for byte in before), "no byte is lost or moved", after)
