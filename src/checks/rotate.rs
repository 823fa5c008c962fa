//! The keys of an installation: registering them at start, and rotating them.

use std::sync::Arc;

use tracing::{info, warn};

use super::manage::{CheckManager, ManageError};
use crate::{
    crypto::{
        InstallId, KeyRing, MissingKey, OpenCause, SealContext, SealError, Sealer, key_id_of,
    },
    model::{Actor, AuditAction, AuditEntry, CheckId, FieldChange, SealedSecret},
    store::{KeyUse, SealedRow, Store, StoreError},
};

/// The result of a rotation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RotationReport {
    /// The number of passwords that were sealed again.
    pub rewritten: u64,
    /// The number of passwords that someone changed meanwhile. The newer password stays (F85).
    pub overtaken: u64,
    /// The checks whose password no loaded key opens. They are left unchanged (F79).
    pub unreadable: Vec<CheckId>,
    /// The number of rewritten passwords that had the old, unbound format.
    pub bound: u64,
    /// The number of passwords that are still not sealed under the primary key in the bound format, as
    /// the store counts them: unreadable ones, and those that a worker with another primary key wrote
    /// meanwhile. If it is 0 twice, some minutes apart, the old key is no longer in use.
    pub left: u64,
}

impl CheckManager {
    /// Seals every stored password under the primary key, row by row. It can be interrupted and repeated
    /// at any point.
    ///
    /// Passwords in the old format are rewritten into the bound one if the sealer opens them
    /// ([`KeyRing::with_unbound_envelopes`]). Otherwise they count as unreadable.
    ///
    /// Earlier backups need the old key. Keep it as long as you keep them.
    ///
    /// # Errors
    /// Fails if the store fails or there is no key to seal with.
    pub async fn rotate_keys(&self, actor: &Actor) -> Result<RotationReport, ManageError> {
        let install = self.store.install_id().await?;
        let no_key = SealError::NoKey { cause: OpenCause::KeyMissing };
        let primary = Some(self.sealer.primary_key_id().ok_or(no_key)?);
        let mut report = RotationReport::default();
        let mut after = None;
        loop {
            let page = self.store.sealed_page(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.check.id);
            for row in page.iter().filter(|row| key_id_of(&row.secret) != primary) {
                self.rewrite(actor, install, row, &mut report).await?;
            }
        }
        let uses = self.store.key_uses().await?;
        report.left =
            uses.iter().filter(|used| used.key_id != primary).map(|used| used.secrets).sum();
        let RotationReport { rewritten, bound, overtaken, left, .. } = report;
        let unreadable = report.unreadable.len();
        info!(rewritten, bound, overtaken, unreadable, left, "stored passwords were sealed anew");
        Ok(report)
    }

    /// Counts the stored passwords by key. A key that is not listed is not in use.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn keys_in_use(&self) -> Result<Vec<KeyUse>, ManageError> {
        Ok(self.store.key_uses().await?)
    }

    async fn rewrite(
        &self,
        actor: &Actor,
        install: InstallId,
        row: &SealedRow,
        report: &mut RotationReport,
    ) -> Result<(), ManageError> {
        let check = &row.check;
        let context = SealContext::of(install, check.host_id, check.id, &check.definition);
        let opened = context
            .as_ref()
            .and_then(|context| self.sealer.open(context, &row.secret).ok().zip(Some(context)));
        let Some((password, context)) = opened else {
            warn!(check = %check.id, "a stored password does not open and stays unchanged");
            report.unreadable.push(check.id);
            return Ok(());
        };
        let sealed = self.sealer.seal(context, &password)?;
        let key = |secret| key_id_of(secret).map(|id| id.to_string());
        let audit = AuditEntry {
            changes: vec![FieldChange {
                field: "basic_auth_pass_key".to_owned(),
                before: key(&row.secret),
                after: key(&sealed),
            }],
            ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckRekeyed)
                .with_check(check.host_id, check.id)
        };
        if self.store.replace_secret(check.id, &row.secret, sealed, audit).await? {
            report.rewritten += 1;
            report.bound += u64::from(row.secret.format == SealedSecret::UNBOUND);
        } else {
            report.overtaken += 1;
        }
        Ok(())
    }
}

/// Keys that the installation knows. [`register_keys`] returns them, and [`CheckManager::new`] asks for
/// them, so that no password is sealed under a key that the next start refuses (F78).
#[derive(Clone, Debug)]
pub struct RegisteredKeys(pub(super) Arc<dyn Sealer>);

impl RegisteredKeys {
    /// Stands for no key: checks with a password are refused, and stored passwords do not open, with
    /// this cause (F71).
    #[must_use]
    pub fn missing(cause: OpenCause) -> Self {
        Self(Arc::new(MissingKey::new(cause)))
    }

    /// Takes keys for registered without asking the store. Use it for keys that something else guards,
    /// such as a key management service, and in tests.
    #[must_use]
    pub const fn assume(sealer: Arc<dyn Sealer>) -> Self {
        Self(sealer)
    }

    /// Returns what seals and opens with these keys, for a
    /// [`HostRunner`](super::HostRunner) that opens passwords.
    #[must_use]
    pub fn sealer(&self) -> Arc<dyn Sealer> {
        self.0.clone()
    }
}

/// Checks the loaded keys against the keys that an installation has used, and registers the primary one.
/// Call it at every start, before anything is sealed.
///
/// # Errors
/// Returns [`ManageError::KeyMismatch`] if the installation knows none of the loaded keys (F78). Fails if
/// the store fails.
pub async fn register_keys(
    store: &dyn Store,
    ring: impl Into<Arc<KeyRing>>,
    actor: &Actor,
) -> Result<RegisteredKeys, ManageError> {
    let ring = ring.into();
    let install = store.install_id().await?;
    let primary = ring.primary_key_id();
    loop {
        let canaries = store.canaries().await?;
        ring.verify(&canaries, install)?;
        if canaries.iter().any(|canary| Some(canary.key_id) == primary) {
            return Ok(RegisteredKeys(ring));
        }
        let audit = AuditEntry {
            changes: vec![FieldChange {
                field: "key".to_owned(),
                before: None,
                after: primary.map(|id| id.to_string()),
            }],
            ..AuditEntry::allowed(actor.clone(), AuditAction::KeyRegistered)
        };
        // Of two processes that start at once with different first keys, only one can insert its canary.
        // The other one looks again, and finds that its key is not the installation's.
        if store.insert_canary(ring.canary(install)?, &canaries, audit).await? {
            return Ok(RegisteredKeys(ring));
        }
    }
}

/// Returns whether a missing key file may be created, because nothing was ever sealed.
///
/// # Errors
/// Fails if the store fails.
pub async fn may_create_key(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.canaries().await?.is_empty() && store.sealed_page(None, 1).await?.is_empty())
}

const PAGE: u32 = 100;
