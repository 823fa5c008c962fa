//! The keys that are loaded: one to seal with, any number to open with.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use super::{
    canary::{Canary, CanaryMismatch},
    envelope,
    key::{InstallId, Key, KeyId},
    sealer::{OpenCause, OpenError, SealContext, SealError, Sealer},
};
use crate::model::{Password, SealedSecret};

/// After so many encryptions under one key a warning is due …
const ALARM: u64 = 1 << 28;
/// … and after so many no more is allowed (NIST SP 800-38D, 8.3, for random nonces; F83).
const REFUSAL: u64 = 1 << 32;

/// The loaded keys. A rotation loads the new key to open with first, then makes it the primary one,
/// rewrites what is stored, and drops the old one when nothing uses it any more.
///
/// The count of encryptions is this process's own: it bounds a runaway loop, not a key's whole life.
#[derive(Debug)]
pub struct KeyRing {
    primary: Key,
    others: Vec<Key>,
    unbound: bool,
    sealed: AtomicU64,
}

impl KeyRing {
    /// A ring whose one key seals and opens.
    #[must_use]
    pub const fn new(primary: Key) -> Self {
        Self { primary, others: Vec::new(), unbound: false, sealed: AtomicU64::new(0) }
    }

    /// Adds a key that opens and never seals.
    #[must_use]
    pub fn with_decrypt_only(mut self, key: Key) -> Self {
        self.others.push(key);
        self
    }

    /// Opens passwords of the old form too, which are bound to nothing; off by default.
    #[must_use]
    pub fn with_unbound_envelopes(self, unbound: bool) -> Self {
        Self { unbound, ..self }
    }

    /// The ids of all loaded keys, the primary one first.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keys().map(Key::id).collect()
    }

    /// The canary of the primary key.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn canary(&self, install_id: InstallId) -> Result<Canary, SealError> {
        Canary::make(&self.primary, install_id)
    }

    /// Holds the loaded keys against the canaries of an installation: where there are canaries, the
    /// primary key must be one that is known, or be loaded beside one that is, as in a rotation.
    ///
    /// # Errors
    /// The canary of a key that is not loaded, where none of the loaded ones is known (F78).
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
