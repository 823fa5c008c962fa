//! The manager's database as it was before: its tables, and what is in them and in those of checks.

/// The manager's tables, as far as the library has to do with them.
pub(crate) const TABLES: &str = "
    create type job_status as enum ('queued', 'pending', 'running', 'succeeded', 'failed',
        'cancelled', 'waiting_health_check');
    create table hosts (
        id uuid primary key, fqdn text not null, ip_address inet not null,
        agent_port integer not null default 12443, unique (fqdn, ip_address));
    create table groups (id uuid primary key default gen_random_uuid(), name text not null unique);
    create table users (
        id uuid primary key default gen_random_uuid(), username text not null unique,
        role text not null);
    create table host_groups (
        host_id uuid references hosts (id) on delete cascade,
        group_id uuid references groups (id) on delete cascade, primary key (host_id, group_id));
    create table user_groups (
        user_id uuid references users (id) on delete cascade,
        group_id uuid references groups (id) on delete cascade, primary key (user_id, group_id));
    create table maintenance_windows (
        id uuid primary key default gen_random_uuid(),
        host_id uuid not null references hosts (id) on delete cascade,
        recurrence text not null check (recurrence in ('once', 'daily', 'weekly', 'monthly')),
        start_at timestamptz not null, duration_minutes integer not null default 60,
        recurrence_day integer, enabled boolean not null default true);
    create table patch_jobs (
        id uuid primary key, status job_status not null default 'queued',
        kind text not null default 'patch_apply', immediate boolean not null default false,
        maintenance_window_id uuid references maintenance_windows (id) on delete set null,
        created_at timestamptz not null default now());
    create table patch_job_hosts (
        id uuid primary key default gen_random_uuid(),
        job_id uuid not null references patch_jobs (id) on delete cascade,
        host_id uuid not null references hosts (id) on delete cascade,
        status job_status not null default 'queued', last_error text, error_message text, output text,
        started_at timestamptz, completed_at timestamptz, unique (job_id, host_id));
    create table audit_log (
        id bigint generated always as identity primary key, at timestamptz not null,
        action text not null, username text, details text not null,
        prev_hash bytea not null, row_hash bytea not null);";

/// Hosts 1 to 4 in the group `web`, 5 in no group; olga operates `web` and oleg nothing; a service
/// check of each of 1 to 4, that of host 2 at the agent of host 1.
pub(crate) const ROWS: &str = "
    insert into hosts (id, fqdn, ip_address, agent_port)
    select ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'host-' || n, '127.0.0.1', $PORT
    from generate_series(1, 5) n;
    insert into groups (name) values ('web'), ('db');
    insert into host_groups select h.id, g.id from hosts h, groups g
    where g.name = 'web' and h.fqdn <> 'host-5';
    insert into users (username, role)
    values ('ada', 'admin'), ('olga', 'operator'), ('oleg', 'operator'), ('rita', 'reporter');
    insert into user_groups select u.id, g.id from users u, groups g
    where (u.username, g.name) in (('olga', 'web'), ('oleg', 'db'), ('rita', 'web'));
    insert into host_health_checks (host_id, name, check_type, service_name)
    select id, 'service', 'service', fqdn from hosts where fqdn <> 'host-5';
    update host_health_checks set target_host_id = '00000000-0000-0000-0000-000000000001'
    where service_name = 'host-2';
    insert into host_health_check_results (check_id, healthy, detail, latency_ms, checked_at)
    select c.id, n % 7 <> 0, 'made ' || n, n, now() - n * interval '5 minutes'
    from host_health_checks c, generate_series(1, 500) n;";
