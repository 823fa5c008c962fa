//! Encryption of passwords: AES-256-GCM (NIST SP 800-38D) under keys from files.
//!
//! A sealed password is bound to its check, to the origin and the certificate tolerance that it was
//! entered for, and to the installation. A copied or edited row does not open.

mod canary;
mod envelope;
mod key;
mod key_file;
mod key_files;
mod key_ring;
mod primitive;
mod sealer;
#[cfg(test)]
mod tests;

#[cfg(all(feature = "http", feature = "testing"))]
pub(crate) use self::key_file::key_of;
pub use self::{
    canary::{Canary, CanaryMismatch},
    envelope::key_id_of,
    key::{InstallId, Key, KeyId},
    key_file::{KeyFile, KeyFileError},
    key_files::KeyFiles,
    key_ring::KeyRing,
    sealer::{MissingKey, OpenCause, OpenError, SealContext, SealError, Sealer},
};
