//! The trait that encrypts passwords.

use std::fmt::{self, Debug};

use thiserror::Error;

use super::key::{InstallId, KeyId};
use crate::model::{CheckDefinition, CheckId, HostId, Origin, Password, SealedSecret};

/// What a sealed password is bound to. The user name and the URL's path are not part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealContext {
    /// The installation.
    pub install_id: InstallId,
    /// The host of the check.
    pub host_id: HostId,
    /// The check.
    pub check_id: CheckId,
    /// The origin that the password is sent to.
    pub origin: Origin,
    /// Whether the check ignores certificate errors.
    pub tolerant: bool,
}

impl SealContext {
    /// Creates the context for the password of a check. `None` unless it is an HTTP check
    /// whose URL can be read.
    #[must_use]
    pub fn of(
        install_id: InstallId,
        host_id: HostId,
        check_id: CheckId,
        definition: &CheckDefinition,
    ) -> Option<Self> {
        let origin = definition.origin()?;
        Some(Self {
            install_id,
            host_id,
            check_id,
            origin,
            tolerant: definition.ignore_cert_errors,
        })
    }
}

/// Encrypts and decrypts passwords. It is synchronous because it never waits.
///
/// Contract:
/// - `open` succeeds only with the context that `seal` was given.
/// - Errors, logs and `Debug` texts contain neither passwords nor keys.
pub trait Sealer: Debug + Send + Sync + 'static {
    /// Encrypts a password under the primary key, with a fresh nonce.
    ///
    /// # Errors
    /// Fails if there is no key, if the key is exhausted, or if the random source fails.
    fn seal(&self, context: &SealContext, password: &Password) -> Result<SealedSecret, SealError>;

    /// Decrypts a password.
    ///
    /// # Errors
    /// Fails with a cause for administrators. The check itself fails with `secret_unreadable`.
    fn open(&self, context: &SealContext, sealed: &SealedSecret) -> Result<Password, OpenError>;

    /// Returns the id of the key that `seal` uses, if there is one.
    fn primary_key_id(&self) -> Option<KeyId>;
}

/// Why a password does not open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OpenCause {
    /// The key file is missing while encrypted passwords exist.
    KeyMissing,
    /// The key file may be read or changed by others.
    KeyInsecure,
    /// The key file does not have 32 bytes.
    KeyWrongLength,
    /// The key is not the one that this installation uses.
    KeyMismatch,
    /// The password names a key that is not loaded.
    UnknownKeyId,
    /// The nonce does not have 12 bytes.
    BadNonce,
    /// The row does not have the format that it claims.
    BadEnvelope,
    /// The row was copied, edited or damaged.
    AuthFailed,
}

impl OpenCause {
    /// Returns the cause's code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyMissing => "key_missing",
            Self::KeyInsecure => "key_insecure",
            Self::KeyWrongLength => "key_wrong_length",
            Self::KeyMismatch => "key_mismatch",
            Self::UnknownKeyId => "unknown_key_id",
            Self::BadNonce => "bad_nonce",
            Self::BadEnvelope => "bad_envelope",
            Self::AuthFailed => "auth_failed",
        }
    }
}

impl fmt::Display for OpenCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A password that does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the stored password does not open: {cause}")]
pub struct OpenError {
    cause: OpenCause,
}

impl OpenError {
    /// Creates the error for a cause.
    #[must_use]
    pub const fn new(cause: OpenCause) -> Self {
        Self { cause }
    }

    /// Returns the cause.
    #[must_use]
    pub const fn cause(&self) -> OpenCause {
        self.cause
    }
}

/// A password that cannot be sealed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no key to seal with.
    #[error("there is no key to encrypt with: {cause}")]
    NoKey {
        /// Why there is none.
        cause: OpenCause,
    },
    /// The key has reached its limit of encryptions (NIST SP 800-38D, 8.3). Rotate it.
    #[error("the key {key_id} has been used 2^32 times: rotate it")]
    KeyUsedUp {
        /// The key.
        key_id: KeyId,
    },
    /// The operating system's random source failed.
    #[error("the system's random number generator failed")]
    NoRandomness(#[source] getrandom::Error),
    /// The cipher refused the text.
    #[error("the cipher refused the text")]
    Cipher,
}

/// A sealer without a key. HTTP checks without a password keep running, and everything that needs the
/// key fails with the given cause (F71).
#[derive(Clone, Copy, Debug)]
pub struct MissingKey {
    cause: OpenCause,
}

impl MissingKey {
    /// Creates a sealer that fails with this cause.
    #[must_use]
    pub const fn new(cause: OpenCause) -> Self {
        Self { cause }
    }
}

impl Sealer for MissingKey {
    fn seal(&self, _: &SealContext, _: &Password) -> Result<SealedSecret, SealError> {
        Err(SealError::NoKey { cause: self.cause })
    }

    fn open(&self, _: &SealContext, _: &SealedSecret) -> Result<Password, OpenError> {
        Err(OpenError::new(self.cause))
    }

    fn primary_key_id(&self) -> Option<KeyId> {
        None
    }
}
