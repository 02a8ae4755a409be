"""The table of check codes (design, "Check codes"): docs, admin and reports read it from here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum, auto
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is; ordered by `SEVERITIES`."""

    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"


SEVERITIES: tuple[Severity, ...] = (Severity.INFO, Severity.WARN, Severity.FAIL)


class Kind(Enum):
    """The kind of a finding."""

    FAULT = auto()  # A person must fix something.
    DRIFT = auto()  # Files and hub differ.
    WRITEBACK = auto()  # They differ, and the hub's status belongs into the file.
    GATE = auto()  # The whole checkout is held back; C-14 only if it names no file.
    NOTE = auto()  # Nothing to do: reported once.


class Scope(Enum):
    """The work of a run that shows that a finding is over. From FILE on, each includes the ones before it."""

    CHECKOUT = auto()  # Found the checkout.
    STATE = auto()  # Read the checkout's state.
    REMOTE = auto()  # Got an answer from the remote.
    FILE = auto()  # Looked for the file and read it.
    WORKPLAN = auto()  # Found out which workplan it is.
    BLOCK = auto()  # Read the block.
    HUB = auto()  # Compared that with the hub.


class Code(NamedTuple):
    """One row of the table: the meaning of a code and the remedy.

    `messages` names the modules below `consistency` that write its message.
    """

    id: str
    severity: Severity
    kind: Kind
    scope: Scope
    messages: tuple[str, ...]
    title: str
    remedy: str


CODES: dict[str, Code] = {}


def _code(code: str, severity: Severity, kind: Kind, scope: Scope, messages: str, title: str, remedy: str) -> str:
    """Add a row to the table and return its code. *messages* are the module names, with blanks between them."""
    CODES[code] = Code(code, severity, kind, scope, tuple(messages.split()), title, remedy)
    return code


# fmt: off
NO_CHECKOUT = _code("C-01", Severity.FAIL, Kind.FAULT, Scope.CHECKOUT, "runs.run",
    "Checkout is missing or not a git work tree",
    "Clone the repo there again, register its new place (register_repo PATH), "
    "or retire it (retire_checkout PATH).")
UNREADABLE_FILE = _code("C-02", Severity.FAIL, Kind.FAULT, Scope.FILE, "core.workplan.parse runs.scan lint.checks",
    "Workplan cannot be read",
    "Fix the file as the message says; until then it is skipped.")
INVALID_FRONT_MATTER = _code("C-03", Severity.FAIL, Kind.FAULT, Scope.FILE, "core.workplan.parse",
    "Front matter field missing or invalid",
    "Give the front matter its id, title and status; the message names the field.")
SHARED_WORKPLAN_ID = _code("C-04", Severity.FAIL, Kind.FAULT, Scope.WORKPLAN, "core.comparison.workplans",
    "Two workplans share an id",
    "Give one of the two another id; neither is touched until then. A copy that git does not track is left out.")
INVALID_BLOCK = _code("C-05", Severity.FAIL, Kind.FAULT, Scope.BLOCK, "core.workplan.taskblock",
    "Task block is invalid",
    "Fix the block on the line named; the file's other blocks are still processed.")
SHARED_TASK_ID = _code("C-06", Severity.FAIL, Kind.FAULT, Scope.BLOCK, "core.comparison.tasks",
    "Two task blocks share an id",
    "Give one of the two another id; neither is touched until then.")
NEW_WORKPLAN = _code("C-07", Severity.WARN, Kind.DRIFT, Scope.HUB, "core.comparison.workplans",
    "Workplan is not in the hub",
    "Run fix_consistency: it creates the workstream and its tasks.")
WORKPLAN_GONE = _code("C-08", Severity.WARN, Kind.DRIFT, Scope.FILE, "core.comparison.workplans",
    "Workplan is gone from the checkout",
    "Put the file back (git log -- FILE finds its last commit). If its work is over, set the tasks that are open "
    "to done or cancelled: then C-27 says so once.")
