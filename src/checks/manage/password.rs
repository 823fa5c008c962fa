//! The password rule: whether a stored password may stay or must be entered again.

use tracing::warn;

use super::{CheckManager, ManageError};
use crate::{
    crypto::SealContext,
    model::{CheckDefinition, CheckId, HealthCheck, HostId, Password, Patch, SealedSecret},
    store::{SecretChange, StoreError},
};

impl CheckManager {
    /// Decides about the password when a check gets a new definition. A new origin, or newly enabled
    /// tolerance, requires it again (F123, F124).
    pub(super) async fn secret_after(
        &self,
        check: &HealthCheck,
        definition: &CheckDefinition,
        password: Patch<Password>,
    ) -> Result<SecretChange, ManageError> {
        match password {
            Patch::Clear if check.has_password() => Ok(SecretChange::Remove),
            Patch::Clear => Ok(SecretChange::Keep),
            Patch::Set(password) => self
                .seal(check.host_id, check.id, definition, &password)
                .await
                .map(SecretChange::Replace),
            Patch::Keep => {
                let Some(secret) = &check.secret else { return Ok(SecretChange::Keep) };
                let (before, after) = (&check.definition, definition);
                if before.origin() != after.origin() {
                    return Err(ManageError::PasswordRequired {
                        because: "the URL's origin changes",
                    });
                }
                match (before.ignore_cert_errors, after.ignore_cert_errors) {
                    (false, true) => Err(ManageError::PasswordRequired {
                        because: "certificate errors will be ignored",
                    }),
                    (true, false) => {
                        // Stricter is harmless: the password is sealed for the new context without asking
                        // for it.
                        let install = self.store.install_id().await?;
                        let context = SealContext::of(install, check.host_id, check.id, before);
                        let context = context.ok_or(ManageError::Store(StoreError::NotFound))?;
                        let opened = self.sealer.open(&context, secret).map_err(|error| {
                            warn!(check = %check.id, %error, "a stored password does not open");
                            ManageError::PasswordRequired {
                                because: "the stored password does not open",
                            }
                        })?;
                        self.seal(check.host_id, check.id, definition, &opened)
                            .await
                            .map(SecretChange::Replace)
                    }
                    _ => Ok(SecretChange::Keep),
                }
            }
        }
    }

    pub(super) async fn seal(
        &self,
        host_id: HostId,
        id: CheckId,
        definition: &CheckDefinition,
        password: &Password,
    ) -> Result<SealedSecret, ManageError> {
        let install = self.store.install_id().await?;
        let context = SealContext::of(install, host_id, id, definition)
            .ok_or(ManageError::Store(StoreError::NotFound))?;
        Ok(self.sealer.seal(&context, password)?)
    }
}
