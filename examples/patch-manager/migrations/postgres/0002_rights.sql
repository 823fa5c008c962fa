-- Jobs with a name, of which one can be a trial, and the reason for going around the gate.
ALTER TABLE jobs ADD COLUMN name TEXT;
ALTER TABLE jobs ADD COLUMN reason TEXT;
ALTER TABLE jobs ADD COLUMN dry_run BIGINT NOT NULL DEFAULT 0;
-- A user whom the configuration no longer has cannot sign in.
ALTER TABLE users ADD COLUMN locked_at BIGINT;
ALTER TABLE tokens ADD COLUMN name TEXT;
ALTER TABLE tokens ADD COLUMN expires_at BIGINT;
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT;
-- Who may lift a pause again; one from before was set by an operator for all that is known.
ALTER TABLE hosts ADD COLUMN paused_by_role TEXT;
