-- What the schema has had since version 4: see each section.

-- Verification of changed hosts ---------------------------------------------------------------------

-- How a host stands since its change. `verify_at` is when it is looked at next, for as long as the verification runs;
-- `superseded_at` is when the next change of the host ended it.
alter table health_changes add column verification text;
alter table health_changes add column verify_at integer;
alter table health_changes add column verify_token integer not null default 0;
alter table health_changes add column superseded_at integer;
create index idx_health_changes_verify on health_changes (verify_at) where verify_at is not null;
create index idx_health_changes_job on health_changes (job_id, number);
