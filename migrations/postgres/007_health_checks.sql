-- Health checks, their results, schedules, gates and audit records, for healthgate.
--
-- `PgStore::migrate` runs this file; an application with migrations of its own can take it as it is, under the
-- number that it likes. It works in the schema that comes first in the search path: in an empty one, beside an
-- application's table `hosts` (which the checks then refer to), and over a database that has the two tables of
-- checks and results already, with data: no row is lost. Running it again changes nothing.
--
-- Over a large table of results, run `PgStore::migrate` instead: it prepares the table first, without locks on
-- writers. This file alone holds a lock on that table for about a second per two million rows.

-- Which table of hosts the checks refer to, if any. `PgStore::migrate` sets it; without a setting it is the table
-- `hosts` of this schema, where one column `id uuid` is its key.

create or replace function health_hosts_table() returns regclass language plpgsql as $$
declare
    way constant text := coalesce(nullif(current_setting('healthgate.hosts', true), ''), 'detect');
    wanted constant text := case way when 'named' then current_setting('healthgate.hosts_table')
                            else format('%I.hosts', current_schema()) end;
    found constant regclass := to_regclass(wanted);
    fault text;
begin
    if way = 'none' or (way = 'detect' and found is null) then
        return null;
    end if;
    fault := case
        when found is null then 'does not exist'
        when (select relkind from pg_class where oid = found) not in ('r', 'p') then 'is no table'
        when not exists (select from pg_attribute where attrelid = found and attname = 'id'
                         and atttypid = 'uuid'::regtype and not attisdropped) then 'has no column "id" of type uuid'
        when not exists (
            select from pg_index i join pg_attribute a on a.attrelid = found and a.attname = 'id'
            where i.indrelid = found and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
            and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) then 'has no unique key of the column "id" alone'
    end;
    if fault is null then
        return found;
    elsif way = 'named' then
        raise exception using errcode = 'HG001', message = format('the table of hosts %s %s', wanted, fault);
    end if;
    raise warning 'the checks do not refer to the table %, since it %: call forget_host for each host that is deleted',
        wanted, fault;
    return null;
end
$$;

-- What hangs on a table of results that is adopted, and cannot go over to the partitioned one that takes its place.
create or replace function health_adoption_obstacles(results regclass) returns text[] language sql stable as $$
    select array_agg(what order by what) from (
        select distinct 'the view ' || c.oid::regclass as what
        from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
        join pg_class c on c.oid = r.ev_class
        where d.refclassid = 'pg_class'::regclass and d.refobjid = results and c.oid <> results
        union select 'the rule ' || rulename from pg_rewrite where ev_class = results
        union select 'the foreign key ' || conname || ' of ' || conrelid::regclass
        from pg_constraint where contype = 'f' and confrelid = results
        union select 'the unique index ' || i.indexrelid::regclass from pg_index i
        join pg_attribute a on a.attrelid = results and a.attname = 'checked_at'
        where i.indrelid = results and i.indisunique and not i.indisprimary and not a.attnum = any(i.indkey)
        union select 'the trigger ' || tgname || ', which has transition tables' from pg_trigger
        where tgrelid = results and coalesce(tgoldtable, tgnewtable) is not null
        union select 'row security' from pg_class where oid = results and relrowsecurity
        union select 'the table ' || inhrelid::regclass || ', which inherits' from pg_inherits where inhparent = results
        union select 'a filter of the publication ' || pubname from pg_publication_rel r
        join pg_publication p on p.oid = r.prpubid
        where r.prrelid = results and coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') is not null
    ) found;
$$;

-- Tables that are adopted are locked at once and in one order: results, then checks, as whoever writes a result does.
-- With a `lock_timeout` below the server's `deadlock_timeout` nobody else ever dies of a deadlock with this file.
do $$
declare
    part text;
    obstacles text[];
begin
    obstacles := health_adoption_obstacles((
        select oid from pg_class where relkind = 'r'
        and oid = to_regclass(format('%I.host_health_check_results', current_schema()))));
    if obstacles is not null then
        raise exception using errcode = 'HG002', message = array_to_string(obstacles, ', ');
    end if;
    foreach part in array array['host_health_check_results', 'host_health_checks'] loop
        if to_regclass(format('%I.%I', current_schema(), part)) is not null then
            execute format('lock table %I in access exclusive mode', part);
        end if;
    end loop;
end
$$;

-- 1. Checks ---------------------------------------------------------------------------------------

