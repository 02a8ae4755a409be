"""Fills a migrated PostgreSQL database with a large hub, by bulk SQL: what the admin is measured on."""

from __future__ import annotations

from django.db import connection

from bench.admin.size import Size
from consistency.core.codes import CODES
from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream

_STATUS = "(ARRAY['todo','in_progress','blocked','done','done','done','cancelled'])[1 + (random() * 6)::int]"
_WORDS = "(ARRAY['rewrite','no-regress','gateway','metrics','billing','import','docs','login','cache','audit'])"


def fill(size: Size) -> None:
    """Insert it all; half a year of it, a fifth of the findings open."""
    workstreams = size.tasks // 20
    codes = "ARRAY[" + ",".join(f"'{code}'" for code in CODES) + "]"
    severities = "ARRAY[" + ",".join(f"'{code.severity}'" for code in CODES.values()) + "]"
    # The codes that people look for first are the most frequent ones.
    code = f"CASE WHEN mod(n, 3) = 0 THEN 13 WHEN mod(n, 7) = 0 THEN 14 ELSE 1 + mod(n, {len(CODES)}) END"
    statements = (
        ("SELECT setseed(0.5)", ()),
        (
            f"INSERT INTO {_table(Repo)} (id, slug, workplans, origin, created_at) SELECT n, 'repo-' || lpad(n::text, 5, '0'),"
            " 'workplans/**/*.md', 'git.example.org/team/repo-' || n, now() FROM generate_series(1, %s) n",
            (size.repos,),
        ),
        (
            f"INSERT INTO {_table(Checkout)} (id, repo_id, host, path, created_at) SELECT n, 1 + (n - 1) / 2,"
            " 'host-' || mod(n, 7), '/srv/checkouts/' || n, now() FROM generate_series(1, %s) n",
            (2 * size.repos,),
        ),
        (
            f"INSERT INTO {_table(Workstream)} (id, repo_id, key, title, status, path, version, domain, repo_name, owner,"
            " topic_slug, created, updated, status_changed_at) SELECT gen_random_uuid(), 1 + mod(n, %s), 'WP-' || lpad(n::text, 6, '0'),"
            f" 'Plan for ' || {_WORDS}[1 + mod(n, 10)], 'active', 'workplans/wp-' || n || '.md', 1, 'infra', '', 'ada', '', '', '',"
            " now() - random() * interval '180 days' FROM generate_series(1, %s) n",
            (size.repos, workstreams),
        ),
        (
            f"INSERT INTO {_table(Task)} (id, workstream_id, key, title, status, priority, status_changed_at)"
            " SELECT gen_random_uuid(), w.id, w.key || '-T' || lpad(n::text, 2, '0'),"
            f" initcap({_WORDS}[1 + (random() * 9)::int]) || ' of the ' || {_WORDS}[1 + (random() * 9)::int] || ' service, part ' || n,"
            f" {_STATUS}, (ARRAY['low','medium','medium','high','critical'])[1 + (random() * 4)::int],"
            f" now() - random() * interval '180 days' FROM {_table(Workstream)} w, generate_series(1, 20) n",
            (),
        ),
        (
            f"INSERT INTO {_table(StatusChange)} (task_id, old, new, at, who, source, host, commit, reopen, reason)"
            " SELECT id, 'todo', 'in_progress', status_changed_at, 'ada', 'file', 'host-1', repeat('c', 40), false, ''"
            f" FROM {_table(Task)} WHERE status <> 'todo'",
            (),
        ),
        (
            f"INSERT INTO {_table(Run)} (id, checkout_id, mode, dry_run, trigger, \"user\", version, outcome, converged, error,"
            " freshness, \"fetch\", head, branch, upstream, ahead, behind, writeback_commit, counts, seconds, started_at, finished_at)"
            " SELECT gen_random_uuid(), 1 + mod(n, %s), (ARRAY['check','fix'])[1 + mod(n, 2)], false, 'cron', 'ada', '1.0',"
            " (ARRAY['ok','ok','ok','skipped','error'])[1 + mod(n, 5)], true, '', 'fresh', 'ok', md5(n::text), 'main', 'origin/main',"
            " 0, 0, '', '{\"C-13\": 2, \"C-14\": 1}'::jsonb, '{\"look\": 0.1, \"compare\": 0.2}'::jsonb,"
            " now() - interval '180 days' * (1 - n / %s::float), now() - interval '180 days' * (1 - n / %s::float) + interval '1 s'"
            " FROM generate_series(1, %s) n",
            (2 * size.repos, size.runs, size.runs, size.runs),
        ),
        (
            "CREATE TEMP TABLE picked AS SELECT row_number() OVER () AS n, t.key AS task, w.key AS workplan, w.repo_id, w.path"
            f" FROM {_table(Task)} t JOIN {_table(Workstream)} w ON w.id = t.workstream_id ORDER BY random() LIMIT %s",
            (size.findings,),
        ),
        (
            f"INSERT INTO {_table(Finding)} (checkout_id, fingerprint, code, severity, message, file, line, workplan, task,"
            " db_status, file_status, action, first_seen, last_seen, times_seen, resolved_at, resolution, commit, opened_by_id,"
            " resolved_by_id) SELECT f.checkout, md5(f.n::text), "
            f"({codes})[f.code], ({severities})[f.code], 'DB task ''' || f.task || ''' is ahead of file (db=done, file=todo)',"
            " f.path, 12, f.workplan, f.task, 'done', 'todo', 'none', f.at, f.at + interval '1 hour', 12,"
            " CASE WHEN mod(f.n, 5) > 0 THEN f.at + interval '1 hour' END, CASE WHEN mod(f.n, 5) > 0 THEN 'written_back' ELSE '' END,"
            " CASE WHEN mod(f.n, 5) > 0 THEN repeat('b', 40) ELSE '' END, f.run, CASE WHEN mod(f.n, 5) > 0 THEN f.run END FROM ("
            f" SELECT p.*, 2 * p.repo_id - mod(p.n, 2) AS checkout, {code} AS code, now() - random() * interval '180 days' AS at, r.id AS run"
            f" FROM picked p JOIN (SELECT id, row_number() OVER () AS k FROM {_table(Run)}) r ON r.k = 1 + mod(p.n, %s)) f",
            (size.runs,),
        ),
    )  # fmt: skip
    with connection.cursor() as cursor:
        for statement, values in statements:
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done within minutes


def _table(model: type[Repo | Checkout | Workstream | Task | StatusChange | Run | Finding]) -> str:
    return model._meta.db_table
