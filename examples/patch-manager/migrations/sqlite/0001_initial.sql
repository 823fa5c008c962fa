-- Ids are 16 bytes; instants are microseconds since 1970, UTC.
CREATE TABLE groups (
    name TEXT PRIMARY KEY
);
CREATE TABLE hosts (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    agent_port BIGINT NOT NULL,
    agent_identity TEXT,
    paused_reason TEXT,
    paused_by TEXT,
    paused_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX hosts_by_name ON hosts (name, id);
CREATE TABLE host_groups (
    host_id BLOB NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    PRIMARY KEY (host_id, group_name)
);
CREATE INDEX host_groups_by_group ON host_groups (group_name, host_id);
CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'reporter')),
    created_at BIGINT NOT NULL
);
CREATE TABLE user_groups (
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    PRIMARY KEY (user_name, group_name)
);
CREATE TABLE tokens (
    token_sha256 TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('file', 'issued')),
    created_at BIGINT NOT NULL
);
CREATE INDEX tokens_by_user ON tokens (user_name);
CREATE TABLE maintenance_windows (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    recurrence TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE window_hosts (
    window_id BLOB NOT NULL REFERENCES maintenance_windows (id) ON DELETE CASCADE,
    host_id BLOB NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    PRIMARY KEY (window_id, host_id)
);
CREATE INDEX window_hosts_by_host ON window_hosts (host_id);
CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('patch', 'rollback')),
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    window_kind TEXT NOT NULL CHECK (window_kind IN ('explicit', 'immediate', 'maintenance')),
    opens_at BIGINT,
    closes_at BIGINT,
    report_only BIGINT NOT NULL,
    cancelled_at BIGINT,
    cancelled_by TEXT
);
CREATE TABLE job_hosts (
    job_id BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    host_id BLOB NOT NULL,
    host_name TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'waiting', 'patching', 'succeeded', 'failed', 'cancelled')),
    detail TEXT NOT NULL,
    opens_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    pass_id BLOB,
    worker BLOB,
    lease_until BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    recheck TEXT,
    PRIMARY KEY (job_id, host_id)
);
CREATE INDEX job_hosts_unfinished ON job_hosts (status, retry_at)
    WHERE status IN ('queued', 'waiting', 'patching');
CREATE INDEX job_hosts_by_host ON job_hosts (host_id, job_id);
