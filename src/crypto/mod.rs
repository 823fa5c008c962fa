//! How passwords are encrypted: AES-256-GCM (NIST SP 800-38D) under keys from files, each password
//! bound to the check that it is for.
//!
//! A sealed password opens only in its own row, for the origin and tolerance that it was entered for,
//! in the installation that sealed it. A copied or edited row does not open.

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

pub use self::{
    canary::{Canary, CanaryMismatch},
    envelope::key_id_of,
    key::{InstallId, Key, KeyId},
    key_file::{KeyFile, KeyFileError},
    key_files::KeyFiles,
    key_ring::KeyRing,
    sealer::{MissingKey, OpenCause, OpenError, SealContext, SealError, Sealer},
};
