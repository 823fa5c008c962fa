-- How long the hosts of a job are verified after their patch, as JSON; null follows the configuration.
ALTER TABLE jobs ADD COLUMN verify TEXT;
-- A host that was patched is verified. What its checks said is kept with the change of the host, and no more here.
ALTER TABLE job_hosts DROP CONSTRAINT job_hosts_status_check;
ALTER TABLE job_hosts ADD CONSTRAINT job_hosts_status_check CHECK (status IN ('queued', 'waiting', 'patching',
    'verifying', 'succeeded', 'failed', 'unverified', 'cancelled'));
ALTER TABLE job_hosts DROP COLUMN recheck;
DROP INDEX job_hosts_unfinished;
CREATE INDEX job_hosts_unfinished ON job_hosts (status, retry_at)
    WHERE status IN ('queued', 'waiting', 'patching', 'verifying');
