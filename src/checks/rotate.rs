//! Sealing stored passwords under another key, and knowing which keys are in use.

use tracing::{info, warn};

use super::manage::{CheckManager, ManageError};
use crate::{
    crypto::{InstallId, KeyRing, OpenCause, SealContext, SealError, Sealer as _, key_id_of},
    model::{Actor, AuditAction, AuditEntry, CheckId, FieldChange, SealedSecret},
    store::{KeyUse, SealedRow, Store, StoreError},
};

/// What a rotation did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RotationReport {
    /// Passwords that were sealed anew.
    pub rewritten: u64,
    /// Passwords that were changed by somebody else meanwhile; the newer one stands (F85).
    pub overtaken: u64,
    /// Checks whose password does not open under any loaded key; left as they are (F79).
    pub unreadable: Vec<CheckId>,
    /// How many of the rewritten ones were of the old form, bound to nothing.
    pub bound: u64,
    /// Passwords that are not sealed under the primary key in the bound form after all this, by the
    /// store's count: those that are unreadable, and those that another worker has written meanwhile
    /// under a key of its own. 0 here, and again some time later, means that the old key is in no use.
    pub left: u64,
}

impl CheckManager {
    /// Seals every stored password under the primary key that is not sealed under it yet, row by row.
    /// It can be stopped and started again at any point; what is done is done.
    ///
    /// Passwords of the old form are rewritten into the bound one where the sealer opens them
    /// ([`KeyRing::with_unbound_envelopes`]), and count as unreadable where it does not.
    ///
    /// Back-ups made earlier need the old key: keep it for as long as they.
    ///
    /// # Errors
    /// The store's, or that there is no key to seal with.
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

    /// How many passwords are sealed under which key; a key that does not stand here is in no use.
    ///
    /// # Errors
    /// The store's.
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
            warn!(check = %check.id, "a stored password does not open: it is left as it is");
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

/// Holds loaded keys against what an installation has used before, and enters the primary one. Call
/// it at every start, before anything is sealed.
///
/// # Errors
/// [`ManageError::KeyMismatch`] where none of the loaded keys is known here (F78), or the store's.
pub async fn register_keys(
    store: &dyn Store,
    ring: &KeyRing,
    actor: &Actor,
) -> Result<(), ManageError> {
    let install = store.install_id().await?;
    let primary = ring.primary_key_id();
    loop {
        let canaries = store.canaries().await?;
        ring.verify(&canaries, install)?;
        if canaries.iter().any(|canary| Some(canary.key_id) == primary) {
            return Ok(());
        }
        let audit = AuditEntry {
            changes: vec![FieldChange {
                field: "key".to_owned(),
                before: None,
                after: primary.map(|id| id.to_string()),
            }],
            ..AuditEntry::allowed(actor.clone(), AuditAction::KeyRegistered)
        };
        // Of two processes that start at once with different first keys only one can enter its own;
        // the other one looks again, and finds that its key is not the one of this installation.
        if store.insert_canary(ring.canary(install)?, &canaries, audit).await? {
            return Ok(());
        }
    }
}

/// Whether a key may be made where its file is missing: nothing here was ever sealed.
///
/// # Errors
/// The store's.
pub async fn may_create_key(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.canaries().await?.is_empty() && store.sealed_page(None, 1).await?.is_empty())
}

const PAGE: u32 = 100;
