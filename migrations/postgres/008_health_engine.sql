-- What poller and gates keep since version 2: see each section.
--
-- `PgStore::migrate` runs this file after 007; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- Both at once and in this order, as whoever writes a result does.
lock table host_health_check_results, host_health_checks in access exclusive mode;

-- 1. Sections are appended above the last statement ------------------------------------------------

-- The poller's queue --------------------------------------------------------------------------------

-- A parked host is not due between these two instants, whatever its due time says.
alter table health_schedule
    add column if not exists parked_at timestamptz,
    add column if not exists parked_until timestamptz;

-- Leases of gates -----------------------------------------------------------------------------------

-- One lease for each worker, in place of one for each gate. Its gates name it as their owner.
create table if not exists health_gate_leases (
    worker uuid primary key,
    lease_until timestamptz not null
) with (fillfactor = 50);

alter table health_gates
    add column if not exists opens_at timestamptz,
    -- Changes by others than the owner, and how many of them the owner has seen.
    add column if not exists changes bigint not null default 0,
    add column if not exists changes_seen bigint not null default 0;

-- Workers of version 1 lose their gates: they cannot keep the one lease.
update health_gates set opens_at = (record #>> '{window,opens_at}')::timestamptz, owner = null
where opens_at is null;
alter table health_gates alter column opens_at set not null, drop column if exists lease_until;

drop index if exists health_gates_due;
create index if not exists health_gates_owner
    on health_gates (owner, opens_at) where state in ('waiting', 'passed');
create index if not exists health_gates_changed
    on health_gates (owner) where changes <> changes_seen and state in ('waiting', 'passed');

-- Passes ------------------------------------------------------------------------------------------

-- A pass is found by its id alone.
alter table health_gates add column if not exists pass_id uuid;
update health_gates set pass_id = (record #>> '{pass,id}')::uuid
where pass_id is null and record #>> '{pass,id}' is not null;
create unique index if not exists health_gates_pass on health_gates (pass_id) where pass_id is not null;

-- Changes of hosts ----------------------------------------------------------------------------------

-- An exempt job's gate may be unfinished beside another one.
alter table health_gates add column if not exists exempt boolean not null default false;
update health_gates set exempt = true where not exempt and (record ->> 'exempt')::boolean;
create unique index if not exists health_gates_holder
    on health_gates (host_id, exempt) where state in ('waiting', 'passed');
drop index if exists health_gates_unfinished;

-- A host is being changed from the spending of a pass until the application reports the end.
create table if not exists health_changes (
    number bigint generated always as identity primary key,
    pass_id uuid not null constraint health_changes_pass unique,
    gate_id uuid not null,
    job_id uuid not null,
    host_id uuid not null,
    state text not null check (state in ('running', 'ended')),
    started_at timestamptz not null,
    ended_at timestamptz
);

create unique index if not exists health_changes_running on health_changes (host_id) where state = 'running';
create index if not exists health_changes_host on health_changes (host_id, number);

-- Generations of gates ------------------------------------------------------------------------------

-- A host that is tried again under the same job has a gate for each try.
alter table health_gates add column if not exists generation integer not null default 1;
alter table health_gates drop constraint if exists health_gates_job_host;
create unique index if not exists health_gates_generation on health_gates (job_id, host_id, generation);

-- Retention -----------------------------------------------------------------------------------------

alter table health_gates add column if not exists ended_at timestamptz;
update health_gates set ended_at = (record ->> 'ended_at')::timestamptz
where ended_at is null and state in ('spent', 'failed', 'cancelled');
create index if not exists health_gates_ended on health_gates (ended_at) where ended_at is not null;
create index if not exists health_changes_gate on health_changes (gate_id);
create index if not exists health_audit_age on health_audit (at);

-- Epochs of the clock ----------------------------------------------------------------------------

-- The database's clock may go back. Each time it does, an epoch begins; what was dated in another epoch is neither
-- fresh nor in the future. `clock_high_water` shows a step back that no worker saw.
alter table health_installation
    add column if not exists clock_epoch bigint not null default 0,
    add column if not exists clock_high_water timestamptz;

alter table host_health_checks add column if not exists updated_epoch bigint not null default 0;
alter table host_health_check_results add column if not exists epoch bigint not null default 0;
alter table health_states add column if not exists epoch bigint not null default 0;

-- The epoch of all of a host's results; null where they are of several.
alter table health_schedule add column if not exists results_epoch bigint default 0;

-- Last: the version ---------------------------------------------------------------------------------

update health_installation set schema_version = greatest(schema_version, 2);