NEW_TASK = _code("C-09", Severity.WARN, Kind.DRIFT, Scope.HUB, "core.comparison.tasks",
    "Task is not in the hub",
    "Run fix_consistency: it creates the task.")
BLOCK_GONE = _code("C-10", Severity.WARN, Kind.DRIFT, Scope.HUB, "core.comparison.tasks",
    "Task block is gone from its workplan",
    "Put the block back. If it was removed on purpose, and that is committed and pushed, an admin can delete the "
    "task; until then it may come back.")
FILE_AHEAD = _code("C-11", Severity.WARN, Kind.DRIFT, Scope.HUB, "core.comparison.status_rule",
    "File is ahead of the hub",
    "Run fix_consistency: the hub advances to the file's status.")
FIELD_DIFFERS = _code("C-12", Severity.WARN, Kind.DRIFT, Scope.HUB,
    "core.comparison.workplans core.comparison.tasks core.workplan.parse core.workplan.taskblock",
    "Title, priority, owner or another mirrored field differs",
    "Run fix_consistency: the hub takes the file's value. If YAML cuts a value off, put it in quotes.")
HUB_AHEAD = _code("C-13", Severity.WARN, Kind.WRITEBACK, Scope.HUB, "core.comparison.status_rule lint.checks",
    "Hub is ahead of the file",
    "Run fix_consistency: it writes the hub's status into the file; the hub stays as it is.")
BEHIND = _code("C-14", Severity.WARN, Kind.GATE, Scope.STATE, "core.comparison.gates runs.run",
    "Checkout is behind its remote, or a workplan has uncommitted changes",
    "Pull (git pull --ff-only), or commit the workplan, then run the fix again.")
REOPENED = _code("C-15", Severity.WARN, Kind.WRITEBACK, Scope.HUB, "core.comparison.status_rule",
    "Task was reopened in the hub",
    "Run fix_consistency: it writes the reopened status into the file.")
WRITEBACK_FAILED = _code("C-16", Severity.WARN, Kind.FAULT, Scope.HUB, "runs.run core.finding",
    "Writeback was not possible",
    "Resolve the error that git reports; the file is unchanged and the next run tries again. A proposal waits until "
    "a person merges it.")
UUID_TAKEN = _code("C-17", Severity.FAIL, Kind.FAULT, Scope.BLOCK,
    "core.comparison.workplans core.comparison.tasks core.comparison.arrivals",
    "The file's UUID belongs to something else in the hub",
    "Take the copied UUID out of the block or front matter; if the workplan has moved, run its old repo first.")
WRONG_BRANCH = _code("C-18", Severity.WARN, Kind.GATE, Scope.STATE, "core.comparison.gates",
    "Checkout is not on the repo's branch",
    "Switch back to the repo's branch, or run the fix with --any-branch.")
WORKPLANS_MISSING = _code("C-19", Severity.FAIL, Kind.GATE, Scope.HUB, "core.comparison.gates",
    "Most workplans of the checkout are suddenly gone",
    "Look at branch, sparse checkout and disk; if they were really removed, run the fix with --allow-missing.")
FLAPPING = _code("C-20", Severity.FAIL, Kind.FAULT, Scope.HUB, "core.comparison.flapping",
    "Task goes back and forth",
    "Decide: bring hub and file to the same status (set_task_status, reopen_task, or edit the file).")
GIT_IN_PROGRESS = _code("C-21", Severity.WARN, Kind.GATE, Scope.STATE, "core.comparison.gates",
    "git is in the middle of something",
    "Finish or abort git's operation (git status says how), then run the fix again.")
WRONG_ORIGIN = _code("C-22", Severity.WARN, Kind.GATE, Scope.REMOTE, "core.comparison.gates",
    "The repo's branch is gone from its origin, or the clone comes from elsewhere",
    "Follow a renamed branch or a moved origin as the message says, then register_repo PATH; "
    "if another repository is there now, retire_checkout PATH first.")
