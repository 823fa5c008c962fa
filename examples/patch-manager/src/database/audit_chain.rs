//! The hash chain over the audit log (F270). Each link holds a record's hash and a hash over all records so
//! far, so that a later change or removal of a record shows.
//!
//! Writers do not use the chain and take no lock for it. A worker chains their committed records some
//! seconds later.

use healthgate::model::AuditId;
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Database, DatabaseError, in_transaction, tokens::hexadecimal, with_pool};

/// The result of a verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ChainReport {
    /// The number of records that are in the chain and in the log.
    pub(crate) records: u64,
    /// The number of chained records that pruning has deleted.
    pub(crate) pruned: u64,
    /// The number of records that are not chained yet.
    pub(crate) waiting: u64,
    /// The hash over all records. A copy kept elsewhere reveals a completely rebuilt chain.
    pub(crate) head: Option<String>,
    /// The detected faults.
    pub(crate) faults: Vec<ChainFault>,
}

/// A fault of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChainFault {
    /// The record differs from the chained one.
    Changed(AuditId),
    /// The record is missing, although it is too recent to be pruned.
    Missing(AuditId),
    /// The chain was changed at this record.
    Broken(AuditId),
    /// The record was inserted after the others were chained.
    Inserted(AuditId),
}

/// A link of the chain, with the log's current record.
#[derive(FromRow)]
struct Link {
    place: i64,
    audit_id: Uuid,
    at: i64,
    content: String,
    hash: String,
    record: Option<String>,
}

/// A record of the log.
#[derive(FromRow)]
struct Logged {
    id: Uuid,
    number: i64,
    at: i64,
    record: String,
}

/// The maximum number of records chained or read at once.
const AT_ONCE: i64 = 500;

/// A record that is committed after this many later ones is not chained, but reported as inserted.
const LATEST: i64 = 10_000;

/// The hashed text: a record of the log `a` as text, with its instant in microseconds and its host.
macro_rules! logged {
    (sqlite) => {
        "CAST(a.at AS TEXT) || '|' || COALESCE(HEX(a.host_id), '') || '|' || a.record"
    };
    (postgres) => {
        "(EXTRACT(EPOCH FROM a.at) * 1000000)::bigint::text || '|' || COALESCE(a.host_id::text, '') \
         || '|' || a.record::text"
    };
}

/// Records after `$1` that are not chained yet. `$at` is their instant in microseconds.
macro_rules! unchained {
    ($dialect:ident, $at:literal) => {
        concat!(
            "SELECT a.id, a.number, ",
            $at,
            " AS at, ",
            logged!($dialect),
            " AS record FROM health_audit a WHERE a.number > $1 AND NOT EXISTS \
             (SELECT 1 FROM audit_chain c WHERE c.audit_id = a.id) ORDER BY a.number LIMIT $2"
        )
    };
}

/// Links after the place `$1`, each with its record.
macro_rules! links {
    ($dialect:ident) => {
        concat!(
            "SELECT c.place, c.audit_id, c.at, c.content, c.hash, CASE WHEN a.id IS NULL THEN NULL ELSE ",
            logged!($dialect),
            " END AS record FROM audit_chain c LEFT JOIN health_audit a ON a.id = c.audit_id \
             WHERE c.place > $1 ORDER BY c.place LIMIT $2"
        )
    };
}

const UNCHAINED: [&str; 2] = [
    unchained!(sqlite, "a.at"),
    unchained!(postgres, "(EXTRACT(EPOCH FROM a.at) * 1000000)::bigint"),
];
const LINKS: [&str; 2] = [links!(sqlite), links!(postgres)];

fn digest(parts: [&str; 2]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hexadecimal(&hash.finalize())
}

/// Returns the hash of a single record.
fn content(id: Uuid, record: &str) -> String {
    digest([&id.to_string(), record])
}

