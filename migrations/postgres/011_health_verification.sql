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

-- Rollouts ----------------------------------------------------------------------------------------

-- How a change came out, and when that was known. It is null while the change goes on, and where nobody reported its
-- end in time.
alter table health_changes
    add column if not exists outcome text check (outcome in ('succeeded', 'failed')),
    add column if not exists judged_at timestamptz;

-- How a job goes over its hosts. What the policy allows at the present stage stands beside it in numbers of hosts.
create table if not exists health_rollouts (
    job_id uuid primary key,
    hosts integer not null,
    policy jsonb not null,
    stage integer not null default 0,
    admitted integer not null,
    max_in_flight integer not null,
    failure_budget integer not null,
    forgiven integer not null default 0,
    halted text,
    revision bigint not null default 0,
    opened_at timestamptz not null
);

-- What has become of a job's hosts. A change is in flight until its verification has ended; one that is not, and did
-- not succeed, has failed.
create or replace function health_rollout_counts(
    wanted uuid, now_at timestamptz,
    out spent integer, out in_flight integer, out failed integer, out passed integer, out last_end timestamptz
)
language sql stable set search_path from current as $$
    select count(*)::integer, (count(*) filter (where goes_on))::integer,
        (count(*) filter (where not goes_on and outcome is distinct from 'succeeded'))::integer,
        (select count(*)::integer from health_gates g where g.job_id = wanted and g.state = 'passed'),
        max(coalesce(judged_at, ended_at, started_at + interval '30 minutes')) filter (where not goes_on)
    from (
        select c.*, c.outcome is null and (c.verify_at is not null
            or c.state = 'running' and c.started_at + interval '30 minutes' > now_at) as goes_on
        from health_changes c where c.job_id = wanted
    ) c
$$;

-- Passes ------------------------------------------------------------------------------------------

-- Spends a pass in the caller's transaction, from any driver, and answers 'spent' or why not: 'already_spent',
-- 'expired', 'cancelled', 'superseded', 'host_busy', 'outdated', and for a job with a rollout 'no_slot', 'halted'.
--
-- It judges what is stored of the gate by the database's clock, as `store::transition::refusal` does. It asks no source, no
-- right and no hook: ask `Gate` before. Spend last, and commit at once: the gate is locked until then, and only a
-- commit makes the answer true. The pass of a rollout needs a transaction that sees what others have committed
-- meanwhile: `read committed`.
create or replace function health_spend_pass(wanted uuid) returns text
language plpgsql set search_path from current as $$
declare
    gate record;
    pass jsonb;
    now_at timestamptz;
    seen_at timestamptz;
    refusal text;
    rollout record;
    counts record;
    channel text;
begin
    select g.id, g.job_id, g.host_id, g.state, g.token, g.exempt, g.opens_at, g.pass_valid_until, g.cancel_requested, g.record
    into gate from health_gates g where g.pass_id = wanted for update;
    pass := gate.record -> 'pass';
    if (pass ->> 'id')::uuid is distinct from wanted or gate.record ->> 'high_water' is null then
        return 'superseded';
    end if;
    -- Two spendings of one job follow each other.
    select r.* into rollout from health_rollouts r where r.job_id = gate.job_id and not gate.exempt for update;
    -- Read only after the locks are had. The clock may have stepped back since the pass was given.
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

    if rollout.job_id is not null then
        if current_setting('transaction_isolation') <> 'read committed' then
            raise exception 'a pass of a rollout is spent in a transaction that is read committed'
                using errcode = 'invalid_transaction_state';
        end if;
        counts := health_rollout_counts(gate.job_id, now_at);
        if rollout.halted is not null or counts.failed > rollout.failure_budget + rollout.forgiven then
            return 'halted';
        elsif counts.spent >= rollout.admitted or counts.in_flight >= rollout.max_in_flight then
            return 'no_slot';
        end if;
    end if;

    -- A change without a reported end is over after this time, and has failed.
    update health_changes set state = 'ended', ended_at = started_at + interval '30 minutes',
        outcome = coalesce(outcome, 'failed'), judged_at = coalesce(judged_at, started_at + interval '30 minutes')
    where host_id = gate.host_id and state = 'running' and started_at + interval '30 minutes' <= now_at;
    insert into health_changes (pass_id, gate_id, job_id, host_id, state, started_at)
    values (wanted, gate.id, gate.job_id, gate.host_id, 'running', now_at) on conflict do nothing;
    if not found then
        return 'host_busy';
    end if;
    -- What checks say from now on tells of this change: the verification of an earlier one ends.
    update health_changes set verify_at = null, superseded_at = now_at,
        outcome = coalesce(outcome, 'failed'), judged_at = coalesce(judged_at, now_at)
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
