-- How long the hosts of a job are verified after their patch, as JSON; null follows the configuration.
ALTER TABLE jobs ADD COLUMN verify TEXT;
-- A host that was patched is verified. What its checks said is kept with the change of the host, and no more here.
CREATE TABLE job_hosts_anew (
    job_id BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    host_id BLOB NOT NULL,
    host_name TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'waiting', 'patching', 'verifying', 'succeeded', 'failed', 'unverified',
            'cancelled')),
    detail TEXT NOT NULL,
    opens_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    pass_id BLOB,
    worker BLOB,
    lease_until BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    PRIMARY KEY (job_id, host_id)
);
INSERT INTO job_hosts_anew
    SELECT job_id, host_id, host_name, status, detail, opens_at, closes_at, retry_at, pass_id, worker, lease_until,
        started_at, finished_at FROM job_hosts;
DROP TABLE job_hosts;
ALTER TABLE job_hosts_anew RENAME TO job_hosts;
CREATE INDEX job_hosts_unfinished ON job_hosts (status, retry_at)
    WHERE status IN ('queued', 'waiting', 'patching', 'verifying');
CREATE INDEX job_hosts_by_host ON job_hosts (host_id, job_id);