create table if not exists host_health_checks (
    id uuid primary key default gen_random_uuid(),
    host_id uuid not null,
    name varchar(100) not null,
    check_type varchar(20) not null check (check_type in ('service', 'http')),
    enabled boolean not null default true,
    service_name varchar(200),
    url text,
    expected_body varchar(500),
    ignore_cert_errors boolean default true,
    basic_auth_user varchar(100),
    basic_auth_pass_encrypted bytea,
    basic_auth_pass_nonce bytea,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint valid_service_check check (
        (check_type = 'service' and service_name is not null and url is null)
        or (check_type = 'http' and url is not null and expected_body is not null and service_name is null)
    )
);

create index if not exists idx_health_checks_host on host_health_checks (host_id);

alter table host_health_checks
    add column if not exists target_host_id uuid,
    add column if not exists revision bigint not null default 1,
    -- What stands in a table that is adopted was sealed without associated data.
    add column if not exists secret_format smallint not null default 0;

do $$
declare
    checks constant regclass := format('%I.host_health_checks', current_schema())::regclass;
    hosts constant regclass := health_hosts_table();
    found name;
begin
    -- A target that is gone must show as such, and must not turn the check into one of its own host.
    for found in
        select c.conname from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'target_host_id'
        where c.conrelid = checks and c.contype = 'f' and c.conkey = array[a.attnum]
    loop
        execute format('alter table host_health_checks drop constraint %I', found);
    end loop;

    if not exists (select from pg_constraint where conrelid = checks and conname = 'valid_secret') then
        -- For what is written from now on: what is there already is told apart when it is opened.
        alter table host_health_checks add constraint valid_secret check (
            (basic_auth_pass_encrypted is null) = (basic_auth_pass_nonce is null)
            and (basic_auth_pass_nonce is null or octet_length(basic_auth_pass_nonce) = 12)
        ) not valid;
    end if;

    if hosts is not null and not exists (
        select from pg_constraint where conrelid = checks and contype = 'f' and confrelid = hosts
    ) then
        execute format('alter table host_health_checks add constraint host_health_checks_host_id_fkey '
            'foreign key (host_id) references %s (id) on delete cascade', hosts);
    end if;
end
$$;

-- 2. The installation -----------------------------------------------------------------------------

create table if not exists health_installation (
    singleton boolean primary key default true check (singleton),
    schema_version integer not null,
    install_id bytea,
    -- Where results of an adopted table end; null where none was adopted.
    adopted_before timestamptz
);

insert into health_installation (schema_version) values (1) on conflict do nothing;

-- 3. Results, a partition for each day ------------------------------------------------------------

do $$
declare
    results constant regclass := to_regclass(format('%I.host_health_check_results', current_schema()));
    kind constant "char" := (select relkind from pg_class where oid = results);
    bound name;
    edge timestamptz;
    -- What hangs on an adopted table goes over to the one that takes its place.
    triggers text[];
    indexes text[];
    grants text[];
    publications text[];
    owner name;
    statement text;
