"""Moves of a task's status: forward, back on purpose, and by several at once."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.transitions import (
    Actor,
    StatusRegressionError,
    TaskChangedError,
    TaskFinishedError,
    TaskNotFoundError,
    TaskTakenError,
    Transition,
    TransitionError,
    TransitionsRefusedError,
    _write,
    advance,
    make_transitions,
    reopen,
    take,
    update_status,
)

ME = Actor("me", Source.API, "laptop", "c0ffee")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be noon; rows that a test makes have the real time."""
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def make(slug: str, key: str, status: str = "todo", workstream: str = "WP-1") -> Task:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(repo=repo, key=workstream, defaults={"title": "W", "status": "active"})
    return Task.objects.create(workstream=home, key=key, title=f"Title of {key}", status=status)


def changes(task: Task) -> list[dict[str, Any]]:
    return [dict(row) for row in StatusChange.objects.filter(task=task).order_by("pk").values()]


def record(task: Task, **fields: Any) -> dict[str, Any]:
    """Return the whole record of the only change of *task*, made by ME at NOON; *fields* are the others of its row."""
    return {
        "id": StatusChange.objects.get(task=task).pk,
        "task_id": task.pk,
        "at": NOON,
        "who": "me",
        "source": "api",
        "host": "laptop",
        "commit": "c0ffee",
        "authored": None,
        "digest": "",
        "known_heads": [],
        **fields,
    }


def version(task: Task) -> int:
    return Workstream.objects.get(tasks=task).version


@pytest.mark.usefixtures("noon")
@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new"), list(itertools.product(TASK_STATUSES, repeat=2)))
def test_advance_takes_every_move_but_a_regress(old: str, new: str) -> None:
    task = make("net", "T01", old)
    if is_regress(old, new):
        with pytest.raises(StatusRegressionError) as refused:
            advance(task, new, ME)
        assert (refused.value.task.status, refused.value.status) == (old, new)
        assert str(refused.value) == (
            f"task 'T01' is {old} in the hub; {new} would move it backwards (to do that deliberately: "
            f"reopen_task T01 {new} --reason …)"
        )
    else:
        assert advance(task, new, ME) == (old != new)
    moved = old != new and not is_regress(old, new)
    row = Task.objects.get(pk=task.pk)
    assert (row.status, version(task), len(changes(task))) == (new if moved else old, 1 + moved, moved)
    assert (row.status_changed_at == NOON) == moved


@pytest.mark.usefixtures("noon")
@pytest.mark.django_db
def test_advance_leaves_a_whole_record() -> None:
    task = make("net", "T01")
    assert advance(task, "done", ME)
    assert changes(task) == [record(task, old="todo", new="done", reopen=False, reason="")]


@pytest.mark.usefixtures("noon")
@pytest.mark.django_db
def test_reopen_leaves_a_whole_record() -> None:
    task = make("net", "T01", "done")
    assert reopen(task, "in_progress", "  half of it is missing ", ME)
    assert changes(task) == [record(task, old="done", new="in_progress", reopen=True, reason="half of it is missing")]
    assert (Task.objects.get().status, Task.objects.get().status_changed_at, version(task)) == ("in_progress", NOON, 2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "new", "source", "kept"),
    [
        ("done", "todo", Source.ADMIN, True),
        ("in_progress", "blocked", Source.API, True),
        ("todo", "done", Source.COMMAND, True),
        ("todo", "todo", Source.API, False),
    ],
)
def test_reopen_keeps_what_the_hub_had_taken(old: str, new: str, source: str, kept: bool) -> None:
    task = make("net", "T01", old)
    repo = task.workstream.repo
    for host, head, tip in (("a", "h1", "t"), ("b", "h2", "t"), ("never fixed", "", "")):
        Checkout.objects.create(repo=repo, host=host, path="/net", head=head, tip=tip)
    Checkout.objects.create(repo=make("other", "T01").workstream.repo, host="a", path="/other", head="x", tip="x")
    assert reopen(task, new, "not yet", Actor("me", source)) is kept
    assert [change["known_heads"] for change in changes(task)] == [["h1", "h2", "t"]] * kept


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new", "known"), [("todo", "done", []), ("in_progress", "blocked", ["h"])])
def test_advance_keeps_it_only_if_it_is_a_move_aside(old: str, new: str, known: list[str]) -> None:
    task = make("net", "T01", old)
    Checkout.objects.create(repo=task.workstream.repo, host="a", path="/net", head="h")
    assert advance(task, new, ME)
    assert [change["known_heads"] for change in changes(task)] == [known]


