-- What poller and gates keep since version 2: see each section.

-- The poller's queue ------------------------------------------------------------------------------

-- A parked host is not due between these two instants, whatever its due time says.
alter table health_schedule add column parked_at integer;
alter table health_schedule add column parked_until integer;

-- Gates -------------------------------------------------------------------------------------------

-- One lease for each worker, in place of one for each gate. Its gates name it as their owner.
create table health_gate_leases (
    worker      blob primary key,
    lease_until integer not null
) strict, without rowid;

-- What a statement asks about a gate has a column; the rest is in the record. Made anew, since SQLite
-- cannot take a constraint away: a job may have several generations of a gate on a host.
create table health_gates_2 (
    number              integer primary key,
    id                  blob not null unique check (length(id) = 16),
    job_id              blob not null,
    host_id             blob not null,
    generation          integer not null,
    exempt              integer not null,
    state               text not null,
    opens_at            integer not null,
    closes_at           integer not null,
    pass_id             blob,
    pass_valid_until    integer,
    cancel_requested    integer not null,
    ended_at            integer,
    owner               blob,
    token               integer not null,
    -- Changes by others than the owner, and how many of them the owner has seen.
    changes             integer not null default 0,
    changes_seen        integer not null default 0,
    record              text not null,
    unique (job_id, host_id, generation)
) strict;

-- Workers of version 1 lose their gates: they cannot keep the one lease.
insert into health_gates_2 (number, id, job_id, host_id, generation, exempt, state, opens_at, closes_at,
    pass_id, pass_valid_until, cancel_requested, ended_at, token, record)
select number, id, job_id, host_id, 1, coalesce(record ->> '$.exempt', 0), state,
    unixepoch(record ->> '$.window.opens_at') * 1000000, closes_at,
    unhex(record ->> '$.pass.id', '-'), pass_valid_until, cancel_requested,
    unixepoch(record ->> '$.ended_at') * 1000000, token, record
from health_gates;

create table health_gate_attempts_2 (
    gate_number integer not null references health_gates_2 (number) on delete cascade,
    attempt     integer not null,
    outcome     text not null,
    record      text not null,
    primary key (gate_number, attempt)
) strict, without rowid;

insert into health_gate_attempts_2 (gate_number, attempt, outcome, record)
select gate_number, attempt, outcome, record from health_gate_attempts;

drop table health_gate_attempts;
drop table health_gates;
alter table health_gates_2 rename to health_gates;
alter table health_gate_attempts_2 rename to health_gate_attempts;

-- For each host one unfinished gate, and one of an exempt job beside it.
create unique index idx_health_gates_holder on health_gates (host_id, exempt)
    where state in ('waiting', 'passed');
create index idx_health_gates_owner on health_gates (owner, opens_at)
    where state in ('waiting', 'passed');
create index idx_health_gates_ended on health_gates (ended_at) where ended_at is not null;
create unique index idx_health_gates_pass on health_gates (pass_id) where pass_id is not null;

-- A host is being changed from the spending of a pass until the application reports the end.
create table health_changes (
    number      integer primary key autoincrement,
    pass_id     blob not null unique,
    gate_id     blob not null,
    job_id      blob not null,
    host_id     blob not null,
    state       text not null check (state in ('running', 'ended')),
    started_at  integer not null,
    ended_at    integer
) strict;

create unique index idx_health_changes_running on health_changes (host_id) where state = 'running';
create index idx_health_changes_host on health_changes (host_id, number);

create index idx_health_changes_gate on health_changes (gate_id);
create index idx_health_audit_age on health_audit (at);

-- Epochs of the clock ---------------------------------------------------------------------------

-- The clock may go back. Each time it does, an epoch begins; what was dated in another epoch is neither fresh nor in
-- the future. `clock_high_water` shows a step back that no worker saw.
alter table health_meta add column clock_epoch integer not null default 0;
alter table health_meta add column clock_high_water integer;

alter table host_health_checks add column updated_epoch integer not null default 0;
alter table host_health_check_results add column result_epoch integer not null default 0;
alter table health_states add column result_epoch integer not null default 0;
