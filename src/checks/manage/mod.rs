//! The rules for changing checks. The API is a thin layer over this module.

mod copy;
mod password;

pub use self::copy::Copied;

use std::{collections::HashMap, sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    diff,
    host_run::{HostRun, HostRunner, OutcomeCollector, readable, results, unanswered},
    poller::Nudge,
    rotate::RegisteredKeys,
    run_budget::RunBudget,
    run_metrics::{RanBy, ran},
};
use crate::{
    crypto::{CanaryMismatch, OpenError, SealError, Sealer},
    directory::{DirectoryError, HostDirectory},
    model::{
        Actor, AppliedChange, AuditAction, AuditEntry, CheckChange, CheckDefinition, CheckId,
        CheckResult, ClockEpoch, FieldChange, HealthCheck, HostId, NewCheck, ReasonCode,
        ResultSource, StoreTime, ViolationCode, Violations,
    },
    store::{CheckInsert, CheckUpdate, FirstRun, SecretChange, Store, StoreError},
};

/// Creates, changes, deletes and tests checks: validates them, applies the password rule, seals
/// passwords, and writes the audit record.
///
/// The caller must decide first whether the actor may do it.
#[derive(Clone, Debug)]
pub struct CheckManager {
    pub(super) store: Arc<dyn Store>,
    pub(super) sealer: Arc<dyn Sealer>,
    directory: Arc<dyn HostDirectory>,
    runner: Arc<dyn HostRunner>,
    limit: u32,
    timeout: Duration,
    nudge: Option<Nudge>,
    budget: Option<RunBudget>,
}

impl CheckManager {
    /// The default maximum number of checks of a host.
    pub const DEFAULT_LIMIT: u32 = 5;