@pytest.mark.django_db
def test_reopen_to_the_same_status_is_no_move() -> None:
    task = make("net", "T01", "done")
    assert not reopen(task, "done", "why not", ME)
    assert (version(task), changes(task)) == (1, [])


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_reopen_needs_a_reason(reason: str) -> None:
    task = make("net", "T01", "done")
    with pytest.raises(TransitionError, match=r"^a reopen needs a reason$"):
        reopen(task, "todo", reason, ME)
    assert (version(task), changes(task)) == (1, [])


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["finished", "active", "", "Done"])
def test_unknown_status_is_refused(status: str) -> None:
    task = make("net", "T01")
    words = f"unknown status '{status}'; it is one of todo, in_progress, blocked, done, cancelled"
    with pytest.raises(TransitionError) as refused:
        advance(task, status, ME)
    assert str(refused.value) == words
    with pytest.raises(TransitionError) as refused:
        reopen(task, status, "so", ME)
    assert str(refused.value) == words


@pytest.mark.django_db
def test_task_that_was_deleted_meanwhile() -> None:
    task = make("net", "T01")
    Task.objects.all().delete()
    task.pk = uuid.uuid4()
    with pytest.raises(TaskNotFoundError, match=r"^task 'T01' is no longer in the hub$"):
        advance(task, "done", ME)


@pytest.mark.django_db
def test_stale_copy_of_a_task_does_not_regress_it() -> None:
    stale = make("net", "T01")
    advance(Task.objects.get(), "done", ME)
    with pytest.raises(StatusRegressionError):
        advance(stale, "in_progress", ME)
    assert Task.objects.get().status == "done"


@pytest.mark.django_db
def test_task_that_moved_between_the_look_and_the_write() -> None:
    """Only where its workstream changed at that moment as well, so that the lock was on another row."""
    stale = make("net", "T01")
    Task.objects.update(status="done")
    with pytest.raises(TransitionError, match=r"^task 'T01' was changed by someone else at the same time; try again$"):
        _write([(stale, Transition(stale, "in_progress", ME))])
    assert (Task.objects.get().status, version(stale), changes(stale)) == ("done", 1, [])


@pytest.mark.django_db
class TestManyAtOnce:
    def test_all_are_made_in_order_with_their_outcomes(self) -> None:
        one, two, same = make("net", "T01"), make("other", "T02", "done"), make("net", "T03", "done")
        outcomes = make_transitions(
            [
                Transition(two, "todo", ME, reopen=True, reason=" again ", versions={two.version, "other"}),
                Transition(one, "done", ME),
                Transition(same, "done", ME),
            ]
        )
        assert [(task.pk, changed) for task, changed in outcomes] == [(two.pk, True), (one.pk, True), (same.pk, False)]
        rows = Task.objects.in_bulk([one.pk, two.pk, same.pk])
        assert [task.version for task, _ in outcomes] == [rows[task.pk].version for task in (two, one, same)]
        assert [rows[task.pk].status for task in (two, one, same)] == ["todo", "done", "done"]
        recorded = StatusChange.objects.order_by("pk").values_list("task__key", "old", "new", "reopen", "reason")
        assert list(recorded) == [("T02", "done", "todo", True, "again"), ("T01", "todo", "done", False, "")]
        assert (version(one), version(two)) == (2, 2)

    def test_one_that_cannot_be_made_stops_all(self) -> None:
        free, done, gone, other = make("net", "T01"), make("net", "T02", "done"), make("net", "T03"), make("net", "T04")
        Task.objects.filter(pk=gone.pk).delete()
        with pytest.raises(TransitionsRefusedError) as refused:
            make_transitions(
                [
                    Transition(free, "done", ME),
                    Transition(done, "todo", ME),
                    Transition(gone, "done", ME),
                    Transition(other, "done", ME, versions={"old"}),
                ]
            )
        errors = {index: (type(error), str(error)) for index, error in refused.value.errors.items()}
        assert errors == {
            1: (
                StatusRegressionError,
                "task 'T02' is done in the hub; todo would move it backwards (to do that deliberately: "
                "reopen_task T02 todo --reason …)",
            ),
            2: (TaskNotFoundError, "task 'T03' is no longer in the hub"),
            3: (TaskChangedError, f"task 'T04' is todo now (version {other.version})"),
        }
        assert str(refused.value) == "; ".join(text for _, text in errors.values())
        assert (Task.objects.get(pk=free.pk).status, version(free), StatusChange.objects.count()) == ("todo", 1, 0)

    def test_100_take_as_many_queries_as_1(self) -> None:
        tasks = [make(f"repo-{number % 5}", f"T{number:03}", "in_progress") for number in range(101)]
        counts = []
        for some in (tasks[:1], tasks[1:]):
            with CaptureQueriesContext(connection) as queries:
                make_transitions([Transition(task, "blocked", ME) for task in some])
            counts.append(len(queries) - sum("INSERT" in query["sql"] for query in queries))  # SQLite splits these
        assert counts[0] == counts[1]


