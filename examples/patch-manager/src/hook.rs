//! The application's part of the library's transactions: a spent pass moves the job's host
//! in the same transaction, and an operator's right is asked for again where they write.

use async_trait::async_trait;
use chrono::Utc;
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
    /// The hook of a process; hosts whose pass is spent through its store are patched by `worker`.
    pub(crate) const fn new(worker: WorkerId) -> Self {
        Self { worker }
    }
}

/// The right that a write of the library rests on, where it is asked for again. What the application
/// writes itself asks in its own transactions.
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
    // A host that the check is aimed at by this very change must be seen as well, and one that it is copied from.
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
                let start = PatchStart::of(record, self.worker, Utc::now());
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
                let start = PatchStart::of(record, self.worker, Utc::now());
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
