-- What the schema has had since version 7: a pass is not spent on what checks said before an earlier change of its host.
--
-- `PgStore::migrate` runs this file after 012; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- Changes of hosts ----------------------------------------------------------------------------------

-- A host's newest change. Each spending moves the mark, so that a transaction that looks at an older snapshot meets it
-- and fails, instead of overlooking a change that began and ended meanwhile.
alter table health_changes add column if not exists newest boolean not null default false;
update health_changes c set newest = true
where not c.newest and c.number = (select max(o.number) from health_changes o where o.host_id = c.host_id);
create unique index if not exists health_changes_newest on health_changes (host_id) where newest;

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
    earlier_end timestamptz;
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

    -- What this block does is undone as a whole if the host's newest change does not allow another one.
    begin
        -- A change without a reported end is over after this time, and has failed.
        update health_changes set state = 'ended', ended_at = started_at + interval '30 minutes',
            outcome = coalesce(outcome, 'failed'), judged_at = coalesce(judged_at, started_at + interval '30 minutes')
        where host_id = gate.host_id and state = 'running' and started_at + interval '30 minutes' <= now_at;
        update health_changes set newest = false where host_id = gate.host_id and newest
        returning coalesce(ended_at, started_at + interval '30 minutes') into earlier_end;
        insert into health_changes (pass_id, gate_id, job_id, host_id, state, started_at, newest)
        values (wanted, gate.id, gate.job_id, gate.host_id, 'running', now_at, true) on conflict do nothing;
        if not found then
            raise exception using errcode = 'HG001', message = 'host_busy';
        end if;
        -- Checks that ran before the end of the earlier change tell of the host as it was then.
        if earlier_end is not null and pass ->> 'kind' in ('healthy', 'overridden') and exists (
            select from jsonb_array_elements(pass -> 'evidence') as one (entry)
            where (one.entry ->> 'healthy')::boolean and one.entry ->> 'check_id' is not null
                and (one.entry ->> 'checked_at')::timestamptz < least(earlier_end, now_at)
        ) then
            raise exception using errcode = 'HG001', message = 'outdated';
        end if;
    exception when sqlstate 'HG001' then
        return sqlerrm;
    end;
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

update health_installation set schema_version = greatest(schema_version, 7);