begin
    if results is null then
        create table host_health_check_results (
            id uuid not null default gen_random_uuid(),
            check_id uuid not null,
            healthy boolean not null,
            detail text,
            latency_ms integer,
            checked_at timestamptz not null default now(),
            revision bigint not null default 1,
            reason text,
            source text not null default 'poll',
            observer_fault boolean not null default false,
            endpoint jsonb
        ) partition by range (checked_at);
    elsif kind = 'r' then
        alter table host_health_check_results
            add column if not exists revision bigint not null default 1,
            add column if not exists reason text,
            add column if not exists source text not null default 'poll',
            add column if not exists observer_fault boolean not null default false,
            add column if not exists endpoint jsonb;

        -- Where the adopted results end: as it was prepared, or after the newest of them.
        select conname, to_timestamp(substr(conname, 16), 'YYYYMMDD')::timestamp at time zone 'UTC'
        into bound, edge
        from pg_constraint where conrelid = results and conname like 'adopted\_before\_%' and convalidated;
        if bound is null then
            -- What is dated in the future, or infinitely long ago, would keep partitions from being made and
            -- results from being pruned. It is put aside, and nothing of it is lost.
            if exists (select from host_health_check_results
                       where checked_at >= now() + interval '1 day' or checked_at = '-infinity') then
                create table if not exists host_health_check_results_put_aside (
                    put_aside_at timestamptz not null default now(),
                    result jsonb not null
                );
                with future as (
                    delete from host_health_check_results
                    where checked_at >= now() + interval '1 day' or checked_at = '-infinity'
                    returning *
                )
                insert into host_health_check_results_put_aside (result) select to_jsonb(future) from future;
                raise warning 'results that are dated in the future are put aside in host_health_check_results_put_aside';
            end if;
            select date_trunc('day', greatest(now(), max(checked_at)), 'UTC') + interval '48 hours'
            into edge from host_health_check_results;
        end if;

        -- The plan's index is not unique. Two results of one check in one microsecond are kept apart.
        drop index if exists idx_health_results_check;
        if to_regclass(format('%I.health_results_adopted_key', current_schema())) is null then
            loop
                with doubles as (
                    select ctid, row_number() over (partition by check_id, checked_at order by id) as place
                    from host_health_check_results
                )
                update host_health_check_results r
                set checked_at = r.checked_at - interval '1 microsecond' * (d.place - 1)
                from doubles d where d.ctid = r.ctid and d.place > 1;
                exit when not found;
            end loop;
            create unique index health_results_adopted_key
                on host_health_check_results (check_id, checked_at desc);
        end if;

        select rolname into owner from pg_class c join pg_roles r on r.oid = c.relowner where c.oid = results;
        select array_agg(pg_get_triggerdef(oid) order by tgname) || coalesce(array_agg(format(
            'alter table host_health_check_results %s trigger %I',
            case tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, tgname))
            filter (where tgenabled <> 'O'), '{}')
        into triggers from pg_trigger where tgrelid = results and not tgisinternal;
        select array_agg(pg_get_indexdef(indexrelid)) into indexes from pg_index i
        join pg_class c on c.oid = i.indexrelid
        where i.indrelid = results and not i.indisprimary and c.relname <> 'health_results_adopted_key';
        select array_agg(format('grant %s%s on host_health_check_results to %s%s', a.privilege_type, a.columns,
            case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end))
        into grants from (
            select e.*, '' as columns from pg_class c, aclexplode(c.relacl) e where c.oid = results
            union all
            select e.*, format(' (%I)', t.attname) from pg_attribute t, aclexplode(t.attacl) e
            where t.attrelid = results and not t.attisdropped
        ) a;
        select array_agg(format('alter publication %I add table host_health_check_results', pubname))
        into publications from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
        where r.prrelid = results;
        for statement in
            select format('drop trigger %I on host_health_check_results', tgname)
            from pg_trigger where tgrelid = results and not tgisinternal
            union all
            select format('alter index %s rename to %I', indexrelid::regclass, left(c.relname, 54) || '_adopted')
            from pg_index i join pg_class c on c.oid = i.indexrelid
            where i.indrelid = results and not i.indisprimary and c.relname <> 'health_results_adopted_key'
        loop
            execute statement;
        end loop;

        alter table host_health_check_results rename to host_health_check_results_adopted;
        create table host_health_check_results
            (like host_health_check_results_adopted including defaults) partition by range (checked_at);
        update health_installation set adopted_before = edge;
    end if;

    if results is null or kind = 'r' then
        create unique index idx_health_results_check
            on host_health_check_results (check_id, checked_at desc);
        alter table host_health_check_results add constraint host_health_check_results_check_id_fkey
            foreign key (check_id) references host_health_checks (id) on delete cascade;
    end if;
    if kind = 'r' then
        execute format(
            'alter table host_health_check_results attach partition host_health_check_results_adopted '
            'for values from (minvalue) to (%L)', edge);
        if bound is not null then
            execute format('alter table host_health_check_results_adopted drop constraint %I', bound);
        end if;
        if owner <> current_user then
            execute format('alter table host_health_check_results owner to %I', owner);
        end if;
        foreach statement in array coalesce(indexes, '{}') || coalesce(triggers, '{}') || coalesce(grants, '{}')
            || coalesce(publications, '{}')
        loop
            execute statement;
        end loop;
    end if;
end
$$;

-- Makes the partitions of these days (UTC) that are not there yet.
create or replace function health_make_partitions(first_day date, last_day date) returns void
language plpgsql set search_path from current as $$
declare
    day date;
    part text;
    adopted constant timestamptz := (
        select adopted_before from health_installation
        where to_regclass(format('%I.host_health_check_results_adopted', current_schema())) is not null);
