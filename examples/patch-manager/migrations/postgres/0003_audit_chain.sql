-- Each record of the audit log, in the order in which it was chained: its hash, and the hash of all up to it.
CREATE TABLE IF NOT EXISTS audit_chain (
    place BIGINT PRIMARY KEY,
    audit_id UUID NOT NULL UNIQUE,
    audit_number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    content TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_chain_by_number ON audit_chain (audit_number);
