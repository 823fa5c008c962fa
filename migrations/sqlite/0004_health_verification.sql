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

-- Rollouts ----------------------------------------------------------------------------------------

-- How a change came out, and when that was known. It is null while the change goes on, and where nobody reported its
-- end in time.
alter table health_changes add column outcome text check (outcome in ('succeeded', 'failed'));
alter table health_changes add column judged_at integer;

-- How a job goes over its hosts.
create table health_rollouts (
    job_id      blob primary key not null,
    hosts       integer not null,
    policy      text not null,
    stage       integer not null default 0,
    forgiven    integer not null default 0,
    halted      text,
    revision    integer not null default 0,
    opened_at   integer not null
) strict;
