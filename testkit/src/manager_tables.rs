//! Tables of the existing manager that the library adopts.

/// Tables of checks and results as the manager created them, including its later column. They refer to a
/// table `hosts` with the key `id uuid`.
pub const MANAGER_CHECK_TABLES: &str = "
    create table host_health_checks (
        id uuid primary key default gen_random_uuid(),
        host_id uuid not null references hosts (id) on delete cascade,
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
            or (check_type = 'http' and url is not null and expected_body is not null
                and service_name is null)));
    create index idx_health_checks_host on host_health_checks (host_id);
    create table host_health_check_results (
        id uuid primary key default gen_random_uuid(),
        check_id uuid not null references host_health_checks (id) on delete cascade,
        healthy boolean not null,
        detail text,
        latency_ms integer,
        checked_at timestamptz not null default now());
    create index idx_health_results_check on host_health_check_results (check_id, checked_at desc);
    alter table host_health_checks
        add column target_host_id uuid references hosts (id) on delete set null;";
