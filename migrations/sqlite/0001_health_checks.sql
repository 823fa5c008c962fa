-- Ids are BLOBs of 16 bytes: half of their text, and UUIDs of version 7 still sort by their time.
-- Instants are INTEGER microseconds since 1970, UTC.

create table health_meta (
    only_row    integer primary key check (only_row = 1),
    install_id  blob check (length(install_id) = 16)
) strict;

insert into health_meta (only_row) values (1);

-- The plan's table. `number` is never used again, keeps the order of making, and is the short key
-- of the rows that there are many of.
create table host_health_checks (
    number                      integer primary key autoincrement,
    id                          blob not null unique check (length(id) = 16),
    host_id                     blob not null check (length(host_id) = 16),
    name                        text not null,
    check_type                  text not null check (check_type in ('service', 'http')),
    enabled                     integer not null default 1,
    service_name                text,
    target_host_id              blob,
    url                         text,
    expected_body               text,
    ignore_cert_errors          integer default 1,
    basic_auth_user             text,
    basic_auth_pass_encrypted   blob,
    basic_auth_pass_nonce       blob,
    secret_format               integer not null default 1,
    created_at                  integer not null,
    updated_at                  integer not null,
    revision                    integer not null,
    constraint valid_service_check check (
        (check_type = 'service' and service_name is not null and url is null)
        or (check_type = 'http' and url is not null and expected_body is not null
            and service_name is null)),
    constraint sealed_with_nonce check (
        (basic_auth_pass_encrypted is null) = (basic_auth_pass_nonce is null))
) strict;

create index idx_health_checks_host on host_health_checks (host_id, number);
create index idx_health_checks_sealed on host_health_checks (id)
    where basic_auth_pass_encrypted is not null;

-- One row for each host with an enabled check: when it is due, and who has it.
create table health_schedule (
    host_id     blob primary key,
    due_at      integer not null,
    config_seq  integer not null,
    lost_leases integer not null,
    owner       blob,
    token       integer not null,
    lease_until integer
) strict, without rowid;

create index idx_health_schedule_due on health_schedule (due_at);

-- The newest result of each check, updated in place, so that no list reads the history.
create table health_states (
    check_number    integer primary key
                    references host_health_checks (number) on delete cascade,
    status          text not null,
    since           integer not null,
    in_a_row        integer not null,
    result_revision integer not null,
    reason          text not null,
    detail          text not null,
    latency_ms      integer not null,
    checked_at      integer not null,
    source          text not null,
    observer_fault  integer not null,
    endpoint        text
) strict;

create table host_health_check_results (
    check_number    integer not null
                    references host_health_checks (number) on delete cascade,
    checked_at      integer not null,
    result_revision integer not null,
    reason          text not null,
    detail          text not null,
    latency_ms      integer not null,
    source          text not null,
    observer_fault  integer not null,
    endpoint        text,
    primary key (check_number, checked_at)
) strict, without rowid;

create index idx_health_results_age on host_health_check_results (checked_at);

-- How many results each hour holds, so that pruning can tell how much of all would go (F49)
-- without counting the table.
create table health_result_hours (
    hour    integer primary key,
    results integer not null
) strict;

create trigger health_result_made after insert on host_health_check_results begin
    insert into health_result_hours (hour, results) values (new.checked_at / 3600000000, 1)
        on conflict (hour) do update set results = results + 1;
end;

create trigger health_result_gone after delete on host_health_check_results begin
    update health_result_hours set results = results - 1 where hour = old.checked_at / 3600000000;
    delete from health_result_hours where hour = old.checked_at / 3600000000 and results <= 0;
end;

-- What a statement asks about a gate has a column; the rest is in the record.
create table health_gates (
    number              integer primary key,
    id                  blob not null unique check (length(id) = 16),
    job_id              blob not null,
    host_id             blob not null,
    state               text not null,
    closes_at           integer not null,
    pass_valid_until    integer,
    cancel_requested    integer not null,
    owner               blob,
    token               integer not null,
    lease_until         integer,
    record              text not null,
    unique (job_id, host_id)
) strict;

create unique index idx_health_gates_unfinished on health_gates (host_id)
    where state in ('waiting', 'passed');
create index idx_health_gates_closing on health_gates (closes_at)
    where state in ('waiting', 'passed');

create table health_gate_attempts (
    gate_number integer not null references health_gates (number) on delete cascade,
    attempt     integer not null,
    outcome     text not null,
    record      text not null,
    primary key (gate_number, attempt)
) strict, without rowid;

create table health_audit (
    number  integer primary key autoincrement,
    id      blob not null unique,
    at      integer not null,
    host_id blob,
    record  text not null
) strict;

create index idx_health_audit_host on health_audit (host_id, number);

create table health_key_canaries (
    number      integer primary key autoincrement,
    key_id      blob not null check (length(key_id) = 8),
    nonce       blob not null,
    ciphertext  blob not null
) strict;
