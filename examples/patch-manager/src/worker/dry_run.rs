//! Dry runs: run a host's checks once, and report what a job would do to the host.

use std::sync::Arc;

use healthgate::{
    gate::{Gate, HostPreview},
    model::{Outlook, Window, instant},
    store::Store,
};
use tracing::{debug, warn};

use crate::{
    announce,
    database::{Database, JobHostRow, Stage},
};

/// Runs the checks of a dry run's host once, and ends the host with the outcome.
pub(super) async fn dry_run(
    gate: Gate,
    database: Database,
    store: Arc<dyn Store>,
    host: JobHostRow,
) {
    let (to, detail) = match gate.dry_run(host.job_id, host.host_id, host.window).await {
        Ok(preview) => (Stage::Succeeded, detail_of(&preview, host.window)),
        Err(error) => {
            warn!(host = %host.host_id, %error, "the checks of a dry run cannot be run");
            (Stage::Failed, format!("dry run: its checks cannot be run now: {error}"))
        }
    };
    match database.end_job_host(&host, Stage::Queued, to, &detail).await {
        Ok(true) => announce::row(&*store, &host, to, None).await,
        Ok(false) => {
            debug!(host = %host.host_id, "a dry run was cancelled, or has ended elsewhere");
        }
        Err(error) => warn!(host = %host.host_id, %error, "a dry run's end cannot be written"),
    }
}

/// Describes what would have happened to a host.
fn detail_of(preview: &HostPreview, window: Window) -> String {
    let opens = instant::in_words(&window.opens_at());
    let closes = instant::in_words(&window.closes_at());
    if preview.host_gone {
        return "dry run: it would fail, since the host is gone".to_owned();
    }
    let blocking: Vec<String> =
        preview.blocking.iter().map(|one| format!("{} ({})", one.name, one.reason)).collect();
    match (blocking.is_empty(), preview.not_open) {
        (true, true) => {
            format!(
                "dry run: nothing holds it back; it would be patched once its window opens, {opens}"
            )
        }
        (true, false) if preview.decision == Outlook::Proceed => {
            "dry run: nothing holds it back; it would be patched now".to_owned()
        }
        (true, false) => "dry run: it would fail, since its window has closed".to_owned(),
        (false, _) => {
            let blocking = blocking.join(", ");
            format!("dry run: it would wait for {blocking}, and fail at {closes} if that stays so")
        }
    }
}
