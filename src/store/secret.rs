//! Which keys an installation uses, and the sealed passwords that a rotation rewrites.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    crypto::{Canary, InstallId, KeyId},
    model::{AuditEntry, CheckId, HealthCheck, SealedSecret},
};

/// A check with a sealed password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRow {
    /// The check, which says what the password is bound to.
    pub check: HealthCheck,
    /// The password.
    pub secret: SealedSecret,
}

/// How many passwords are sealed under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// The key; `None` for the old form, which names none, and for what cannot be read.
    pub key_id: Option<KeyId>,
    /// How many.
    pub secrets: u64,
}

/// Keys and sealed passwords.
///
/// Contract:
/// - The install id is made once, at random, and never changes.
/// - Canaries stay for ever, oldest first. One is entered only in full knowledge of the others, so
///   that two first keys cannot both be entered (F78).
/// - A password is replaced only where it is still the one that was read (F85); this raises no
///   revision, since the check asks the same as before.
#[async_trait]
pub trait SecretStore: Debug + Send + Sync + 'static {
    /// The id of this installation, which every sealed password is bound to.
    async fn install_id(&self) -> Result<InstallId, StoreError>;

    /// The canaries of all keys that were ever used here.
    async fn canaries(&self) -> Result<Vec<Canary>, StoreError>;

    /// Enters a key's canary where exactly the canaries in `known` are there; `false` where others
    /// are, and nothing was entered.
    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Up to `limit` checks with a password, by id, after the given one.
    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Puts a password in the place of `old`. `false` where that is not there any more.
    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// How many passwords are sealed under which key.
    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError>;
}
