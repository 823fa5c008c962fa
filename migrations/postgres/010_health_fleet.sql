-- What the schema has had since version 4: see each section.
--
-- `PgStore::migrate` runs this file after 009; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- States of adopted checks --------------------------------------------------------------------------

-- A check that has results and no state yet shows its newest one until its first run. A result from before the
-- check was edited says nothing of it as it is now: its revision is none that the check ever had.
insert into health_states (check_id, host_id, revision, reason, detail, latency_ms, checked_at, source,
    observer_fault, endpoint, status, since, in_a_row, epoch)
select c.id, c.host_id,
    case when r.checked_at < c.updated_at and c.created_at < c.updated_at then 0 else r.revision end,
    coalesce(r.reason, case when r.healthy then 'ok' when c.check_type = 'service' then 'service_unhealthy'
             else 'status' end),
    coalesce(r.detail, ''), greatest(coalesce(r.latency_ms, 0), 0), r.checked_at, r.source, r.observer_fault,
    r.endpoint, case when r.healthy then 'healthy' else 'unhealthy' end, r.checked_at, 1, r.epoch
from host_health_checks c cross join lateral (
    select * from host_health_check_results r
    where r.check_id = c.id and r.checked_at <= now() and r.checked_at > '-infinity'
    order by r.checked_at desc limit 1
) r
where not exists (select from health_states s where s.check_id = c.id)
on conflict do nothing;

-- What refers to what -------------------------------------------------------------------------------

-- A host that is deleted takes its checks along, and nothing else that workers lock: its schedule row is dropped by
-- the next claim of it (F229). Results refer to no check either, so that making or dropping a day locks no writer of
-- checks; a trigger deletes those of a check that is deleted.
do $$
declare
    results constant regclass := format('%I.host_health_check_results', current_schema())::regclass;
    checks constant regclass := format('%I.host_health_checks', current_schema())::regclass;
    schedule constant regclass := format('%I.health_schedule', current_schema())::regclass;
    found record;
    locked text;
begin
    if not exists (
        select from pg_constraint where contype = 'f' and conparentid = 0 and (conrelid = schedule
        or confrelid = checks and (conrelid = results or conrelid in (
            select inhrelid from pg_inherits where inhparent = results)))
    ) then
        return;
    end if;
    -- At once, and hosts first, as whoever deletes one does. With a short `lock_timeout` nobody else ever dies of a
    -- deadlock with this file.
    for locked in
        select confrelid::regclass::text from pg_constraint where contype = 'f' and conrelid = schedule
        and has_table_privilege(confrelid, 'update, delete, truncate')
        union all select results::text union all select checks::text union all select schedule::text
    loop
        execute format('lock table %s in access exclusive mode', locked);
    end loop;
    for found in
        select conrelid::regclass as referring, conname from pg_constraint
        where contype = 'f' and conparentid = 0 and (conrelid = schedule
        or confrelid = checks and (conrelid = results or conrelid in (
            select inhrelid from pg_inherits where inhparent = results)))
    loop
        execute format('alter table %s drop constraint %I', found.referring, found.conname);
    end loop;
end
$$;

-- Where results are published, a row that is deleted or corrected needs something that tells which it was.
create or replace function health_identify_rows(part regclass) returns void language plpgsql as $$
declare
    key constant name := (
        select k.relname from pg_index i join pg_class k on k.oid = i.indexrelid
        where i.indrelid = part and i.indisunique and i.indimmediate and i.indisvalid
        and i.indpred is null and i.indexprs is null and not exists (
            select from pg_attribute a where a.attrelid = part and a.attnum = any(i.indkey) and not a.attnotnull)
        order by k.relname limit 1);
begin
    if (select relreplident from pg_class where oid = part) <> 'd'
        or exists (select from pg_index where indrelid = part and indisprimary) then
        return;
    elsif key is null then
        execute format('alter table %s replica identity full', part);
    else
        execute format('alter table %s replica identity using index %I', part, key);
    end if;
end
$$;

select health_identify_rows(inhrelid) from pg_inherits
where inhparent = format('%I.host_health_check_results', current_schema())::regclass;

create or replace function health_forget_results() returns trigger language plpgsql security definer as $$
begin
    delete from host_health_check_results where check_id = any(array(select id from gone));
    return null;
end
$$;

create or replace trigger health_forget_results after delete on host_health_checks
    referencing old table as gone for each statement execute function health_forget_results();

