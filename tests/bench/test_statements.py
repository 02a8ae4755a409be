"""Counting statements: batches are one query, loops are not."""

from bench.statements import Count, Statement, count

INSERT = "INSERT INTO task (id, title) VALUES {}"
SELECT = "SELECT id FROM task WHERE status = %s AND id IN ({})"


def insert(rows: int) -> Statement:
    return Statement.of(INSERT.format(", ".join(["(%s, %s)"] * rows)), ["x"] * 2 * rows)


def select(status: str, ids: int) -> Statement:
    return Statement.of(SELECT.format(", ".join(["%s"] * ids)), [status, *range(ids)])


def test_statement_keeps_what_is_outside_the_list() -> None:
    assert select("done", 3) == Statement("SELECT id FROM task WHERE status = %s AND id IN (…)", ("'done'",), 4)


def test_statement_of_rows_is_one_list() -> None:
    assert insert(2).shape == insert(300).shape == "INSERT INTO task (id, title) VALUES (…)"


def test_count_full_batches_are_one_query() -> None:
    assert count([insert(499), insert(499), insert(3)]) == Count(queries=1, statements=3, transaction_control=0)


def test_count_query_per_row_is_many_queries() -> None:
    assert count([insert(1)] * 50).queries == 50


def test_count_same_query_for_other_values_is_another_query() -> None:
    assert count([select("todo", 900), select("done", 900)]).queries == 2


def test_count_batches_with_short_ends_are_one_query() -> None:
    assert count([insert(499)] * 14 + [insert(12)] + [insert(499)] * 14 + [insert(12)]).queries == 1


def test_count_batches_of_arrays_are_one_query() -> None:
    arrays = Statement.of("INSERT INTO task (id, title) SELECT * FROM UNNEST(%s, %s)", [["x"] * 2000, ["y"] * 2000])
    assert count([arrays, arrays, arrays]) == Count(queries=1, statements=3, transaction_control=0)


def test_count_batches_of_documents_are_one_query() -> None:
    documents = ["[" + f'["{name}","title"],' * 9000 + "]" for name in "abc"]
    sqlite = "INSERT INTO task (id, title) SELECT json_extract(value, '$[0]'), … FROM json_each(%s)"
    postgresql = "INSERT INTO task (id, title) SELECT value->>0, … FROM jsonb_array_elements(%s::jsonb)"
    for insert_rows in (sqlite, postgresql):
        statements = [Statement.of(insert_rows, [document]) for document in documents]
        assert count(statements) == Count(queries=1, statements=3, transaction_control=0)


def test_count_same_statement_at_another_time_is_another_query() -> None:
    begin = Statement.of("BEGIN IMMEDIATE", None)
    assert count([insert(499), insert(499), begin, insert(499), insert(499)]).queries == 2


def test_count_transaction_control_is_counted_apart() -> None:
    statements = [Statement.of("BEGIN IMMEDIATE", None), insert(1), Statement.of("COMMIT", None)]
    assert count(statements) == Count(queries=1, statements=1, transaction_control=2)


def test_count_executemany_is_one_query_of_many_statements() -> None:
    assert count([Statement.of("UPDATE task SET title = %s", ["x"], times=40)]) == Count(1, 40, 0)
