-- What the schema has had since version 5: see each section.
--
-- `PgStore::migrate` runs this file after 010; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- Verification of changed hosts ---------------------------------------------------------------------

-- How a host stands since its change. `verify_at` is when it is looked at next, for as long as the verification runs;
-- `superseded_at` is when the next change of the host ended it.
alter table health_changes
    add column if not exists verification jsonb,
    add column if not exists verify_at timestamptz,
    add column if not exists verify_token bigint not null default 0,
    add column if not exists superseded_at timestamptz;
create index if not exists health_changes_verify on health_changes (verify_at) where verify_at is not null;
create index if not exists health_changes_job on health_changes (job_id, number);

-- Passes ------------------------------------------------------------------------------------------

-- Spends a pass in the caller's transaction, from any driver, and answers 'spent' or why not: 'already_spent',
-- 'expired', 'cancelled', 'superseded', 'host_busy', 'outdated'.
--
-- It judges what is stored of the gate by the database's clock, as `store::transition::refusal` does. It asks no source, no
-- right and no hook: ask `Gate` before. Spend last, and commit at once: the gate is locked until then, and only a
-- commit makes the answer true.
create or replace function health_spend_pass(wanted uuid) returns text
language plpgsql set search_path from current as $$
declare
    gate record;
    pass jsonb;
    now_at timestamptz;
    seen_at timestamptz;
    refusal text;
    channel text;
begin
    select g.id, g.job_id, g.host_id, g.state, g.token, g.opens_at, g.pass_valid_until, g.cancel_requested, g.record
    into gate from health_gates g where g.pass_id = wanted for update;
    pass := gate.record -> 'pass';
    if (pass ->> 'id')::uuid is distinct from wanted or gate.record ->> 'high_water' is null then
        return 'superseded';
    end if;
    -- Read only after the lock is had. The clock may have stepped back since the pass was given.
    now_at := clock_timestamp();
    seen_at := greatest(now_at, (gate.record ->> 'high_water')::timestamptz
        - greatest(coalesce((gate.record ->> 'clock_offset_us')::bigint, 0), 0) * interval '1 microsecond');
    refusal := case
        when gate.state = 'spent' then 'already_spent'
        when gate.state = 'cancelled' then 'cancelled'
        when gate.state <> 'passed' then 'expired'
        when gate.cancel_requested then 'cancelled'
        when gate.pass_valid_until is null or gate.pass_valid_until <= seen_at then 'expired'
        when now_at < gate.opens_at then 'expired'
        when pass ->> 'kind' = 'overridden' and coalesce(jsonb_typeof(gate.record -> 'override'), 'null') = 'null'
            then 'outdated'
        when (pass ->> 'token')::bigint is distinct from gate.token then 'superseded'
    end;
    if refusal is not null then
        return refusal;
    end if;

    -- A change without a reported end is over after this time.
    update health_changes set state = 'ended', ended_at = started_at + interval '30 minutes'
    where host_id = gate.host_id and state = 'running' and started_at + interval '30 minutes' <= now_at;
    insert into health_changes (pass_id, gate_id, job_id, host_id, state, started_at)
    values (wanted, gate.id, gate.job_id, gate.host_id, 'running', now_at) on conflict do nothing;
    if not found then
        return 'host_busy';
    end if;
    -- What checks say from now on tells of this change: the verification of an earlier one ends.
    update health_changes set verify_at = null, superseded_at = now_at
    where host_id = gate.host_id and verify_at is not null;
    update health_gates g set state = 'spent', ended_at = now_at, owner = null,
        record = g.record || jsonb_build_object('state', 'spent', 'ended_at',
            to_char(now_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    where g.id = gate.id;
    foreach channel in array array['healthgate', 'healthgate_' || current_schema()] loop
        perform pg_notify(channel, jsonb_build_object('event', 'gate', 'job_id', gate.job_id, 'host_id', gate.host_id,
            'state', 'spent', 'kind', pass -> 'kind', 'next_attempt_at', gate.record -> 'next_attempt_at')::text);
    end loop;
    return 'spent';
end
$$;

-- Last: the version ---------------------------------------------------------------------------------

update health_installation set schema_version = greatest(schema_version, 5);
