//! The loaded keys: one that seals, and any number that open.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use super::{
    canary::{Canary, CanaryMismatch},
    envelope,
    key::{InstallId, Key, KeyId},
    sealer::{OpenCause, OpenError, SealContext, SealError, Sealer},
};
use crate::model::{Password, SealedSecret};

/// The number of encryptions under one key after which the ring warns.
const ALARM: u64 = 1 << 28;
/// The number of encryptions after which the key is refused (NIST SP 800-38D, 8.3, random nonces; F83).
const REFUSAL: u64 = 1 << 32;

/// The loaded keys: the primary one seals, all of them open.
///
/// A rotation first adds the new key, then makes it the primary one, rewrites the stored passwords, and
/// drops the old key. The ring counts the encryptions of this process only, so the bound stops a runaway
/// loop and does not measure the whole life of a key.
#[derive(Debug)]
pub struct KeyRing {
    primary: Key,
    others: Vec<Key>,
    unbound: bool,
    sealed: AtomicU64,
}

impl KeyRing {
    /// Creates a ring with one key that seals and opens.
    #[must_use]
    pub const fn new(primary: Key) -> Self {
        Self { primary, others: Vec::new(), unbound: false, sealed: AtomicU64::new(0) }
    }

    /// Adds a key that only opens.
    #[must_use]
    pub fn with_decrypt_only(mut self, key: Key) -> Self {
        self.others.push(key);
        self
    }

    /// Also opens passwords of the old format, which are not bound to their check. Off by default.
    #[must_use]
    pub fn with_unbound_envelopes(self, unbound: bool) -> Self {
        Self { unbound, ..self }
    }

    /// Returns the ids of all loaded keys, the primary one first.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keys().map(Key::id).collect()
    }

    /// Creates the canary of the primary key.
    ///
    /// # Errors
    /// Fails if the random source fails.
    pub fn canary(&self, install_id: InstallId) -> Result<Canary, SealError> {
        Canary::make(&self.primary, install_id)
    }

    /// Checks the loaded keys against the canaries of an installation. If there are canaries, the primary
    /// key or, during a rotation, another loaded key must match one.
    ///
    /// # Errors
    /// Fails if no loaded key matches, and names the key of a canary (F78).
    pub fn verify(&self, canaries: &[Canary], install_id: InstallId) -> Result<(), CanaryMismatch> {
        let known = |canary: &Canary| self.keys().any(|key| canary.verify(key, install_id).is_ok());
        match canaries.last() {
            Some(newest) if !canaries.iter().any(known) => {
                Err(CanaryMismatch { key_id: newest.key_id })
            }
            _ => Ok(()),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.primary).chain(&self.others)
    }
}

impl Sealer for KeyRing {
    fn seal(&self, context: &SealContext, password: &Password) -> Result<SealedSecret, SealError> {
        let sealed = self.sealed.fetch_add(1, Ordering::Relaxed);
        if sealed >= REFUSAL {
            return Err(SealError::KeyUsedUp { key_id: self.primary.id() });
        }
        if sealed == ALARM {
            warn!(key = %self.primary.id(), "the key has encrypted 2^28 times: rotate it soon");
        }
        envelope::seal(&self.primary, context, password)
    }

    fn open(&self, context: &SealContext, sealed: &SealedSecret) -> Result<Password, OpenError> {
        if sealed.format == SealedSecret::UNBOUND && self.unbound {
            let mut opened = Err(OpenError::new(OpenCause::AuthFailed));
            for key in self.keys() {
                opened = opened.or_else(|_| envelope::open_unbound(key, sealed));
            }
            return opened;
        }
        let key_id = envelope::key_id_of(sealed).ok_or(OpenError::new(OpenCause::BadEnvelope))?;
        let key = self
            .keys()
            .find(|key| key.id() == key_id)
            .ok_or(OpenError::new(OpenCause::UnknownKeyId))?;
        envelope::open(key, context, sealed)
    }

    fn primary_key_id(&self) -> Option<KeyId> {
        Some(self.primary.id())
    }
}
