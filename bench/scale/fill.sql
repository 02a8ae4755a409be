-- A large hub: half a year of work, a fifth of the findings open. Statements end with a semicolon and an empty line.
SELECT setseed(0.5);

INSERT INTO statehub_repo (id, slug, workplans, origin, created_at)
SELECT n, 'repo-' || lpad(n::text, 5, '0'), 'workplans/**/*.md', %(origins)s || '/' || n, now()
FROM generate_series(1, %(repos)s) n;

INSERT INTO statehub_checkout (id, repo_id, host, path, created_at)
SELECT n, 1 + (n - 1) / 2, 'host-' || 1 + mod(n - 1, 2), %(checkouts)s || '/' || 1 + (n - 1) / 2, now()
FROM generate_series(1, 2 * %(repos)s) n;

INSERT INTO statehub_workstream (
    id, repo_id, key, title, status, path, version, domain, repo_name, owner, topic_slug, created, updated,
    status_changed_at
)
SELECT
    gen_random_uuid(), 1 + mod(n, %(repos)s), 'WP-' || lpad(n::text, 6, '0'),
    'Plan for ' || (%(words)s::text[])[1 + mod(n, 10)], 'active', 'workplans/wp-' || n || '.md', 1, 'infra', '', 'ada',
    '', '', '', now() - random() * interval '180 days'
FROM generate_series(1, %(tasks)s / 20) n;

-- Of 200 people each has some workplans; a quarter of the tasks depend on the one before.
INSERT INTO statehub_task (
    id, workstream_id, key, title, status, priority, status_changed_at, position, owner, depends, taken_by, taken_at
)
SELECT
    id, workstream, key, title, status, priority, at, position, person, depends,
    CASE WHEN status IN ('in_progress', 'blocked') THEN person ELSE '' END,
    CASE WHEN status IN ('in_progress', 'blocked') THEN at END
FROM (
    SELECT
        gen_random_uuid() AS id, w.id AS workstream, w.key || '-T' || lpad(n::text, 2, '0') AS key,
        initcap((%(words)s::text[])[1 + (random() * 9)::int]) || ' of the '
            || (%(words)s::text[])[1 + (random() * 9)::int] || ' service, part ' || n AS title,
        (ARRAY['todo', 'in_progress', 'blocked', 'done', 'done', 'done', 'cancelled'])[1 + (random() * 6)::int] AS status,
        (ARRAY['low', 'medium', 'medium', 'high', 'critical'])[1 + (random() * 4)::int] AS priority,
        now() - random() * interval '180 days' AS at, n - 1 AS position,
        'person-' || lpad(mod(abs(hashtext(w.key)), 200)::text, 3, '0') AS person,
        CASE WHEN mod(n, 4) = 0 THEN w.key || '-T' || lpad((n - 1)::text, 2, '0') ELSE '' END AS depends
    FROM statehub_workstream w, generate_series(1, 20) n
) task;

-- The newest change of every task that has moved; then of some tasks the change before that one.
INSERT INTO statehub_statuschange (task_id, old, new, at, who, source, host, commit, reopen, reason)
SELECT id, old, new, at, 'person-' || lpad(mod(abs(hashtext(id::text)), 200)::text, 3, '0'), 'file', 'host-1',
    repeat('c', 40), false, ''
FROM (
    SELECT id, CASE status WHEN 'in_progress' THEN 'todo' ELSE 'in_progress' END AS old, status AS new,
        status_changed_at AS at
    FROM statehub_task WHERE status <> 'todo'
    UNION ALL
    SELECT id, 'todo', 'in_progress', status_changed_at - random() * interval '20 days'
    FROM statehub_task WHERE status NOT IN ('todo', 'in_progress')
) change
LIMIT %(changes)s;

INSERT INTO consistency_run (
    id, checkout_id, mode, dry_run, trigger, "user", version, outcome, converged, error, freshness, "fetch", head, branch,
    upstream, ahead, behind, writeback_commit, counts, seconds, started_at, finished_at
)
SELECT
    gen_random_uuid(), 1 + mod(n, 2 * %(repos)s), (ARRAY['check', 'fix'])[1 + mod(n, 2)], false, 'cron', 'ada', '1.0',
    (ARRAY['ok', 'ok', 'ok', 'skipped', 'error'])[1 + mod(n, 5)], true, '', 'fresh', 'ok', md5(n::text), 'main',
    'origin/main', 0, 0, CASE WHEN mod(n, 100) = 1 THEN repeat('d', 40) ELSE '' END,
    '{"C-13": 2, "C-14": 1}'::jsonb, '{"look": 0.1, "compare": 0.2}'::jsonb,
    now() - interval '180 days' * (1 - n / %(runs)s::float),
    now() - interval '180 days' * (1 - n / %(runs)s::float) + interval '1 s'
FROM generate_series(1, %(runs)s) n;

-- The codes that people look for first are the most frequent ones.
WITH picked AS (
    SELECT
        row_number() OVER () AS n, t.key AS task, w.key AS workplan, w.repo_id, w.path
    FROM statehub_task t JOIN statehub_workstream w ON w.id = t.workstream_id
    ORDER BY random() LIMIT %(findings)s
), dated AS (
    -- Not in `picked`: there random() would be the one that it is ordered by.
    SELECT *, now() - random() * interval '180 days' AS at FROM picked
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY started_at) AS k FROM consistency_run
), found AS (
    SELECT
        p.*, r.id AS run, mod(p.n, 5) > 0 AS over,
        CASE WHEN mod(p.n, 3) = 0 THEN 13 WHEN mod(p.n, 7) = 0 THEN 14 ELSE 1 + mod(p.n, cardinality(%(codes)s::text[])) END
            AS code
    FROM dated p JOIN numbered r  -- the run of that time
        ON r.k = greatest(1, ceil(%(runs)s * (1 - extract(epoch FROM now() - p.at) / (180 * 86400))))
)
INSERT INTO consistency_finding (
    checkout_id, fingerprint, code, severity, message, file, line, workplan, task, db_status, file_status, action,
    first_seen, last_seen, times_seen, resolved_at, resolution, commit, opened_by_id, resolved_by_id
)
SELECT
    2 * repo_id - mod(n, 2), md5(n::text), (%(codes)s::text[])[code], (%(severities)s::text[])[code],
    'DB task ''' || task || ''' is ahead of file (db=done, file=todo)', path, 12, workplan, task, 'done', 'todo', 'none',
    at, at + interval '1 hour', 12, CASE WHEN over THEN at + interval '1 hour' END,
    CASE WHEN over THEN 'written_back' ELSE '' END, CASE WHEN over THEN repeat('b', 40) ELSE '' END, run,
    CASE WHEN over THEN run END
FROM found;
