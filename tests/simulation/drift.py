"""Findings tell of drift and of nothing else; and when all have come home, there is none."""

from __future__ import annotations

from tests.simulation.look import Clone, History, Look, Run
from tests.simulation.promise import promise
from tests.simulation.workplan import front, statuses

_OF_STATUS = {"C-11", "C-13", "C-15"}


def check(run: Run, after: Look) -> None:
    """Check that a finding is open if and only if there is drift, for the checkout that was looked at."""
    clone, hub = after.clones[run.host], after.hub
    mine = [noted for noted in hub.noted if noted.host == run.host]
    said, plans = clone.statuses, dict(front(data) for data in clone.plans.values())
    lost = hub.workstreams.keys() - plans.keys() - clone.doubles
    expected = {
        "status": {task for task in said.keys() & hub.tasks.keys() if said[task] != hub.tasks[task]}
        | {plan for plan in plans.keys() & hub.workstreams.keys() if plans[plan] != hub.workstreams[plan]},
        "C-07": plans.keys() - hub.workstreams.keys(),
        "C-08": lost - hub.finished,
        "C-27": lost & hub.finished,
        "C-09": {task for task in said.keys() - hub.tasks.keys() if _owner(clone, task) in hub.workstreams},
        "C-10": {task for task in hub.tasks.keys() - said.keys() if hub.owners[task] in plans},
    }
    for code, wanted in expected.items():
        codes = _OF_STATUS if code == "status" else {code}
        found = {noted.task or noted.workplan for noted in mine if noted.code in codes}
        # Of workplans that share an id nothing is known: what was open stays so.
        found -= {noted.task or noted.workplan for noted in mine if noted.workplan in clone.doubles}
        if code in ("C-08", "C-27"):  # Who has never had what no commit has does not miss it.
            found ^= (found ^ wanted) & hub.uncommitted
        promise(found == wanted, f"open {code} findings of {run.host} are of {found}, drift is of {wanted}")
    held = {noted.task for noted in mine if noted.code == "C-20" and noted.workplan not in clone.doubles}
    promise(held <= expected["status"], f"C-20 is open for {held}, which agree")
    is_empty = not any(path.startswith("workplans/") and path.endswith(".md") for path in clone.files)
    promise(("C-25" in {noted.code for noted in mine}) == is_empty, f"no file matches on {run.host}: {is_empty}")
    copies = {noted.file for noted in mine if noted.code == "C-04" and noted.file in clone.copies}
    promise(copies == clone.copies, f"the copies {copies} are named on {run.host}, and there are {clone.copies}")
    if run.converged:
        left = {code: found for code, found in expected.items() if code != "C-27"}
        left["C-08"] = left["C-08"] - hub.uncommitted
        promise(not any(left.values()), f"the run says converged, and there is {left}")


def agreed(history: History, look: Look) -> None:
    """Check that all agree at the end: one history, one set of files, and the hub has the same."""
    tip = look.tip
    for host, clone in look.clones.items():
        promise(clone.head == tip, f"{host} stands at {clone.head[:7]}, origin at {tip[:7]}")
        promise(clone.index == history.commit(tip).files, f"something is staged on {host}")
        dirty = {path for path, blob in clone.index.items() if clone.names.get(path) != blob}
        promise(not dirty, f"{dirty} are not committed on {host}")
        differing = {
            task: (status, look.hub.tasks.get(task))
            for task, status in clone.statuses.items() if look.hub.tasks.get(task) != status
        }  # fmt: skip
        promise(not differing, f"files of {host} and hub differ: {differing}")
    # Blocks and workplans that are gone, and the status of a workplan, are for people to put right.
    standing = {
        noted for noted in look.hub.noted
        if noted.code not in ("C-08", "C-10", "C-25", "C-27") and (noted.task or noted.code not in _OF_STATUS)
    }  # fmt: skip
    promise(not standing, "findings stay open:", standing)


def _owner(clone: Clone, task: str) -> str:
    return next((front(data)[0] for data in clone.plans.values() if task in statuses(data)), "")
