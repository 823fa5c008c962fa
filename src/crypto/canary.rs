//! Canaries: known texts that reveal a wrong or second key before anything is written.

use std::fmt;

use thiserror::Error;

use super::{
    envelope::list,
    key::{InstallId, Key, KeyId},
    primitive,
    sealer::SealError,
};

const TEXT: &[u8] = b"hc-canary-v1";

/// A known text that a key sealed for one installation. It is not secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    /// The key that sealed it.
    pub key_id: KeyId,
    /// The nonce.
    pub nonce: Vec<u8>,
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

impl Canary {
    /// Creates the canary of a key for an installation.
    ///
    /// # Errors
    /// Fails if the random source fails.
    pub fn make(key: &Key, install_id: InstallId) -> Result<Self, SealError> {
        let nonce = primitive::fresh_nonce().map_err(SealError::NoRandomness)?;
        let ciphertext = primitive::encrypt(key, &nonce, &associated(key.id(), install_id), TEXT)
            .map_err(|_| SealError::Cipher)?;
        Ok(Self { key_id: key.id(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Checks that this key sealed it for this installation.
    ///
    /// # Errors
    /// Fails if it did not.
    pub fn verify(&self, key: &Key, install_id: InstallId) -> Result<(), CanaryMismatch> {
        let mismatch = CanaryMismatch { key_id: self.key_id };
        let nonce = self.nonce.as_slice().try_into().map_err(|_| mismatch)?;
        let associated = associated(self.key_id, install_id);
        match primitive::decrypt(key, nonce, &associated, &self.ciphertext) {
            Ok(text) if text.as_slice() == TEXT && key.id() == self.key_id => Ok(()),
            _ => Err(mismatch),
        }
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Canary({})", self.key_id)
    }
}

fn associated(key_id: KeyId, install_id: InstallId) -> Vec<u8> {
    list(&[b"hc-canary-v1", key_id.as_bytes(), install_id.as_bytes()])
}

/// The error for a key that does not match a canary (F78).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("this installation uses the key {key_id}, and the loaded one does not match it")]
pub struct CanaryMismatch {
    /// The id of the key that made the canary.
    pub key_id: KeyId,
}
