-- What the schema has had since version 5: availability groups.

-- Of a group's members only so many may be down or under change.
create table health_groups (
    name            text primary key not null,
    max_unavailable integer not null check (max_unavailable > 0),
    stale_after_us  integer not null
) strict, without rowid;

create table health_group_members (
    group_name  text not null references health_groups (name) on delete cascade,
    host_id     blob not null,
    primary key (group_name, host_id)
) strict, without rowid;

create index idx_health_group_members_host on health_group_members (host_id);