    /// Creates a manager for the checks of a store. `keys` encrypt passwords, `runner` tests checks.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: RegisteredKeys,
        directory: Arc<dyn HostDirectory>,
        runner: Arc<dyn HostRunner>,
    ) -> Self {
        Self {
            store,
            sealer: keys.0,
            directory,
            runner,
            limit: Self::DEFAULT_LIMIT,
            timeout: Duration::from_secs(10),
            nudge: None,
            budget: None,
        }
    }

    /// Sets the maximum number of checks of a host.
    #[must_use]
    pub fn with_check_limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Sets the deadline of a test. Use the poller's.
    #[must_use]
    pub fn with_test_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the handle that wakes a poller in the same process, so that it runs a new or changed check
    /// immediately.
    #[must_use]
    pub fn with_nudge(self, nudge: Nudge) -> Self {
        Self { nudge: Some(nudge), ..self }
    }

    /// Sets the budget of first runs. If it is exhausted, the first run of a new or changed check waits for
    /// its slot (F255). [`ApiBuilder::build`](crate::api::ApiBuilder::build) sets the API's own.
    #[must_use]
    pub fn with_run_budget(self, budget: RunBudget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Creates a check.
    ///
    /// # Errors
    /// Returns [`ManageError::HostUnknown`], [`ManageError::Invalid`] if the target host is unknown, or
    /// [`StoreError::LimitReached`]. Fails if the password cannot be sealed.
    pub async fn create(
        &self,
        actor: &Actor,
        host_id: HostId,
        new: NewCheck,
    ) -> Result<HealthCheck, ManageError> {
        self.host_exists(host_id).await?;
        self.target_visible(actor, &new.definition).await?;
        let id = CheckId::generate();
        let secret = match &new.password {
            Some(password) => Some(self.seal(host_id, id, &new.definition, password).await?),
            None => None,
        };
        let audit = AuditEntry {
            changes: diff::created(&new.definition, secret.is_some()),
            ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckCreated)
                .with_check(host_id, id)
        };
        let definition = new.definition;
        let first_run = self.first_run(actor, host_id);
        let insert = CheckInsert { id, host_id, definition, secret, limit: self.limit, first_run };
        let check = self.store.insert_check(insert, audit).await?;
        self.nudge();
        Ok(check)
    }

    /// Changes a check. Without an expected revision the change applies to the newest one. A change without
    /// effect writes nothing.
    ///
    /// # Errors
    /// Returns [`ManageError::Invalid`], [`ManageError::PasswordRequired`], [`StoreError::NotFound`], or
    /// [`StoreError::Conflict`] if the check is not at the expected revision.
    pub async fn change(
        &self,
        actor: &Actor,
        host_id: HostId,
        id: CheckId,
        change: &CheckChange,
        expected_revision: Option<i64>,
    ) -> Result<HealthCheck, ManageError> {
        let (mut tries, mut first_run) = (0, None);
        loop {
            let check = self.stored(host_id, id).await?;
            if expected_revision.is_some_and(|expected| expected != check.revision) {
                return Err(StoreError::Conflict { current: check.revision }.into());
            }
            let AppliedChange { definition, password } =
                change.apply(&check).map_err(ManageError::Invalid)?;
            self.kept_target_visible(actor, &check, &definition).await?;
            let secret = self.secret_after(&check, &definition, password).await?;
            let changes = diff::changed(&check, &definition, &secret);
            if changes.is_empty() && secret == SecretChange::Keep {
                return Ok(check);
            }
            let update = CheckUpdate {
                id,
                host_id,
                expected_revision: check.revision,
                definition,
                secret,
                first_run: *first_run.get_or_insert_with(|| self.first_run(actor, host_id)),
            };
            let audit = AuditEntry {
                changes,
                ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckUpdated)
                    .with_check(host_id, id)
            };
            match self.store.update_check(update, audit).await {
                Err(StoreError::Conflict { .. })
                    if expected_revision.is_none() && tries < MAXIMUM_RETRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
                Ok(check) => {
                    self.nudge();
                    return Ok(check);
                }
            }
        }
    }

    /// Deletes a check.
    ///
    /// # Errors
    /// Returns [`StoreError::NotFound`], or [`StoreError::Conflict`] if the check is not at the expected
    /// revision.
    pub async fn delete(
        &self,
        actor: &Actor,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
    ) -> Result<(), ManageError> {
        let check = self.stored(host_id, id).await?;
        let audit = AuditEntry {
            changes: diff::deleted(&check),
            ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckDeleted)
                .with_check(host_id, id)
        };
        Ok(self.store.delete_check(host_id, id, expected_revision, audit).await?)
    }

    /// Runs a stored check now, with an optional change applied. Stores only the audit record. The
    /// password rule holds for the change (F123).
    ///
    /// # Errors
    /// Fails like [`change`](Self::change).
    pub async fn test(
        &self,
        actor: &Actor,
        host_id: HostId,
        id: CheckId,
        change: Option<&CheckChange>,
    ) -> Result<CheckResult, ManageError> {
        let mut check = self.stored(host_id, id).await?;
        let mut changes = Vec::new();
        if let Some(change) = change {
            let AppliedChange { definition, password } =
                change.apply(&check).map_err(ManageError::Invalid)?;
            self.kept_target_visible(actor, &check, &definition).await?;
            let secret = self.secret_after(&check, &definition, password).await?;
            changes = diff::changed(&check, &definition, &secret);
            match secret {
                SecretChange::Keep => {}
                SecretChange::Remove => check.secret = None,
                SecretChange::Replace(secret) => check.secret = Some(secret),
            }
            check.definition = definition;
        } else {
            self.kept_target_visible(actor, &check, &check.definition).await?;
        }
        self.run_test(actor, check, changes).await
    }

    /// Runs a definition that is not stored.
    ///
    /// # Errors
    /// Fails like [`create`](Self::create), except for the limit.
    pub async fn test_unsaved(
        &self,
        actor: &Actor,
        host_id: HostId,
        new: NewCheck,
    ) -> Result<CheckResult, ManageError> {
        self.host_exists(host_id).await?;
        self.target_visible(actor, &new.definition).await?;
        let id = CheckId::generate();
        let secret = match &new.password {
            Some(password) => Some(self.seal(host_id, id, &new.definition, password).await?),
            None => None,
        };
        let now = self.store.read_clock().await?;
        let check = HealthCheck {
            id,
            host_id,
            definition: new.definition,
            secret,
            created_at: now.at,
            updated_at: now.at,
            updated_epoch: now.epoch,
            revision: 0,
        };
        let changes = diff::created(&check.definition, check.secret.is_some());
        self.run_test(actor, check, changes).await
    }

    /// Runs a test, and records it with the differences from the stored check, so that the audit log shows
    /// what ran.
    async fn run_test(
        &self,
        actor: &Actor,
        check: HealthCheck,
        changes: Vec<FieldChange>,
    ) -> Result<CheckResult, ManageError> {
        let (host_id, id) = (check.host_id, check.id);
        let audit = AuditEntry {
            changes,
            ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckTested)
                .with_check(host_id, id)
        };
        let record = self.store.append_audit(audit).await?;
        let mut agents = HashMap::new();
        if check.definition.service().is_some() {
            let known = self.directory.hosts(&[check.asked_host()]).await?;
            agents.extend(known.into_iter().map(|(host, info)| (host, info.agent)));
        }
        let unreadable = OutcomeCollector::default();
        let checks = readable(vec![check.clone()], &unreadable);
        let mut outcomes = unreadable.take();
        if !checks.is_empty() {
            let run = HostRun { host_id, checks, agents, timeout: self.timeout };
            outcomes = self.runner.test_host(run).await;
        }
        ran(RanBy::Test, std::slice::from_ref(&check), &outcomes);
        if outcomes.is_empty() {
            outcomes = unanswered(&[check], ReasonCode::Internal, "the test gave no answer");
        }
        // The result is shown and not stored, so its epoch does not matter.
        let started = StoreTime::new(ClockEpoch::default(), record.at);
        results(host_id, outcomes, started, ResultSource::Poll)
            .into_iter()
            .next()
            .ok_or(ManageError::Store(StoreError::NotFound))
    }

    async fn stored(&self, host_id: HostId, id: CheckId) -> Result<HealthCheck, ManageError> {
        Ok(self.store.check(host_id, id).await?.ok_or(StoreError::NotFound)?)
    }

    async fn host_exists(&self, host_id: HostId) -> Result<(), ManageError> {
        if self.directory.hosts(&[host_id]).await?.contains_key(&host_id) {
            Ok(())
        } else {
            Err(ManageError::HostUnknown)
        }
    }

    /// Checks that the actor sees the check's target. Whoever changes or tests a stored check must see the
    /// host that the check asks afterwards, no matter who set it (F213). A deleted target is not asked, and
    /// blocks no change.
    async fn kept_target_visible(
        &self,
        actor: &Actor,
        stored: &HealthCheck,
        definition: &CheckDefinition,
    ) -> Result<(), ManageError> {
        let target = definition.target_host_id();
        if let Some(kept) = target.filter(|_| target == stored.definition.target_host_id())
            && !self.directory.hosts(&[kept]).await?.contains_key(&kept)
        {
            return Ok(());
        }
        self.target_visible(actor, definition).await
    }

    async fn target_visible(
        &self,
        actor: &Actor,
        definition: &CheckDefinition,
    ) -> Result<(), ManageError> {
        let Some(target) = definition.target_host_id() else { return Ok(()) };
        if self.directory.visible_to(actor, &[target]).await?.contains(&target) {
            return Ok(());
        }
        Err(ManageError::Invalid(Violations::one(
            "target_host_id",
            ViolationCode::TargetHostUnknown,
            "there is no such host",
        )))
    }

    fn first_run(&self, actor: &Actor, host_id: HostId) -> FirstRun {
        let budget = self.budget.as_ref();
        budget.map_or(FirstRun::AtOnce, |budget| budget.first_run(&actor.name, host_id))
    }

    fn nudge(&self) {
        if let Some(nudge) = &self.nudge {
            nudge.nudge();
        }
    }
}

/// The number of attempts to apply a change without an expected revision.
const MAXIMUM_RETRIES: u32 = 5;

/// The error of managing checks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManageError {
    /// The definition is invalid: every violation.
    #[error(transparent)]
    Invalid(Violations),
    /// The actor must enter the stored password again.
    #[error("enter the password again: {because}")]
    PasswordRequired {
        /// Why it is required.
        because: &'static str,
    },
    /// The host does not exist.
    #[error("there is no such host")]
    HostUnknown,
    /// The password cannot be sealed.
    #[error("the password cannot be encrypted")]
    Seal(#[from] SealError),
    /// A stored password cannot be opened.
    #[error("a stored password cannot be decrypted")]
    Open(#[from] OpenError),
    /// None of the loaded keys is known to this installation.
    #[error(transparent)]
    KeyMismatch(#[from] CanaryMismatch),
    /// The host directory cannot be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store failed or refused the change.
    #[error(transparent)]
    Store(#[from] StoreError),
}
