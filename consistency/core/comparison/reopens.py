"""Decides whether the status in a file is older than the reopen of its task: then the reopen holds."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple


class Age(StrEnum):
    """How a statement relates to a reopen: older, newer, or not known."""

    OLD = "old"
    NEWS = "news"
    UNKNOWN = "unknown"


class Statement(NamedTuple):
    """A status of the task that the hub knew of when the task was reopened: the same one as the file's.

    `commit` brought it and was authored then (in seconds); '' and None for a file that no commit had, or if it
    is not known. `digest` is that of the whole file.
    """

    commit: str = ""
    authored: int | None = None
    digest: str = ""


class Evidence(NamedTuple):
    """A reopen at the time `at`, in seconds.

    `own` are the commits that the hub made in the repo, `later` those of them that wrote the task after the reopen.
    """

    at: float
    statements: Collection[Statement] = ()
    own: Collection[str] = ()
    later: Collection[str] = ()


class Bringing(NamedTuple):
    """The commit that brought the file's status, or the work tree if no commit has it yet (`commit` is '' then).

    `ancestors` are it and those below it (of the work tree: HEAD and those below), as far as the evidence names them.
    `known`: it is a commit that the hub had taken by then, or an ancestor of one. `again`: the file had been the same
    before, and another in between. `cut`: this clone's history ends somewhere; `complete`: it does not, and has all
    commits that the hub had taken by then.
    """

    commit: str = ""
    authored: int | None = None
    digest: str = ""
    ancestors: Collection[str] = ()
    known: bool = False
    again: bool = False
    cut: bool = False
    complete: bool = True


def age_of(bringing: Collection[Bringing], evidence: Evidence) -> Age:
    """Return the age of a status that all of *bringing* brought, on branches that were merged; unknown for none.

    | the first that is true of the commit | the status is |
    | --- | --- |
    | it is not known which one it is | unknown |
    | the hub made it, or had taken it or a descendant by the time of the reopen | old |
    | it has the author date of a statement that the hub knew: made again by rebase, amend or cherry-pick | old |
    | it has the file of such a statement: made again by squash, or committed since | old |
    | the hub's own commit after the reopen is below it | news |
    | no commit has it yet | news |
    | the clone's history has holes, and it is dated before the reopen | unknown |
    | anything else | news |

    A statement was not made again if it is itself below, or if the file was another in between: then someone has
    stated it once more. Dates decide alone only if there is no other evidence.
    """
    ages = {_age(each, evidence) for each in bringing}
    for age in (Age.NEWS, Age.UNKNOWN, Age.OLD):
        if age in ages:
            return age
    return Age.UNKNOWN


def _age(bringing: Bringing, evidence: Evidence) -> Age:
    if bringing.known or (bringing.commit and bringing.commit in evidence.own):
        return Age.OLD
    later = not set(bringing.ancestors).isdisjoint(evidence.later)
    # If history is cut off, the statement may be below the writeback, out of sight: then it was not made again.
    if not (later and bringing.cut) and _has_date_of_statement(bringing, evidence):
        return Age.OLD
    if not later and _has_file_of_statement(bringing, evidence):
        return Age.OLD
    if later or not bringing.commit:
        return Age.NEWS
    return Age.NEWS if bringing.complete or _is_dated_after(bringing, evidence) else Age.UNKNOWN


def _has_date_of_statement(bringing: Bringing, evidence: Evidence) -> bool:
    return bringing.authored is not None and any(
        statement.authored == bringing.authored and statement.commit not in bringing.ancestors
        for statement in evidence.statements
    )


def _has_file_of_statement(bringing: Bringing, evidence: Evidence) -> bool:
    if not bringing.digest or bringing.again:
        return False
    # In a shallow clone the statement may be below, out of sight: then the date must do.
    if bringing.cut and _is_dated_after(bringing, evidence):
        return False
    return any(
        statement.digest == bringing.digest and statement.commit not in bringing.ancestors
        for statement in evidence.statements
    )


def _is_dated_after(bringing: Bringing, evidence: Evidence) -> bool:
    return bringing.authored is not None and bringing.authored > evidence.at