UNREAD_FILE = _code("C-23", Severity.WARN, Kind.FAULT, Scope.FILE, "core.comparison.workplans core.workplan.parse",
    "A workplan exists, but is not read",
    "Do what the message says; until then the hub keeps the workplan and its tasks as they are.")
UNREAD_BLOCK = _code("C-24", Severity.WARN, Kind.FAULT, Scope.BLOCK, "core.workplan.parse",
    "Block looks like a task and is not read as one",
    "Write its fence as the message says; if it is only an example, give it another id.")
NO_MATCH = _code("C-25", Severity.WARN, Kind.FAULT, Scope.HUB, "core.comparison.unmatched",
    "Nothing matches the repo's workplan pattern",
    "Write a first workplan, or correct the pattern: register_repo PATH --workplans GLOB.")
UNREACHABLE = _code("C-26", Severity.WARN, Kind.FAULT, Scope.REMOTE, "core.comparison.reachability",
    "The remote has not answered for a long time",
    "Check the address, the network and the credentials: git fetch in the checkout says more.")
FINISHED_WORKPLAN_GONE = _code("C-27", Severity.INFO, Kind.NOTE, Scope.FILE, "core.comparison.workplans",
    "A workplan whose work is finished has left the checkout",
    "Nothing: its tasks stay in the hub, all of them done or cancelled.")
BAD_DEPENDENCY = _code("C-28", Severity.WARN, Kind.FAULT, Scope.HUB, "core.comparison.dependencies",
    "A task depends on an unknown task, or on itself",
    "Correct the ids in 'depends' (SLUG/ID for another repo), or take one out of the circle.")
UNANNOUNCED = _code("C-29", Severity.WARN, Kind.FAULT, Scope.REMOTE, "core.comparison.reachability",
    "Polling found a push that no webhook announced",
    "Look at the webhook's last deliveries on the forge; manage.py webhook SLUG --rotate gives it a new secret.")
# fmt: on

_WRITEBACK_REMEDIES = {
    "propose": "With the writeback 'propose', a fix of the hub's own clone proposes the hub's status: merge the "
    "proposal that C-16 names there.",
    "off": "With the writeback 'off', the hub writes no file: set the status in the file to the hub's, or the hub's to "
    "that of the file (set_task_status, reopen_task).",
}
"""The remedies of a writeback, if `Repo.writeback` lets a fix write no file on the repo's branch."""

_WORKPLAN_REMEDY = "The hub never writes a workplan's own status: set it in the front matter."
"""The remedy of a writeback that is about a workplan and not about one of its tasks."""


def find_remedy(code: str, writeback: str, task: str | None) -> str:
    """Return what to do about a finding of *code*, in a repo with this `writeback`; *task* is empty if it has none."""
    known = CODES[code]
    if known.kind is not Kind.WRITEBACK:
        return known.remedy
    return _WRITEBACK_REMEDIES.get(writeback, known.remedy) if task else _WORKPLAN_REMEDY


def collect_remedies(findings: Iterable[tuple[str, str, str | None]]) -> dict[str, str]:
    """Return by code, in their order, what to do about *findings*, each as `find_remedy` takes it."""
    found: dict[str, dict[str, None]] = {}
    for code, writeback, task in findings:
        found.setdefault(code, {})[find_remedy(code, writeback, task)] = None
    return {code: " ".join(sorted(found[code])) for code in sorted(found)}


def codes_of(kind: Kind) -> tuple[str, ...]:
    """List the codes of *kind* in the order of the table."""
    return tuple(code.id for code in CODES.values() if code.kind is kind)


STATUS_CODES = (FILE_AHEAD, *codes_of(Kind.WRITEBACK))
"""The codes of a status that differs."""

GONE_WORKPLAN_CODES = (WORKPLAN_GONE, FINISHED_WORKPLAN_GONE)
"""The codes of a workplan that has left the checkout."""