-- Days of results -----------------------------------------------------------------------------------

-- Makes the partitions of these days (UTC) that are not there yet. Whoever may insert results may call it.
create or replace function health_make_partitions(first_day date, last_day date) returns void
language plpgsql security definer as $$
declare
    day date;
    part text;
    adopted constant timestamptz := (
        select adopted_before from health_installation
        where to_regclass(format('%I.host_health_check_results_adopted', current_schema())) is not null);
begin
    if not has_table_privilege(session_user, 'host_health_check_results', 'insert') then
        raise exception using errcode = '42501', message = 'results may not be inserted by ' || session_user;
    elsif last_day - first_day > 40 then
        raise exception using errcode = '22023', message = 'too many days at once';
    end if;
    for day in select generate_series(first_day, last_day, '1 day')::date loop
        part := 'host_health_check_results_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(format('%I.%I', current_schema(), part)) is not null;
        continue when (day + 1)::timestamp at time zone 'UTC' <= adopted;
        perform pg_advisory_xact_lock(hashtextextended('health_make_partitions ' || current_schema(), 0));
        -- Somebody else may have made it while this waited.
        continue when to_regclass(format('%I.%I', current_schema(), part)) is not null;
        execute format('create table %I (like host_health_check_results including defaults)', part);
        -- Attaching an empty table holds up nobody, unlike making it as a partition at once.
        execute format(
            'alter table host_health_check_results attach partition %I for values from (%L) to (%L)',
            part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
        perform health_identify_rows(format('%I.%I', current_schema(), part)::regclass);
    end loop;
end
$$;

-- Drops a partition of results, and answers whether it is gone: not where somebody uses it, which is waited for for at
-- most 100 ms. Whoever may delete results may call it; who owns them detaches it beside its readers instead.
create or replace function health_drop_partition(part text) returns boolean
language plpgsql security definer as $$
declare
    dropped constant regclass := (
        select inhrelid from pg_inherits
        where inhparent = 'host_health_check_results'::regclass and inhrelid = to_regclass(part));
begin
    if not has_table_privilege(session_user, 'host_health_check_results', 'delete') then
        raise exception using errcode = '42501', message = 'results may not be deleted by ' || session_user;
    elsif dropped is null then
        return true;
    end if;
    begin
        lock table only host_health_check_results in access exclusive mode;
        -- Nobody is to wait any longer for the one while this waits for the other.
        execute format('lock table %s in access exclusive mode nowait', dropped);
    exception when lock_not_available then
        return false;
    end;
    execute format('drop table %s', dropped);
    return true;
end
$$;

-- Due hosts ------------------------------------------------------------------------------------------

-- Workers look at no row below the least due time that they have seen. A row that is due earlier is counted here in the
-- same transaction, and then they look at all again.
alter table health_installation add column if not exists due_resets bigint not null default 0;

create or replace function health_note_early_due() returns trigger language plpgsql security definer as $$
declare
    own constant text := pg_current_xact_id()::text;
begin
    if current_setting('healthgate.early_due', true) is distinct from own then
        update health_installation set due_resets = due_resets + 1;
        perform set_config('healthgate.early_due', own, true);
    end if;
    return null;
end
$$;

create or replace trigger health_note_early_due after insert or update of next_due on health_schedule
    for each row when (new.next_due < clock_timestamp() - interval '5 seconds')
    execute function health_note_early_due();

-- Attempts -------------------------------------------------------------------------------------------

-- The attempt that a gate began last, as a row of `health_gate_attempts` would have it. It gets a row once it has
-- ended, so that an attempt writes one row the less.
alter table health_gates add column if not exists running jsonb;

-- Rights of these functions -------------------------------------------------------------------------

do $$
begin
    -- No object of the caller's may be taken for one of the tables.
    execute format('alter function health_forget_results() set search_path = %I, pg_temp', current_schema());
    execute format('alter function health_make_partitions(date, date) set search_path = %I, pg_temp', current_schema());
    execute format('alter function health_note_early_due() set search_path = %I, pg_temp', current_schema());
    execute format('alter function health_drop_partition(text) set search_path = %I, pg_temp', current_schema());
end
$$;
alter function health_drop_partition(text) set lock_timeout = '100ms';

-- Fencing tokens are drawn by whoever may write to the tables.
grant usage on sequence health_tokens to public;

-- Last: the version ---------------------------------------------------------------------------------

update health_installation set schema_version = greatest(schema_version, 4);
