//! Copying a check to another host.

use tracing::warn;

use super::{CheckManager, ManageError};
use crate::{
    checks::diff,
    crypto::SealContext,
    model::{
        Actor, AuditAction, AuditEntry, CheckDefinition, CheckId, FieldChange, HealthCheck, HostId,
        SealedSecret, ViolationCode, Violations,
    },
    store::{CheckInsert, StoreError},
};

/// What became of a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Copied {
    /// The host has this check now.
    Created(HealthCheck),
    /// The host had a check of the same definition: nothing was written.
    Present(HealthCheck),
}

impl CheckManager {
    /// Copies a check to another host: the copy has an id of its own, and its password, where there is one, is
    /// sealed for it alone. A service is looked for on the agent that the copy's host has, unless the check
    /// names a host to ask. Where the host has a check of the same definition, nothing is written.
    ///
    /// The caller must decide first whether the actor may manage **both** hosts: whoever manages the copy uses its
    /// password, in tests and by its results. It stays bound to the origin that it was stored for (F123).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the host `from` has no such check, [`ManageError::HostUnknown`] if there is
    /// no host `to`, [`ManageError::Invalid`] if the definition cannot be read, [`ManageError::PasswordRequired`]
    /// if the stored password does not open, and as [`create`](Self::create).
    pub async fn copy(
        &self,
        actor: &Actor,
        from: HostId,
        check: CheckId,
        to: HostId,
    ) -> Result<Copied, ManageError> {
        let stored = self.stored(from, check).await?;
        self.host_exists(to).await?;
        let definition = stored.definition.clone();
        if definition.unreadable().is_some() {
            return Err(ManageError::Invalid(Violations::one(
                "check_ids",
                ViolationCode::NotAllowed,
                "what is stored of this check cannot be read: edit it first",
            )));
        }
        self.target_visible(actor, &definition).await?;
        let others = self.store.checks_of(&[to]).await?;
        if let Some(same) = others.into_iter().find(|other| is_same(other, &stored)) {
            return Ok(Copied::Present(same));
        }
        let id = CheckId::generate();
        let secret = match &stored.secret {
            Some(secret) => Some(self.resealed(&stored, secret, to, id, &definition).await?),
            None => None,
        };
        let mut changes = diff::created(&definition, secret.is_some());
        changes.push(FieldChange {
            field: "copied_from".to_owned(),
            before: None,
            after: Some(format!("{from}/{check}")),
        });
        let audit = AuditEntry {
            changes,
            ..AuditEntry::allowed(actor.clone(), AuditAction::HealthCheckCreated).with_check(to, id)
        };
        let first_run = self.first_run(actor, to);
        let limit = self.limit;
        let insert = CheckInsert { id, host_id: to, definition, secret, limit, first_run };
        let made = self.store.insert_check(insert, audit).await?;
        self.nudge();
        Ok(Copied::Created(made))
    }

    /// The password of a check, sealed for its copy.
    async fn resealed(
        &self,
        stored: &HealthCheck,
        secret: &SealedSecret,
        to: HostId,
        id: CheckId,
        definition: &CheckDefinition,
    ) -> Result<SealedSecret, ManageError> {
        let install = self.store.install_id().await?;
        let context = SealContext::of(install, stored.host_id, stored.id, &stored.definition);
        let context = context.ok_or(ManageError::Store(StoreError::NotFound))?;
        let password = self.sealer.open(&context, secret).map_err(|error| {
            warn!(check = %stored.id, %error, "a stored password does not open");
            ManageError::PasswordRequired { because: "the stored one does not open" }
        })?;
        self.seal(to, id, definition, &password).await
    }
}

/// Whether a copy of the second would be another one of the first. Passwords cannot be compared.
fn is_same(one: &HealthCheck, other: &HealthCheck) -> bool {
    one.definition == other.definition && one.has_password() == other.has_password()
}
