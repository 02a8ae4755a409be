"""The table of check codes (design, "Check codes"): docs, admin and reports read it from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; ordered by `SEVERITIES`."""

    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"


SEVERITIES: tuple[Severity, ...] = (Severity.INFO, Severity.WARN, Severity.FAIL)


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table: what a code means and what a person does about it."""

    id: str
    severity: Severity
    title: str
    remedy: str


_TABLE = (
    Code("C-01", Severity.FAIL, "Checkout is missing or not a git work tree",
         "Clone the repo there again, register its new place (register_repo PATH), "
         "or retire it (retire_checkout PATH)."),
    Code("C-02", Severity.FAIL, "Workplan cannot be read",
         "Fix the file as the message says; until then it is skipped."),
    Code("C-03", Severity.FAIL, "Front matter field missing or invalid",
         "Give the front matter its id, title and status; the message names the field."),
    Code("C-04", Severity.FAIL, "Two workplans share an id",
         "Give one of the two another id; neither is touched until then. A copy that git does not track is left out."),
    Code("C-05", Severity.FAIL, "Task block is invalid",
         "Fix the block on the line named; the file's other blocks are still processed."),
    Code("C-06", Severity.FAIL, "Two task blocks share an id",
         "Give one of the two another id; neither is touched until then."),
    Code("C-07", Severity.WARN, "Workplan is not in the hub",
         "Run fix_consistency: it creates the workstream and its tasks."),
    Code("C-08", Severity.WARN, "Workplan is gone from the checkout",
         "Put the file back (git log -- FILE finds its last commit). If its work is over, set the tasks that are open "
         "to done or cancelled: then C-27 says so once."),
    Code("C-09", Severity.WARN, "Task is not in the hub",
         "Run fix_consistency: it creates the task."),
    Code("C-10", Severity.WARN, "Task block is gone from its workplan",
         "Put the block back. If it was removed on purpose, and that is committed and pushed, an admin can delete the "
         "task; until then it may come back."),
    Code("C-11", Severity.WARN, "File is ahead of the hub",
         "Run fix_consistency: the hub advances to the file's status."),
    Code("C-12", Severity.WARN, "Title, priority, owner or another mirrored field differs",
         "Run fix_consistency: the hub takes the file's value. If YAML cuts a value off, put it in quotes."),
    Code("C-13", Severity.WARN, "Hub is ahead of the file",
         "Run fix_consistency: it writes the hub's status into the file; the hub stays as it is."),
    Code("C-14", Severity.WARN, "Checkout is behind its remote, or a workplan has uncommitted changes",
         "Pull (git pull --ff-only), or commit the workplan, then run the fix again."),
    Code("C-15", Severity.WARN, "Task was reopened in the hub",
         "Run fix_consistency: it writes the reopened status into the file."),
    Code("C-16", Severity.WARN, "Writeback was not possible",
         "Resolve the error that git reports; the file is unchanged and the next run tries again."),
    Code("C-17", Severity.FAIL, "The file's UUID belongs to something else in the hub",
         "Take the copied UUID out of the block or front matter; if the workplan has moved, run its old repo first."),
    Code("C-18", Severity.WARN, "Checkout is not on the repo's branch",
         "Switch back to the repo's branch, or run the fix with --any-branch."),
    Code("C-19", Severity.FAIL, "Most workplans of the checkout are suddenly gone",
         "Look at branch, sparse checkout and disk; if they were really removed, run the fix with --allow-missing."),
    Code("C-20", Severity.FAIL, "Task goes back and forth",
         "Decide: bring hub and file to the same status (set_task_status, reopen_task, or edit the file)."),
    Code("C-21", Severity.WARN, "git is in the middle of something",
         "Finish or abort git's operation (git status says how), then run the fix again."),
    Code("C-22", Severity.WARN, "The repo's branch is gone from its origin, or the clone comes from elsewhere",
         "Follow a renamed branch or a moved origin as the message says, then register_repo PATH; "
         "if another repository is there now, retire_checkout PATH first."),
    Code("C-23", Severity.WARN, "A workplan exists, but is not read",
         "Do what the message says; until then the hub keeps the workplan and its tasks as they are."),
    Code("C-24", Severity.WARN, "Block looks like a task and is not read as one",
         "Write its fence as the message says; if it is only an example, give it another id."),
    Code("C-25", Severity.WARN, "Nothing matches the repo's workplan pattern",
         "Write a first workplan, or correct the pattern: register_repo PATH --workplans GLOB."),
    Code("C-26", Severity.WARN, "The remote has not answered for a long time",
         "Check the address, the network and the credentials: git fetch in the checkout says more."),
    Code("C-27", Severity.INFO, "A workplan whose work is finished has left the checkout",
         "Nothing: its tasks stay in the hub, all of them done or cancelled."),
)  # fmt: skip

CODES: dict[str, Code] = {code.id: code for code in _TABLE}


def severity_of(code: str) -> Severity:
    """The table's severity of *code*. Raises KeyError for an unknown code."""
    return CODES[code].severity