def in_threads(*calls: Callable[[], object]) -> list[BaseException]:
    """Run *calls* at the same time, each on a connection of its own; what they raised."""
    barrier, raised = threading.Barrier(len(calls)), list[BaseException]()

    def work(call: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            call()
        except TransitionError as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised


@pytest.mark.usefixtures("hub")
class TestSeveralAtOnce:
    def test_no_move_is_lost_and_none_goes_back(self) -> None:
        task = make("net", "T01")
        wanted = ["in_progress", "blocked", "done", "in_progress", "done", "blocked"]
        raised = in_threads(*(partial(advance, task, status, ME) for status in wanted))
        recorded = [(change["old"], change["new"]) for change in changes(task)]
        assert Task.objects.get().status == "done"
        assert version(task) == 1 + len(recorded)
        assert all(isinstance(error, StatusRegressionError) for error in raised)
        steps = ["todo", *(new for _, new in recorded)]
        assert recorded == list(itertools.pairwise(steps))
        assert not any(is_regress(old, new) for old, new in recorded)

    def test_equal_rank_moves_of_one_workstream_all_count(self) -> None:
        tasks = [make("net", f"T{number:02}") for number in range(8)]
        raised = in_threads(*(partial(advance, task, "done", ME) for task in tasks))
        assert raised == []
        assert version(tasks[0]) == 9
        assert set(Task.objects.values_list("status", flat=True)) == {"done"}

    def test_first_of_several_that_take_a_task_gets_it(self) -> None:
        task = make("net", "T01")
        raised = in_threads(*(partial(take, task, ME._replace(who=f"w{number}")) for number in range(4)))
        first = holder(task)[0]
        assert [type(error) for error in raised] == [TaskTakenError] * 3
        assert all(f" {first} has it since " in str(error) for error in raised)
        assert list(StatusChange.objects.values_list("who", "new")) == [(first, "in_progress")]

    def test_move_waits_for_whoever_holds_the_workstream(self) -> None:
        task = make("net", "T01")
        ended = threading.Event()

        def move() -> None:
            advance(Task.objects.get(), "done", ME)
            connection.close()
            ended.set()

        thread = threading.Thread(target=move)
        with transaction.atomic():
            Workstream.objects.select_for_update().get(tasks=task.pk)
            Workstream.objects.update(version=7)
            thread.start()
            assert not ended.wait(0.2)
        thread.join(30)
        assert (version(task), Task.objects.get().status) == (8, "done")


def holder(task: Task) -> tuple[str, datetime | None]:
    return Task.objects.values_list("taken_by", "taken_at").get(pk=task.pk)


@pytest.mark.django_db
@pytest.mark.usefixtures("noon")
def test_task_is_whose_who_moved_it_to_in_progress() -> None:
    task = make("r", "T1")
    you = ME._replace(who="you")
    for wanted, expected in [
        (Transition(task, "blocked", you), ("", None)),
        (Transition(task, "in_progress", ME), ("me", NOON)),
        (Transition(task, "blocked", you), ("me", NOON)),
        (Transition(task, "in_progress", you), ("you", NOON)),
        (Transition(task, "done", ME), ("", None)),
        (Transition(task, "in_progress", ME, reopen=True, reason="so"), ("me", NOON)),
        (Transition(task, "todo", you, reopen=True, reason="so"), ("", None)),
    ]:
        [outcome] = make_transitions([wanted])
        assert holder(task) == expected == (outcome.task.taken_by, outcome.task.taken_at)


@pytest.mark.django_db
@pytest.mark.usefixtures("noon")
def test_take() -> None:
    task, you = make("r", "T1"), ME._replace(who="you")
    assert take(task, ME) == (task, True)
    assert (holder(task), changes(task)) == (
        ("me", NOON),
        [record(task, old="todo", new="in_progress", reopen=False, reason="")],
    )
    assert take(task, ME) == (task, False)
    with pytest.raises(TaskTakenError, match=r"^task 'T1' is taken: me has it since 2026-01-02 12:00Z$"):
        take(task, you)
    make_transitions([Transition(task, "done", you)])
    with pytest.raises(TaskFinishedError, match=r"^task 'T1' is done already$"):
        take(task, you)
    task.delete()
    with pytest.raises(TaskNotFoundError):
        take(task, you)


@pytest.mark.django_db
@pytest.mark.usefixtures("noon")
def test_take_of_a_task_in_progress_that_no_one_has() -> None:
    task = make("r", "T1", "blocked")
    assert take(task, ME) == (task, False)
    assert (holder(task), changes(task)) == (("me", NOON), [])


@pytest.mark.django_db
def test_rows_are_found_by_their_ids_not_by_their_status() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows how many rows have each status")
    tasks = [make("r", f"T{number}") for number in range(3)]
    with CaptureQueriesContext(connection) as queries:
        assert update_status(Task, [task.pk for task in tasks], "todo", "done", NOON, "me")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}")
        plan = [row[3] for row in cursor.fetchall()]
    assert plan == ["SEARCH statehub_task USING INDEX sqlite_autoindex_statehub_task_1 (id=?)"]
