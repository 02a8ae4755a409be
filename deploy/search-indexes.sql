-- Indexes for the admin's search in a hub with hundreds of thousands of tasks; docs/operations.md says when.
-- psql "$DATABASE_URL" -f deploy/search-indexes.sql
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE INDEX CONCURRENTLY IF NOT EXISTS task_search ON statehub_task
USING gin (upper(key::text) gin_trgm_ops, upper(title::text) gin_trgm_ops);

CREATE INDEX CONCURRENTLY IF NOT EXISTS finding_search ON consistency_finding
USING gin (
    upper(task::text) gin_trgm_ops, upper(workplan::text) gin_trgm_ops, upper(message::text) gin_trgm_ops,
    upper(file::text) gin_trgm_ops
);

ANALYZE statehub_task, consistency_finding;
