//! The application's part of the library's transactions. A spent pass updates the job's host in the same
//! transaction, and a write checks the operator's right again.

use async_trait::async_trait;
use healthgate::{
    model::{Actor, AuditAction, AuditOutcome, AuditRecord, Role, WorkerId},
    store::{Change, Refusal, postgres::PgTxHook, sqlite::SqliteTxHook},
};
use sqlx::{PgConnection, SqliteConnection};

use crate::database::{PatchStart, Right, still_holds};

/// The hook of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobHook {
    worker: WorkerId,
}

impl JobHook {
    /// Creates the hook of a process. `worker` patches the hosts whose passes are spent through its store.
    pub(crate) const fn new(worker: WorkerId) -> Self {
        Self { worker }
    }
}

/// Returns the right to check again for a write of the library. The application's own writes check their
/// rights in their own transactions.
fn asked_again(record: &AuditRecord) -> Option<Right> {
    let needs = match record.action {
        AuditAction::HealthCheckCreated
        | AuditAction::HealthCheckUpdated
        | AuditAction::HealthCheckDeleted
        | AuditAction::HealthCheckTested
        | AuditAction::GateCancelled => record.role,
        AuditAction::GateOverridden
        | AuditAction::GateOverrideRemoved
        | AuditAction::GateClockCleared
        | AuditAction::RolloutResumed => Role::Admin,
        _ => return None,
    };
    if record.outcome != AuditOutcome::Allowed || record.role == Role::System {
        return None;
    }
    let actor = Actor::new(record.actor.clone(), needs);
    // The actor must also see a host that this change makes the check's target, or copies the check from.
    let others = ["target_host_id", "copied_from"];
    let aimed = record.changes.iter().filter(|change| others.contains(&change.field.as_str()));
    let aimed = aimed.filter_map(|change| change.after.as_ref()?.split('/').next()?.parse().ok());
    Some(Right::of(&actor, record.host_id.into_iter().chain(aimed)))
}

fn failed(error: sqlx::Error) -> Refusal {
    Refusal::Failed(error.into())
}

#[async_trait]
impl SqliteTxHook for JobHook {
    async fn before_commit(
        &self,
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match change {
            Change::PassSpent(record) => {
                let start = PatchStart::of(record, self.worker);
                let taken = start.take(connection).await.map_err(failed)?;
                if taken { Ok(()) } else { Err(Refusal::StateMoved) }
            }
            Change::Audited(record) => match asked_again(record) {
                None => Ok(()),
                Some(right) => match still_holds!(connection, &right).map_err(failed)? {
                    true => Ok(()),
                    false => Err(Refusal::Forbidden),
                },
            },
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl PgTxHook for JobHook {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match change {
            Change::PassSpent(record) => {
                let start = PatchStart::of(record, self.worker);
                let taken = start.take(connection).await.map_err(failed)?;
                if taken { Ok(()) } else { Err(Refusal::StateMoved) }
            }
            Change::Audited(record) => match asked_again(record) {
                None => Ok(()),
                Some(right) => match still_holds!(connection, &right).map_err(failed)? {
                    true => Ok(()),
                    false => Err(Refusal::Forbidden),
                },
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use healthgate::model::{AuditEntry, AuditId};

    use super::*;

    #[test]
    fn an_administrators_write_asks_for_the_role_again() {
        for action in [
            AuditAction::GateOverridden,
            AuditAction::GateOverrideRemoved,
            AuditAction::GateClockCleared,
            AuditAction::RolloutResumed,
        ] {
            let entry = AuditEntry::allowed(Actor::new("ada", Role::Admin), action);
            let record = AuditRecord::new(AuditId::generate(), Utc::now(), entry);
            let right = asked_again(&record)
                .map(|right| [Role::Admin, Role::Operator].map(|now| right.by_role(Some(now))));
            assert_eq!(right, Some([Some(true), Some(false)]), "{action:?}");
        }
    }
}
