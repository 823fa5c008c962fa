-- What the schema has had since version 6: availability groups.
--
-- `PgStore::migrate` runs this file after 011; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- Availability groups -----------------------------------------------------------------------------

-- Of a group's members only so many may be down or under change. `PgStore::put_groups` writes both tables.
create table if not exists health_groups (
    name text collate "C" primary key,
    max_unavailable integer not null check (max_unavailable > 0),
    stale_after_us bigint not null
);
create table if not exists health_group_members (
    group_name text collate "C" not null references health_groups (name) on delete cascade,
    host_id uuid not null,
    primary key (group_name, host_id)
);
create index if not exists health_group_members_host on health_group_members (host_id);

-- The members of a group that are unavailable: a change of the host goes on, its verification included, or an enabled
-- check is not known to be healthy by a run that began after the newest change had ended.
create or replace function health_group_unavailable(wanted text, now_at timestamptz) returns setof uuid
language sql stable set search_path from current as $$
    select m.host_id
    from health_groups g
    join health_group_members m on m.group_name = g.name
    cross join health_installation i
    left join lateral (
        select least(coalesce(c.ended_at, c.started_at + interval '30 minutes'), now_at) as ended_at,
            c.outcome is null and (c.verify_at is not null
                or c.state = 'running' and c.started_at + interval '30 minutes' > now_at) as goes_on
        from health_changes c where c.host_id = m.host_id order by c.number desc limit 1
    ) change on true
    where g.name = wanted and (coalesce(change.goes_on, false) or exists (
        select from host_health_checks c left join health_states s on s.check_id = c.id
        where c.host_id = m.host_id and c.enabled and not coalesce(
            s.status = 'healthy' and s.revision = c.revision and s.epoch = i.clock_epoch
            and s.checked_at between now_at - g.stale_after_us * interval '1 microsecond' and now_at
            and s.checked_at >= coalesce(change.ended_at, '-infinity'), false)))
$$;

-- Passes ------------------------------------------------------------------------------------------

-- Spends a pass in the caller's transaction, from any driver, and answers 'spent' or why not: 'already_spent',
-- 'expired', 'cancelled', 'superseded', 'host_busy', 'outdated', for a job with a rollout 'no_slot', 'halted', and for
-- a host in an availability group 'group_at_limit'.
--
-- It judges what is stored of the gate by the database's clock, as `store::transition::refusal` does. It asks no source, no
-- right and no hook: ask `Gate` before. Spend last, and commit at once: the gate is locked until then, and only a
-- commit makes the answer true. The pass of a rollout, or of a host in a group, needs a transaction that sees what
-- others have committed meanwhile: `read committed`.
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
    grouped boolean;
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
    -- So do two of one group, all groups in one order.
    perform from health_groups g
    where g.name in (select m.group_name from health_group_members m where m.host_id = gate.host_id)
    order by g.name for update of g;
    grouped := found;
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

    if (grouped or rollout.job_id is not null) and current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a pass of a rollout or of a group is spent in a transaction that is read committed'
            using errcode = 'invalid_transaction_state';
    end if;
    if rollout.job_id is not null then
        counts := health_rollout_counts(gate.job_id, now_at);
        if rollout.halted is not null or counts.failed > rollout.failure_budget + rollout.forgiven then
            return 'halted';
        elsif counts.spent >= rollout.admitted or counts.in_flight >= rollout.max_in_flight then
            return 'no_slot';
        end if;
    end if;
    if grouped and exists (
        select from health_groups g join health_group_members m on m.group_name = g.name
        where m.host_id = gate.host_id and g.max_unavailable <= (
            select count(*) from health_group_unavailable(g.name, now_at) as one (host_id)
            where one.host_id <> gate.host_id)
    ) then
        return 'group_at_limit';
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

update health_installation set schema_version = greatest(schema_version, 6);
