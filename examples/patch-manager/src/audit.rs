//! The audit log on the command line, and the upkeep of its hash chain.

use std::{io::Write as _, path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use healthgate::{model::AuditId, store::AuditFilter};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    app::{self, Schema},
    cli::AuditAction,
    config::Config,
    database::{ChainFault, ChainReport, Database, micros},
    error::Failure,
};

/// The interval at which committed records are chained.
const EVERY: Duration = Duration::from_secs(5);
/// The number of rounds between two deletions of old links: an hour.
const ROUNDS: u32 = 720;
/// Pruning deletes expired records within this time.
const PRUNED_WITHIN: TimeDelta = TimeDelta::days(2);
/// The maximum number of records read at once.
const AT_ONCE: u32 = 200;

/// Chains the audit log until `stop` is cancelled, and once more at the end.
pub(crate) async fn keep_chain(
    database: Database,
    retention: Option<Duration>,
    stop: CancellationToken,
) {
    let mut rounds = 0_u32;
    loop {
        let stopping = tokio::time::timeout(EVERY, stop.cancelled()).await.is_ok();
        let chained = async {
            while database.chain_audit().await? > 0 {}
            rounds += 1;
            match retention {
                Some(retention) if rounds.is_multiple_of(ROUNDS) => {
                    database.prune_chain(pruned_before(Some(retention))).await
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = chained.await {
            warn!(%error, "the audit log could not be chained yet");
        }
        if stopping {
            return;
        }
    }
}

/// Returns the instant before which records may have been pruned.
fn pruned_before(retention: Option<Duration>) -> i64 {
    let retention = retention.and_then(|retention| TimeDelta::from_std(retention).ok());
    let before = retention.and_then(|age| Utc::now().checked_sub_signed(age));
    before.map_or(i64::MIN, |before| micros(before + PRUNED_WITHIN))
}

/// Runs a subcommand.
///
/// # Errors
/// Fails if the database cannot be read, or the log does not match its chain.
pub(crate) async fn run(action: AuditAction) -> Result<(), Failure> {
    match action {
        AuditAction::Verify(option) => verify(&option.config).await,
        AuditAction::Export(option) => export(&option.config).await,
    }
}

async fn verify(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let opened = app::open(&config.database, Schema::Leave).await?;
    let before = pruned_before(config.worker.audit_retention);
    let report = opened.database.verify_chain(before).await;
    opened.database.close().await;
    let ChainReport { records, pruned, waiting, head, faults } = report?;
    for fault in &faults {
        println!("{}", words(fault));
    }
    if !faults.is_empty() {
        return Err(Failure::AuditChain { faults: faults.len() });
    }
    let head = head.unwrap_or_else(|| "none yet".to_owned());
    println!(
        "{records} records are as they were chained, {pruned} have left for their age, {waiting} are not \
         chained yet; the hash over all is {head}"
    );
    Ok(())
}

fn words(fault: &ChainFault) -> String {
    match fault {
        ChainFault::Changed(id) => format!("the record {id} was changed"),
        ChainFault::Missing(id) => format!("the record {id} was removed"),
        ChainFault::Broken(id) => format!("the chain was changed at the record {id}"),
        ChainFault::Inserted(id) => format!("the record {id} was put in later"),
    }
}

async fn export(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let opened = app::open(&config.database, Schema::Leave).await?;
    let failed = |source| Failure::Io { what: "the records cannot be printed", source };
    let mut out = std::io::stdout().lock();
    let mut before: Option<AuditId> = None;
    loop {
        let page = opened.store.audit_page(&AuditFilter::default(), before, AT_ONCE).await?;
        for record in &page {
            let line = serde_json::to_string(record).map_err(std::io::Error::from);
            writeln!(out, "{}", line.map_err(failed)?).map_err(failed)?;
        }
        match page.last() {
            Some(last) => before = Some(last.id),
            None => break,
        }
    }
    out.flush().map_err(failed)?;
    opened.database.close().await;
    Ok(())
}
