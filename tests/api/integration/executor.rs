//! The manager's job executor with a gate before every patch.

use std::{error::Error, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use healthgate::{
    gate::{Gate, GateError, Opening},
    model::{GateRecord, GateRequest, GateState, HostId, JobId},
    store::{Refusal, Spend, Store, StoreError},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::integration::windows::{Dispatch, JobWindows};

/// What asks a host's agent to apply patches.
#[async_trait]
pub(crate) trait Patcher: Debug + Send + Sync {
    async fn patch(&self, gate: &GateRecord) -> Result<(), String>;
}

pub(crate) struct Executor {
    pub(crate) pool: PgPool,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gate: Gate,
    pub(crate) windows: Arc<JobWindows>,
    pub(crate) patcher: Arc<dyn Patcher>,
}

type Stepped = Result<(), Box<dyn Error + Send + Sync>>;

/// How long an immediate job waits for its hosts to be healthy.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl Executor {
    /// Takes jobs forward until it is told to stop. An error ends nothing: the next step tries again.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.step().await {
                tracing::warn!(%error, "jobs wait: a step was not possible");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }

    async fn step(&self) -> Stepped {
        self.open_gates().await?;
        self.look_at_gates().await?;
        let over = "update patch_jobs j set status = case \
                when exists (select from patch_job_hosts p where p.job_id = j.id \
                    and p.status = 'failed') then 'failed'::job_status else 'succeeded' end \
            where j.status = 'running' and not exists (select from patch_job_hosts p \
                where p.job_id = j.id and p.status not in ('succeeded', 'failed', 'cancelled'))";
        sqlx::query(over).execute(&self.pool).await?;
        Ok(())
    }

    /// Opens a gate for each queued host whose own window is open. A host that another job's gate
    /// holds stays queued.
    async fn open_gates(&self) -> Stepped {
        let queued: Vec<Dispatch> = sqlx::query_as(
            "select p.job_id, p.host_id, false as cancelled, j.kind, j.immediate, \
             j.maintenance_window_id from patch_job_hosts p join patch_jobs j on j.id = p.job_id \
             where p.status = 'queued' order by j.created_at limit 500",
        )
        .fetch_all(&self.pool)
        .await?;
        for host in queued {
            let (job_id, host_id) = ids(host.job_id, host.host_id);
            let request = if host.immediate {
                GateRequest::immediate(job_id, host_id, self.store.now().await?, LONGEST_WAIT)?
            } else if let Some(window) = self.windows.open_for(&host).await? {
                GateRequest::new(job_id, host_id, window)
            } else {
                continue;
            };
            // What mends a host is not held back by what is wrong with it; its window counts all the same.
            let request = if host.kind == "rollback" { request.with_exemption() } else { request };
            for opening in self.gate.open_all(&[request]).await? {
                if !matches!(opening, Opening::Busy { .. }) {
                    self.wait_at_gate(&host).await?;
                }
            }
        }
        Ok(())
    }

    async fn wait_at_gate(&self, host: &Dispatch) -> Stepped {
        sqlx::query(
            "with waiting as (update patch_job_hosts set status = 'waiting_health_check' \
                 where job_id = $1 and host_id = $2 and status = 'queued' returning job_id) \
             update patch_jobs set status = 'running' \
             where id in (select job_id from waiting) and status = 'queued'",
        )
        .bind(host.job_id)
        .bind(host.host_id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Does as the gates of waiting hosts say.
    async fn look_at_gates(&self) -> Stepped {
        let waiting: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "select job_id, host_id from patch_job_hosts where status = 'waiting_health_check'",
        )
        .fetch_all(&self.pool)
        .await?;
        for (job, host) in waiting {
            let (job_id, host_id) = ids(job, host);
            let Some(gate) = self.store.gate(job_id, host_id).await? else { continue };
            match gate.state {
                // Why it waits, where the manager's pages look for it.
                GateState::Waiting => self.note(&gate).await?,
                GateState::Passed => self.patch(&gate).await?,
                GateState::Failed => {
                    self.end(&gate, "waiting_health_check", "failed", Some(&gate.detail)).await?;
                }
                GateState::Cancelled => {
                    self.end(&gate, "waiting_health_check", "cancelled", None).await?;
                }
                // The row moves in the transaction that spends the pass: it has, since it was read.
                GateState::Spent => {}
            }
        }
        Ok(())
    }

    /// Spends the pass, which moves the row to `running`, and patches. A manager patches in a task of
    /// its own, so that the other hosts go on meanwhile.
    async fn patch(&self, gate: &GateRecord) -> Stepped {
        let Some(pass) = &gate.pass else { return Ok(()) };
        match self.gate.spend(pass).await {
            Ok(Spend::Spent(_)) => {}
            // Too late, not so any more, or cancelled between the look and the step: the gate waits
            // again or ends, and the next step sees it.
            Ok(Spend::Refused(_))
            | Err(GateError::Store(StoreError::Refused(Refusal::StateMoved))) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let patched = self.patcher.patch(gate).await;
        self.gate.finished(pass.id).await?;
        let recheck = self.gate.recheck(gate.job_id, gate.host_id).await?;
        match patched {
            Ok(()) if recheck.is_worse() => {
                self.end(gate, "running", "failed", Some("unhealthy since the patch")).await
            }
            Ok(()) => self.end(gate, "running", "succeeded", None).await,
            Err(words) => self.end(gate, "running", "failed", Some(&words)).await,
        }
    }

    async fn note(&self, gate: &GateRecord) -> Stepped {
        sqlx::query(
            "update patch_job_hosts set last_error = $3 where job_id = $1 and host_id = $2 \
             and status = 'waiting_health_check' and last_error is distinct from $3",
        )
        .bind(gate.job_id.as_uuid())
        .bind(gate.host_id.as_uuid())
        .bind(gate.detail.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// One conditional step: a row that is elsewhere by now is left alone.
    async fn end(&self, gate: &GateRecord, from: &str, to: &str, words: Option<&str>) -> Stepped {
        sqlx::query(
            "update patch_job_hosts set status = $4::job_status, error_message = $5, \
             completed_at = now() where job_id = $1 and host_id = $2 and status = $3::job_status",
        )
        .bind(gate.job_id.as_uuid())
        .bind(gate.host_id.as_uuid())
        .bind(from)
        .bind(to)
        .bind(words)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Cancels what has not begun of a job, hosts that wait at their gates included. Either this or a
/// spent pass moves a waiting row, never both; the gate learns it from its window source.
pub(crate) async fn cancel(pool: &PgPool, job: JobId) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "update patch_job_hosts set status = 'cancelled', completed_at = now() \
         where job_id = $1 and status in ('queued', 'pending', 'waiting_health_check')",
    )
    .bind(job.as_uuid())
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "update patch_jobs set status = 'cancelled' where id = $1 and status <> 'cancelled' \
         and not exists (select from patch_job_hosts where job_id = $1 and status <> 'cancelled')",
    )
    .bind(job.as_uuid())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

fn ids(job: Uuid, host: Uuid) -> (JobId, HostId) {
    (JobId::from_uuid(job), HostId::from_uuid(host))
}
