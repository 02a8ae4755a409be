"""stamp_ids: the hub's UUIDs come into the files, and a hub rebuilt from them is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from consistency.git.atomicfile import TEMPORARY
from consistency.git.lock import locked
from consistency.git.worktree import find_worktree
from statehub.models import Repo, StatusChange, Task, Workstream
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.samples import T01, T02
from testing.workplans import task, workplan
from tests.cli.helpers import FILE, TEXT, check, edit, findings, fix, hub_rows, mirrored, publish, rows, run, tree

pytestmark = pytest.mark.usefixtures("hub")
OTHER = "workplans/b.md"
UUID = "0b7f7a0e-3f6c-4a53-9d1e-8f0f6a1c2d3e"
SUBJECT = "chore(consistency): stamp ids of workstreams and tasks [auto]"


def stamp(*args: str | Path) -> Ended:
    return run("stamp_ids", "clone", *args)


def ended(clone: Clone, said: str, *left: str) -> Ended:
    """Return the output of a run that leaves alone the things that the sentences *left* are about."""
    return Ended(int(bool(left)), f"{clone.path}: {said}\n", "".join(f"{clone.path}: {line}\n" for line in left))


def ids() -> dict[str, str]:
    """Return the id that people write → UUID, of all there is in the hub."""
    found = [*Workstream.objects.values_list("key", "pk"), *Task.objects.values_list("key", "pk")]
    return {key: str(pk) for key, pk in found}


def line_of(key: str) -> str:
    name = "state_hub_task_id" if "-T" in key else "state_hub_workstream_id"
    return f'{name}: "{ids()[key]}"'


def stamped(text: str = TEXT, tasks: tuple[str, ...] = (T01, T02)) -> str:
    """Return *text*, of a WP-1 with blocks that end with the status, with the UUIDs of workstream and *tasks*."""
    front, end, body = text[4:].partition("---\n")
    text = f"---\n{front}{line_of('WP-1')}\n{end}{body}"
    for key in tasks:
        head, fence, rest = text.partition(f"id: {key}\n")
        text = head + fence + rest.replace("```", f"{line_of(key)}\n```", 1)
    return text


def test_files_are_stamped_and_nothing_else_in_them_changes(clone: Clone) -> None:
    mirrored(clone)
    before = hub_rows()
    assert stamp() == ended(clone, "stamped 1 workstream and 2 tasks in 1 file, not committed yet")
    assert clone.read(FILE).decode() == stamped()
    assert (clone.status(), hub_rows()) == ([f" M {FILE}"], before)
    assert stamp() == ended(clone, "nothing to stamp")
    assert clone.read(FILE).decode() == stamped()


def test_check_and_fix_agree_with_what_was_stamped(clone: Clone) -> None:
    mirrored(clone)
    head, before = clone.head, rows(Repo, Workstream, Task, StatusChange)
    stamp()
    assert findings(check("clone")) == []
    after = tree(clone)
    for _ in range(2):
        assert findings(fix("clone")) == []
    assert (tree(clone), clone.head, rows(Repo, Workstream, Task, StatusChange)) == (after, head, before)
    run("set_task_status", T01, "done")
    publish(clone)
    assert [each["action"] for each in findings(fix("clone"))] == ["written_back"]
    assert clone.read(FILE).decode() == stamped(TEXT.replace("status: todo", "status: done"))


def test_hub_made_anew_from_stamped_files_is_the_same(clone: Clone) -> None:
    files = {FILE: TEXT, OTHER: workplan("WP-2", [("T01", "done"), {"id": "T02", "priority": "high"}], owner="me")}
    mirrored(clone, files)
    run("set_task_status", T02, "done")
    assert fix("clone").exit == 0
    assert stamp("--commit").exit == 0
    clone.push()
    columns = ("pk", "key", "title", "status")
    before = [list(model.objects.order_by("pk").values_list(*columns)) for model in (Workstream, Task)]
    assert [len(each) for each in before] == [2, 4]
    Repo.objects.all().delete()
    assert run("register_repo", clone.path).exit == 0
    assert fix("clone").exit == 0
    assert [list(model.objects.order_by("pk").values_list(*columns)) for model in (Workstream, Task)] == before
    assert findings(check("clone")) == []


def test_every_style_keeps_its_own(clone: Clone) -> None:
    flow = "### Flow\n\n- ```task\n  {id: WP-1-T01, status: todo} # c\n  ```\n"
    quoted = "### Quoted\n\n~~~task\n'id': 'WP-1-T02' # c\nstatus: \"todo\"   # d\nnotes: |\n  text\n~~~\n"
    text = "\ufeff" + workplan("WP-1", [flow, quoted], owner="me # c").replace("\n", "\r\n")
    mirrored(clone, {FILE: text})
    assert stamp() == ended(clone, "stamped 1 workstream and 2 tasks in 1 file, not committed yet")
    expected = text.replace("me # c\r\n", f"me # c\r\n{line_of('WP-1')}\r\n")
    expected = expected.replace("todo}", f"todo, {line_of(T01)}}}").replace(
        "  text\r\n", f"  text\r\n{line_of(T02)}\r\n"
    )
    assert clone.read(FILE).decode() == expected
    assert findings(check("clone")) == []


def test_uuid_that_is_there_stays(clone: Clone) -> None:
    text = workplan("WP-1", [("T01", "todo"), {"id": "T02", "state_hub_task_id": UUID}], state_hub_workstream_id="")
    mirrored(clone, {FILE: text})
    edit(clone, UUID, UUID.upper())
    publish(clone)
    assert stamp() == ended(clone, "stamped 1 workstream and 1 task in 1 file, not committed yet")
    filled = text.replace("state_hub_workstream_id: \n", f"{line_of('WP-1')} \n").replace(UUID, UUID.upper())
    assert clone.read(FILE).decode() == filled.replace("status: todo\n", f"status: todo\n{line_of(T01)}\n", 1)
    assert ids()[T02] == UUID


def test_uncommitted_file_is_left_alone(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, OTHER: workplan("WP-2")})
    clone.write(FILE, f"{TEXT}\nMore.\n")
    before = tree(clone)[2][str(clone.path / FILE)]
    said = f"{FILE}: workplan has uncommitted changes — skipping stamping"
    assert stamp("--commit") == ended(clone, f"stamped 1 workstream in 1 file, as commit {clone.head[:7]}", said)
    assert (clone.read(FILE), clone.status()) == (before, [f" M {FILE}"])
    assert stamp() == ended(clone, "nothing was stamped", said)


def test_what_the_hub_does_not_know_is_left_to_a_fix(clone: Clone) -> None:
    mirrored(clone)
    clone.write(FILE, TEXT + task("WP-1-T03"))
    clone.write(OTHER, workplan("WP-2", [("T01", "todo")]))
    publish(clone)
    assert stamp() == ended(
        clone, "stamped 1 workstream and 2 tasks in 1 file, not committed yet",
        f"{FILE}: the hub does not know task 'WP-1-T03' yet; run fix_consistency clone first",
        f"{OTHER}: the hub does not know the workplan yet; run fix_consistency clone first",
    )  # fmt: skip
    assert clone.read(FILE).decode() == stamped() + task("WP-1-T03")
    publish(clone)
    fix("clone")
    assert stamp() == ended(clone, "stamped 1 workstream and 2 tasks in 2 files, not committed yet")
    assert clone.read(FILE).decode() == stamped(TEXT + task("WP-1-T03"), (T01, T02, "WP-1-T03"))


def test_what_is_in_doubt_is_left_alone(clone: Clone) -> None:
    files = {
        FILE: TEXT,
        OTHER: workplan("WP-2"),
        "workplans/c.md": workplan("WP-3"),
        "workplans/d.md": workplan("WP-4"),
    }
    mirrored(clone, files)
    clone.write(FILE, TEXT + task(T02) + task("WP-1-T09", "nope"))
    clone.write("workplans/c.md", workplan("WP-2"))
    clone.write("workplans/d.md", workplan("WP-4", state_hub_workstream_id=ids()["WP-1"]))
    publish(clone)
    about = "is about is left alone; check_consistency clone says more"
    assert stamp() == ended(
        clone, "stamped 1 workstream and 1 task in 1 file, not committed yet",
        f"{FILE}: what C-05, C-06 {about}", f"{OTHER}: what C-04 {about}", f"workplans/c.md: what C-04 {about}",
        f"workplans/d.md: what C-17 {about}",
    )  # fmt: skip
    assert clone.read(FILE).decode() == stamped(TEXT, (T01,)) + task(T02) + task("WP-1-T09", "nope")
    assert clone.status() == [f" M {FILE}"]


def test_block_that_takes_no_more_is_left_alone(clone: Clone) -> None:
    odd = "### Odd\n\n```task\nid: WP-1-T03\nstatus: todo\nstate_hub_task_id: |\n```\n"
    mirrored(clone, {FILE: TEXT + odd})
    by_hand = f"add it by hand ({ids()['WP-1-T03']})"
    left = f"task 'WP-1-T03' cannot be given a state_hub_task_id in its current form; {by_hand}"
    assert stamp() == ended(
        clone, "stamped 1 workstream and 2 tasks in 1 file, not committed yet", f"{FILE}: {left}"
    )  # fmt: skip
    assert clone.read(FILE).decode() == stamped() + odd
    publish(clone)
    assert stamp("--commit") == ended(clone, "nothing was stamped", f"{FILE}: {left}")


def test_front_matter_that_takes_no_more_is_left_alone(clone: Clone) -> None:
    mirrored(clone, {FILE: workplan("WP-1", [("T01", "todo")], state_hub_workstream_id="|"), OTHER: workplan("WP-2")})
    by_hand = f"add it by hand ({ids()['WP-1']})"
    left = f"the front matter cannot be given a state_hub_workstream_id in its current form; {by_hand}"
    said = "stamped 1 workstream in 1 file, not committed yet"
    assert stamp() == ended(clone, said, f"{FILE}: {left}")
    assert clone.status() == [f" M {OTHER}"]


def test_file_that_cannot_be_replaced(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, "plan/workplans/c.md": workplan("WP-3"), OTHER: workplan("WP-2")})
    Repo.objects.update(workplans="**/workplans/*.md")
    fix("clone")
    (clone.path / "workplans" / TEMPORARY).mkdir()
    refused = stamp()
    assert (refused.exit, refused.stdout) == (
        1, f"{clone.path}: stamped 1 workstream in 1 file, not committed yet\n"
    )  # fmt: skip
    assert [line.partition(": the file cannot be written: ")[0] for line in refused.stderr.splitlines()] == [
        f"{clone.path}: {FILE}", f"{clone.path}: {OTHER}"
    ]  # fmt: skip
    assert clone.status() == [" M plan/workplans/c.md"]


def test_commit_holds_the_stamped_files_alone(clone: Clone) -> None:
    mirrored(clone, {OTHER: workplan("WP-2", [("T01", "todo")]), FILE: TEXT})
    parent = clone.commit("Long ago", date="2001-02-03T04:05:06+0100")
    clone.push()
    clone.write("staged.txt", "mine\n")
    clone.git("add", "staged.txt")
    assert stamp("--commit") == ended(
        clone, f"stamped 2 workstreams and 3 tasks in 2 files, as commit {clone.head[:7]}"
    )
    shown = clone.git("show", "--format=%P|%an <%ae> %at|%cn <%ce> %ct|%B", "--name-only", "HEAD")
    who = "State Hub <state-hub@localhost> 981169506"
    body = f"{SUBJECT}\n\n- {FILE}: 1 workstream and 2 tasks\n- {OTHER}: 1 workstream and 1 task\n"
    assert shown == f"{parent}|{who}|{who}|{body}\n\n{FILE}\n{OTHER}"
    assert clone.status() == ["A  staged.txt"]
    assert stamp("--commit") == ended(clone, "nothing to stamp")


def test_two_clones_make_the_same_commit(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    run("register_repo", other.path)
    head = clone.head
    said = "stamped 1 workstream and 2 tasks in 1 file, as commit"
    both = stamp("--commit")
    assert clone.head == other.head != head
    lines = sorted(f"{each.path}: {said} {clone.head[:7]}\n" for each in (clone, other))
    assert (both.exit, sorted(both.stdout.splitlines(keepends=True)), both.stderr) == (0, lines, "")
    clone.push()
    other.pull()
    assert other.log() == [SUBJECT, "Plan", "Start"]


def test_commit_refused_by_a_hook_changes_no_file(clone: Clone, settings: Settings) -> None:
    settings.STATEHUB_COMMIT_HOOKS = True
    mirrored(clone)
    hook = clone.write(".git/hooks/pre-commit", "#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    before = tree(clone)
    refused = stamp("--commit")
    assert (refused.exit, refused.stdout) == (1, f"{clone.path}: nothing was stamped\n")
    assert "not today" in refused.stderr
    assert tree(clone) == before


def test_checkout_behind_its_remote(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    other.write("more.txt", "more\n")
    publish(other)
    before = tree(clone)
    words = "Repo 'clone' is behind remote — pull before fixing to avoid clobbering remote progress"
    assert stamp("--commit") == Ended(2, "", f"error: {clone.path}: {words}\n")
    assert tree(clone) == before


def test_checkout_on_another_branch(clone: Clone) -> None:
    mirrored(clone)
    Repo.objects.update(branch="main")
    clone.git("switch", "--quiet", "--create", "mine")
    words = "Repo 'clone' is on branch 'mine', not on 'main' — nothing is written (--any-branch lifts this)"
    assert stamp() == Ended(2, "", f"error: {clone.path}: {words}\n")
    assert clone.status() == []
    assert stamp("--any-branch").exit == 0
    assert clone.read(FILE).decode() == stamped()


def test_checkout_in_the_middle_of_something(clone: Clone) -> None:
    mirrored(clone)
    clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
    words = "Repo 'clone': a merge is in progress — nothing is written; finish or abort it"
    assert stamp() == Ended(2, "", f"error: {clone.path}: {words}\n")
    assert clone.read(FILE).decode() == TEXT


def test_another_run_at_work(clone: Clone) -> None:
    mirrored(clone)
    words = f"another run is working on {clone.path}; try again when it has ended"
    with locked(find_worktree(str(clone.path))):
        assert stamp() == Ended(2, "", f"error: {clone.path}: {words}\n")
    assert stamp().exit == 0


def test_gone_checkout_does_not_stop_the_others(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    run("register_repo", other.path)
    clone.path.rename(clone.path.with_name("elsewhere"))
    said = f"{other.path}: stamped 1 workstream and 2 tasks in 1 file, not committed yet\n"
    assert stamp() == Ended(2, said, f"error: {clone.path}: {clone.path} is not there\n")


def test_repo_that_is_unknown(hub: Hub) -> None:
    line = "error: no repo 'clone' in the hub (known: none yet); register_repo PATH makes one known\n"
    assert hub.manage("stamp_ids", "clone") == Ended(2, "", line)


def test_command_as_a_process(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    assert hub.manage("stamp_ids", "clone") == ended(
        clone, "stamped 1 workstream and 2 tasks in 1 file, not committed yet"
    )  # fmt: skip
    assert clone.read(FILE).decode() == stamped()
