//! The keys of an installation, and the sealed passwords that a rotation rewrites.

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
    /// The check. The seal is bound to it.
    pub check: HealthCheck,
    /// The password.
    pub secret: SealedSecret,
}

/// The number of passwords sealed with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// The key. `None` for the old format, which names no key, and for unreadable values.
    pub key_id: Option<KeyId>,
    /// The number of passwords.
    pub secrets: u64,
}

/// Stores keys and sealed passwords.
///
/// Contract:
/// - The install id is random, is generated once, and never changes.
/// - Canaries stay forever, oldest first. A canary is inserted only by a caller that knows all others, so
///   that two workers cannot both insert a first key (F78).
/// - A password is replaced only if it is still the one that was read (F85). This does not increment the
///   revision, because the check requests the same as before.
#[async_trait]
pub trait SecretStore: Debug + Send + Sync + 'static {
    /// Returns the id of this installation. Every sealed password is bound to it.
    async fn install_id(&self) -> Result<InstallId, StoreError>;

    /// Returns the canaries of all keys that this installation has ever used.
    async fn canaries(&self) -> Result<Vec<Canary>, StoreError>;

    /// Inserts a key's canary if the store holds exactly the canaries in `known`. Otherwise returns `false`
    /// and inserts nothing.
    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Returns up to `limit` checks with a password, ordered by id, after the given one.
    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Replaces `old` with a newly sealed password. Returns `false` if `old` is no longer stored.
    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Returns how many passwords are sealed with each key.
    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError>;
}