impl Database {
    const fn dialect(&self) -> usize {
        match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(_) => 1,
        }
    }

    /// Chains a batch of committed records, and returns their number.
    pub(crate) async fn chain_audit(&self) -> Result<usize, DatabaseError> {
        // Workers take turns, and each chains what is committed by then.
        const LOCK: &str = "SELECT place FROM audit_chain ORDER BY place DESC LIMIT 1";
        const LAST: &str = "SELECT place, hash FROM audit_chain ORDER BY place DESC LIMIT 1";
        const NUMBER: &str = "SELECT COALESCE(MAX(audit_number), 0) FROM audit_chain";
        const ENTER: &str = "INSERT INTO audit_chain \
            (place, audit_id, audit_number, at, content, hash) VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT DO NOTHING";
        let unchained = UNCHAINED[self.dialect()];
        let behind: i64 = with_pool!(self, pool => {
            sqlx::query_scalar(NUMBER).fetch_one(pool).await
        })?;
        let waiting: Vec<Logged> = with_pool!(self, pool => {
            let query = sqlx::query_as(unchained).bind(behind - LATEST).bind(1_i64);
            query.fetch_all(pool).await
        })?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let is_postgres = matches!(self, Self::Postgres(_));
        in_transaction!(self, connection => {
            // Postgres needs a lock. On SQLite all writers take turns.
            let lock = if is_postgres { "SELECT pg_advisory_xact_lock(7205917302)::text" } else { LOCK };
            sqlx::query(lock).execute(&mut *connection).await?;
            let last: Option<(i64, String)> =
                sqlx::query_as(LAST).fetch_optional(&mut *connection).await?;
            let (mut place, mut hash) = last.unwrap_or_default();
            let query = sqlx::query_as(unchained).bind(behind - LATEST).bind(AT_ONCE);
            let records: Vec<Logged> = query.fetch_all(&mut *connection).await?;
            for record in &records {
                let content = content(record.id, &record.record);
                place += 1;
                hash = digest([&hash, &content]);
                sqlx::query(ENTER)
                    .bind(place)
                    .bind(record.id)
                    .bind(record.number)
                    .bind(record.at)
                    .bind(content)
                    .bind(&hash)
                    .execute(&mut *connection)
                    .await?;
            }
            records.len()
        })
    }

    /// Deletes links whose records were pruned, except for the last one: it anchors the following links.
    pub(crate) async fn prune_chain(&self, before: i64) -> Result<(), DatabaseError> {
        const FIRST: &str = "SELECT MIN(c.place) FROM audit_chain c \
            WHERE c.at >= $1 OR EXISTS (SELECT 1 FROM health_audit a WHERE a.id = c.audit_id)";
        const FORGET: &str = "DELETE FROM audit_chain WHERE place < $1";
        let first: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar(FIRST).bind(before).fetch_one(pool).await
        })?;
        let Some(first) = first else { return Ok(()) };
        in_transaction!(self, connection => {
            sqlx::query(FORGET).bind(first - 1).execute(&mut *connection).await?;
        })
    }

    /// Verifies the log against the chain. Records from before `pruned_before` may be missing.
    pub(crate) async fn verify_chain(
        &self,
        pruned_before: i64,
    ) -> Result<ChainReport, DatabaseError> {
        const COUNT: &str = "SELECT COALESCE(MAX(audit_number), 0), COUNT(*) FROM audit_chain";
        let mut report =
            ChainReport { records: 0, pruned: 0, waiting: 0, head: None, faults: Vec::new() };
        let mut place = None;
        loop {
            let links: Vec<Link> = with_pool!(self, pool => {
                let query = sqlx::query_as(LINKS[self.dialect()]);
                query.bind(place.unwrap_or(-1)).bind(AT_ONCE).fetch_all(pool).await
            })?;
            let Some(last) = links.last().map(|link| link.place) else { break };
            for link in &links {
                let id = AuditId::from_uuid(link.audit_id);
                // The first kept link is the anchor, unless it is the first of all.
                let before = match (place, &report.head) {
                    (Some(before), Some(hash)) if before + 1 == link.place => Some(hash.as_str()),
                    (None, _) if link.place == 1 => Some(""),
                    (None, _) => None,
                    _ => Some("a link is missing"),
                };
                if before.is_some_and(|before| digest([before, &link.content]) != link.hash) {
                    report.faults.push(ChainFault::Broken(id));
                }
                match &link.record {
                    Some(record) if content(link.audit_id, record) == link.content => {
                        report.records += 1;
                    }
                    Some(_) => report.faults.push(ChainFault::Changed(id)),
                    None if link.at < pruned_before => report.pruned += 1,
                    None => report.faults.push(ChainFault::Missing(id)),
                }
                place = Some(link.place);
                report.head = Some(link.hash.clone());
            }
            place = Some(last);
        }
        let (newest, links): (i64, i64) = with_pool!(self, pool => {
            sqlx::query_as(COUNT).fetch_one(pool).await
        })?;
        let mut behind = 0;
        loop {
            let unchained: Vec<Logged> = with_pool!(self, pool => {
                let query = sqlx::query_as(UNCHAINED[self.dialect()]);
                query.bind(behind).bind(AT_ONCE).fetch_all(pool).await
            })?;
            let Some(last) = unchained.last().map(|record| record.number) else { break };
            for record in &unchained {
                // Records from before the chain existed are chained from the oldest on.
                if links == 0 || record.number > newest - LATEST {
                    report.waiting += 1;
                } else {
                    report.faults.push(ChainFault::Inserted(AuditId::from_uuid(record.id)));
                }
            }
            behind = last;
        }
        Ok(report)
    }
}