begin
    for day in select generate_series(first_day, last_day, '1 day')::date loop
        part := 'host_health_check_results_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(format('%I.%I', current_schema(), part)) is not null;
        continue when (day + 1)::timestamp at time zone 'UTC' <= adopted;
        perform pg_advisory_xact_lock(hashtextextended('health_make_partitions', 0));
        -- Somebody else may have made it while this waited.
        continue when to_regclass(format('%I.%I', current_schema(), part)) is not null;
        execute format('create table %I (like host_health_check_results including defaults)', part);
        -- Attaching an empty table holds up nobody, unlike making it as a partition at once.
        execute format(
            'alter table host_health_check_results attach partition %I for values from (%L) to (%L)',
            part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
    end loop;
end
$$;

select health_make_partitions((now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date + 7);

-- 4. States and schedules -------------------------------------------------------------------------

-- The newest result of each check, updated in place: no index over what changes, and room in each page.
create table if not exists health_states (
    check_id uuid primary key references host_health_checks (id) on delete cascade,
    host_id uuid not null,
    revision bigint not null,
    reason text not null,
    detail text not null,
    latency_ms integer not null,
    checked_at timestamptz not null,
    source text not null,
    observer_fault boolean not null,
    endpoint jsonb,
    status text not null,
    since timestamptz not null,
    in_a_row integer not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create index if not exists health_states_host on health_states (host_id);

-- Fencing tokens never repeat, also where a host's row goes and comes again.
create sequence if not exists health_tokens;

create table if not exists health_schedule (
    host_id uuid primary key,
    next_due timestamptz not null,
    config_seq bigint not null default 1,
    token bigint not null default 0,
    owner uuid,
    lease_until timestamptz,
    lost_leases integer not null default 0,
    -- What the host's enabled checks came to when a result was last recorded, so that a list of hosts reads one
    -- row for each. `total` is null from a change of the checks until then: the host is counted from its states.
    total integer,
    -- How many of them have a result, and when the oldest and the newest of those were made.
    seen integer,
    first_checked_at timestamptz,
    last_checked_at timestamptz,
    healthy integer,
    unhealthy integer
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create index if not exists health_schedule_due on health_schedule (next_due, host_id);

do $$
declare
    hosts constant regclass := health_hosts_table();
begin
    if hosts is not null and not exists (
        select from pg_constraint where conname = 'health_schedule_host_id_fkey'
        and conrelid = format('%I.health_schedule', current_schema())::regclass
    ) then
        execute format('alter table health_schedule add constraint health_schedule_host_id_fkey '
            'foreign key (host_id) references %s (id) on delete cascade', hosts);
    end if;
end
$$;

-- Hosts of an adopted table are taken up over the next five minutes, not all at once.
insert into health_schedule (host_id, next_due)
select host_id, now() + random() * interval '5 minutes' from host_health_checks
where enabled group by host_id
on conflict do nothing;

-- 5. Gates ----------------------------------------------------------------------------------------

-- The record as JSON, beside the columns that conditions ask for.
create table if not exists health_gates (
    id uuid primary key,
    job_id uuid not null,
    host_id uuid not null,
    state text not null check (state in ('waiting', 'passed', 'spent', 'failed', 'cancelled')),
    opened_at timestamptz not null,
    closes_at timestamptz not null,
    pass_valid_until timestamptz,
    cancel_requested boolean not null,
    token bigint not null default 0,
    owner uuid,
    lease_until timestamptz,
    record jsonb not null,
    constraint health_gates_job_host unique (job_id, host_id)
) with (fillfactor = 70);

create unique index if not exists health_gates_unfinished
    on health_gates (host_id) where state in ('waiting', 'passed');
create index if not exists health_gates_due
    on health_gates (closes_at, id) where state in ('waiting', 'passed');

create table if not exists health_gate_attempts (
    gate_id uuid not null references health_gates (id) on delete cascade,
    attempt integer not null,
    outcome text not null,
    record jsonb not null,
    primary key (gate_id, attempt)
);

create index if not exists health_gate_attempts_running
    on health_gate_attempts (gate_id) where outcome = 'running';

-- 6. Audit and keys -------------------------------------------------------------------------------

create table if not exists health_audit (
    number bigint generated always as identity primary key,
    id uuid not null constraint health_audit_id unique,
    at timestamptz not null,
    host_id uuid,
    record jsonb not null
);

create index if not exists health_audit_host on health_audit (host_id, number);

create table if not exists health_key_canaries (
    number bigint generated always as identity primary key,
    key_id bytea not null constraint health_key_canaries_key unique,
    nonce bytea not null,
    ciphertext bytea not null,
    entered_at timestamptz not null default now()
);

drop function health_hosts_table();
drop function health_adoption_obstacles(regclass);
